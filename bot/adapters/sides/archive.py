"""Sorts a dump's table of contents into the stages of a load.

The loader owns everything until our role hands it over: owners and privileges come then. A few things that only a
superuser can make are tried last.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

ENTRY = re.compile(r"^\d+; \d+ \d+ (?P<what>.*)$")
EXTENSION = re.compile(r"EXTENSION - (?P<name>\S+) ")
# An app runs without these. Everything else is loaded, or the load fails.
OPTIONAL = re.compile(
    r"EVENT TRIGGER|PUBLICATION|SUBSCRIPTION|SECURITY LABEL"
    r"|COMMENT - (EVENT TRIGGER|PUBLICATION|SUBSCRIPTION|EXTENSION|DATABASE) "
)

TABLE, ROWS = "TABLE ", "TABLE DATA "


@dataclass(frozen=True)
class Contents:
    """Entries as pg_restore lists them, by stage.

    Attributes:
        body: everything else that is required, refreshes of populated materialized views included.
        privileges: ACLs and default ACLs, for our role, when the loader hands the database over.
        optional: tried last; failures are reported.
        statistics: the planner's, of tables, indexes and materialized views; nothing depends on them.
        extensions: names of those the dump makes.
        is_ordered: has to be loaded in its own order: it fills extensions' tables that may refer to each other, and
            nothing in it says so.
    """

    body: Sequence[str]
    privileges: Sequence[str]
    optional: Sequence[str]
    statistics: Sequence[str]
    extensions: Sequence[str]
    is_ordered: bool

    @classmethod
    def read(cls, lines: Sequence[str]) -> "Contents":
        """Sort the lines of ``pg_restore --list``, comments included."""
        stages: dict[str, list[str]] = {stage: [] for stage in _STAGES}
        entries = [(line, match["what"]) for line in lines if (match := ENTRY.match(line))]
        for line, what in entries:
            stages[_choose_stage(what)].append(line)
        return cls(
            **stages,
            extensions=[match["name"] for _, what in entries if (match := EXTENSION.match(what + " "))],
            is_ordered=_count_extension_tables([what for _, what in entries]) > 1,
        )

    @property
    def definitions(self) -> Sequence[str]:
        """The entries whose objects have owners."""
        return [line for line in (*self.body, *self.optional) if not _DATA.match(line)]


_STAGES = ("body", "privileges", "optional", "statistics")
_DATA = re.compile(r"^\d+; \d+ \d+ (TABLE DATA|SEQUENCE SET|BLOBS|MATERIALIZED VIEW DATA) ")


def _count_extension_tables(whats: Sequence[str]) -> int:
    """Count the tables that are filled without being created: extensions create them."""
    made = {what.removeprefix(TABLE) for what in whats if what.startswith(TABLE)}
    filled = {what.removeprefix(ROWS) for what in whats if what.startswith(ROWS)}
    return len(filled - made)


def _choose_stage(what: str) -> str:
    if what.startswith(("ACL ", "DEFAULT ACL ")):
        return "privileges"
    if what.startswith("STATISTICS DATA "):
        return "statistics"
    return "optional" if OPTIONAL.match(what) else "body"
