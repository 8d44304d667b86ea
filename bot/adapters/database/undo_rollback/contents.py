"""Reads a dump's table of contents, and finds the entries that are gone from the dumped database.

A dump lists objects by the OIDs they had. In the database it was made of, an object that still has its OID is still
there, even if it was renamed; everything else was dropped since.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bot.adapters.database.connections import Connection
from bot.adapters.named_queries import load
from bot.errors import PermanentError

QUERIES = load("sql.checks", "undo_rollback.sql")

ENTRY = re.compile(r"(\d+); (\d+) (\d+) (.*)", re.DOTALL)
DEPENDS = re.compile(r";\s+depends on: ([\d ]+)")
# OID of pg_class; a dump writes 0 for what belongs to a relation and has no catalogue of its own.
RELATIONS = 1259
# Rows come from the export; the others no chain can drop, or no dump of a run's own database needs again.
NOT_OURS = re.compile(r"(TABLE DATA|STATISTICS DATA|BLOB|DATABASE|EVENT TRIGGER|SUBSCRIPTION|ENCODING|STDSTR)")


@dataclass(frozen=True)
class Entry:
    """One entry of the list. `text` has its kind, schema, name and owner."""

    line: str
    number: int
    classid: int
    objid: int
    text: str
    needs: frozenset[int]

    @property
    def catalogue(self) -> int:
        """The system catalogue its OID belongs to."""
        return self.classid or RELATIONS


def read_entries(lines: Sequence[str]) -> list[Entry]:
    """Read the lines of `PgTools.list_dependencies`, in their order."""
    found: list[Entry] = []
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        match = ENTRY.fullmatch(line)
        if match:
            needs = DEPENDS.fullmatch(following)
            numbers = frozenset(int(number) for number in needs[1].split()) if needs else frozenset[int]()
            found.append(Entry(line, int(match[1]), int(match[2]), int(match[3]), match[4], numbers))
    return found


def find_gone_entries(
    conn: Connection, entries: Sequence[Entry], taken: frozenset[tuple[int, int]] = frozenset()
) -> list[Entry]:
    """Find the entries whose object is gone, and those that belong to such an object, in order.

    Args:
        conn: to the live database.
        entries: of the dump.
        taken: catalogue and OID of what will be gone when the undo has taken away what the chain made or changed.

    Raises:
        PermanentError: ``database-replaced``: the dump is not of this database.
    """
    _check_same(conn, entries)
    listed = [entry for entry in entries if entry.objid and not NOT_OURS.match(entry.text)]
    asked = {"classes": [entry.catalogue for entry in listed], "objects": [entry.objid for entry in listed]}
    # decision 14: OIDs tell what is gone, whether a script named it or CASCADE took it.
    gone = set(conn.execute(QUERIES["gone"], asked).fetchall()) | taken
    chosen = {entry.number for entry in listed if (entry.catalogue, entry.objid) in gone}
    return list(_with_belongings(entries, chosen))


def _with_belongings(entries: Sequence[Entry], chosen: set[int]) -> Iterator[Entry]:
    for entry in entries:
        belongs = entry.objid == 0 and bool(entry.needs & chosen) and not NOT_OURS.match(entry.text)
        if entry.number in chosen or belongs:
            yield entry


def _check_same(conn: Connection, entries: Sequence[Entry]) -> None:
    """Check that this is the dumped database: after a restore, the same OIDs are of other objects."""
    # Tables may have been renamed since, so most names must match, not all.
    tables = {entry.objid: entry.text for entry in entries if entry.text.startswith("TABLE ") and entry.classid}
    here = conn.execute(QUERIES["tables"], {"objects": list(tables)}).fetchall()
    same = sum(tables[oid].startswith(f"TABLE {name} ") for oid, name in here)
    if not here or same * 2 < len(here):
        raise PermanentError(
            "database-replaced",
            "The live database is not the one the chain ran in: it has been restored since.",
            "Nothing was changed. Undo that restore first, or restore the emergency backup as a whole.",
        )
