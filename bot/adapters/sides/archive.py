"""A dump's table of contents, sorted by how each entry is to be loaded.

Loading in stages is what makes a copy equal for a role that is no superuser: privileges need objects that have their
owners; materialized views need privileges; a few things only a superuser can make are tried last.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

ENTRY = re.compile(r"^\d+; \d+ \d+ (?P<what>.*)$")
EXTENSION = re.compile(r"EXTENSION - (?P<name>\S+) ")
OPTIONAL = re.compile(
    r"EVENT TRIGGER|PUBLICATION|SUBSCRIPTION|SECURITY LABEL"
    r"|COMMENT - (EVENT TRIGGER|PUBLICATION|SUBSCRIPTION|EXTENSION|DATABASE) "
)
"""What an app runs without. The rest is loaded or the load fails."""

OF_SCHEMAS = ("SCHEMA ", "ACL - SCHEMA ", "COMMENT - SCHEMA ")
TABLE, ROWS = "TABLE ", "TABLE DATA "
OF_OTHERS = (ROWS, "SEQUENCE SET ", "ACL ")
"""What is about an object that has an entry of its own, unless it is an extension's: nobody is made its owner by it."""


@dataclass(frozen=True)
class Contents:
    """Entries as pg_restore lists them, by stage.

    Attributes:
        schemas: first, so that owners can be let in.
        body: everything else that has to be there.
        privileges: ACLs and default ACLs.
        refreshes: of materialized views that were populated.
        optional: tried last; what fails is told.
        statistics: the planner's, of tables, indexes and materialized views; nothing depends on them.
        extensions: names of those the dump makes.
        owners: roles of this server that objects are to be given to.
        makers: roles of this server that an entry is of, besides those of schemas.
        strange_owners: whether an entry's owner is no role of this server.
        is_ordered: whether it has to be loaded in its own order: extensions' tables that may refer to each other are
            filled by it, and nothing in it says so.
    """

    schemas: Sequence[str]
    body: Sequence[str]
    privileges: Sequence[str]
    refreshes: Sequence[str]
    optional: Sequence[str]
    statistics: Sequence[str]
    extensions: Sequence[str]
    owners: frozenset[str]
    makers: frozenset[str]
    strange_owners: bool
    is_ordered: bool

    @classmethod
    def read(cls, lines: Sequence[str], roles: Collection[str]) -> "Contents":
        """Sort the lines of ``pg_restore --list``.

        Args:
            lines: comments included.
            roles: names of every role on the server.
        """
        stages: dict[str, list[str]] = {stage: [] for stage in _STAGES}
        entries = [(line, match["what"]) for line in lines if (match := ENTRY.match(line))]
        for line, what in entries:
            stages[_stage(what)].append(line)
        found = [(_owner(what, roles), what) for _, what in entries]
        extensions = [match["name"] for _, what in entries if (match := EXTENSION.match(what + " "))]
        return cls(
            **stages,
            extensions=extensions,
            owners=frozenset(owner for owner, what in found if owner and not what.startswith(OF_OTHERS)),
            makers=frozenset(owner for owner, what in found if owner and not what.startswith(OF_SCHEMAS)),
            strange_owners=any(owner is None for owner, _ in found),
            is_ordered=_extensions_tables([what for _, what in entries]) > 1,
        )


_STAGES = ("schemas", "body", "privileges", "refreshes", "optional", "statistics")


def _extensions_tables(whats: Sequence[str]) -> int:
    """How many tables are filled without being made: extensions make them."""
    made = {what.removeprefix(TABLE) for what in whats if what.startswith(TABLE)}
    filled = {what.removeprefix(ROWS) for what in whats if what.startswith(ROWS)}
    return len(filled - made)


def _stage(what: str) -> str:
    if what.startswith(("ACL ", "DEFAULT ACL ")):
        return "privileges"
    if what.startswith("MATERIALIZED VIEW DATA "):
        return "refreshes"
    if what.startswith("STATISTICS DATA "):
        return "statistics"
    if what.startswith("SCHEMA "):
        return "schemas"
    return "optional" if OPTIONAL.match(what) else "body"


def _owner(what: str, roles: Collection[str]) -> str | None:
    """The role at an entry's end; "" where it has none, None where it is no role of this server.

    A role's name may hold blanks: the longest role that fits is taken.
    """
    if what.endswith(" "):
        return ""
    words = what.split(" ")
    for start in range(1, len(words)):
        candidate = " ".join(words[start:])
        if candidate in roles:
            return candidate
    return None
