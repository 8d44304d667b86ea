"""Sorts a dump's table of contents into the stages of a load.

Loading in stages is what makes a copy equal for a role that is no superuser: privileges need objects that have their
owners; materialized views need privileges; a few things only a superuser can make are tried last.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

ENTRY = re.compile(r"^\d+; \d+ \d+ (?P<what>.*)$")
EXTENSION = re.compile(r"EXTENSION - (?P<name>\S+) ")
# An app runs without these. Everything else is loaded, or the load fails.
OPTIONAL = re.compile(
    r"EVENT TRIGGER|PUBLICATION|SUBSCRIPTION|SECURITY LABEL"
    r"|COMMENT - (EVENT TRIGGER|PUBLICATION|SUBSCRIPTION|EXTENSION|DATABASE) "
)

OF_SCHEMAS = ("SCHEMA ", "ACL - SCHEMA ", "COMMENT - SCHEMA ")
TABLE, ROWS = "TABLE ", "TABLE DATA "
# Entries about an object that has one of its own, unless it is an extension's: they make nobody its owner.
OF_OTHERS = (ROWS, "SEQUENCE SET ", "ACL ")


@dataclass(frozen=True)
class Contents:
    """Entries as pg_restore lists them, by stage.

    Attributes:
        schemas: first, so that owners can be let in.
        body: everything else that is required.
        privileges: ACLs and default ACLs.
        refreshes: of materialized views that were populated.
        optional: tried last; failures are reported.
        statistics: the planner's, of tables, indexes and materialized views; nothing depends on them.
        extensions: names of those the dump makes.
        owners: roles of this server that are to own objects.
        makers: roles of this server that own an entry, besides those of schemas.
        unknown_owners: an entry's owner is no role of this server.
        is_ordered: has to be loaded in its own order: it fills extensions' tables that may refer to each other, and
            nothing in it says so.
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
    unknown_owners: bool
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
            stages[_choose_stage(what)].append(line)
        found = [(_read_owner(what, roles), what) for _, what in entries]
        extensions = [match["name"] for _, what in entries if (match := EXTENSION.match(what + " "))]
        return cls(
            **stages,
            extensions=extensions,
            owners=frozenset(owner for owner, what in found if owner and not what.startswith(OF_OTHERS)),
            makers=frozenset(owner for owner, what in found if owner and not what.startswith(OF_SCHEMAS)),
            unknown_owners=any(owner is None for owner, _ in found),
            is_ordered=_count_extension_tables([what for _, what in entries]) > 1,
        )


_STAGES = ("schemas", "body", "privileges", "refreshes", "optional", "statistics")


def _count_extension_tables(whats: Sequence[str]) -> int:
    """Count the tables that are filled without being created: extensions create them."""
    made = {what.removeprefix(TABLE) for what in whats if what.startswith(TABLE)}
    filled = {what.removeprefix(ROWS) for what in whats if what.startswith(ROWS)}
    return len(filled - made)


def _choose_stage(what: str) -> str:
    if what.startswith(("ACL ", "DEFAULT ACL ")):
        return "privileges"
    if what.startswith("MATERIALIZED VIEW DATA "):
        return "refreshes"
    if what.startswith("STATISTICS DATA "):
        return "statistics"
    if what.startswith("SCHEMA "):
        return "schemas"
    return "optional" if OPTIONAL.match(what) else "body"


def _read_owner(what: str, roles: Collection[str]) -> str | None:
    """Read the role at an entry's end; "" where it has none, None where it is no role of this server.

    A role's name may hold blanks: the longest match is taken.
    """
    if what.endswith(" "):
        return ""
    words = what.split(" ")
    for start in range(1, len(words)):
        candidate = " ".join(words[start:])
        if candidate in roles:
            return candidate
    return None
