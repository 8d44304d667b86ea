"""Compares a kept database with the live one, and writes SQL that would bring back the rows only the kept one has."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from psycopg import sql

from bot.adapters.database import Server
from bot.adapters.database.connections import Connection, snapshot, translated
from bot.adapters.database.hashing import HASHING, hash_tables
from bot.adapters.database.hashing import Table as StoredTable
from bot.adapters.database.relations import order_by_references
from bot.adapters.row_recovery import tables
from bot.adapters.row_recovery.comparison import Comparison
from bot.adapters.row_recovery.sql_text import SETTINGS, TableWriter, has_line_break, identifier
from bot.adapters.row_recovery.tables import Name, Table
from bot.domain.row_recovery import RecoveredTable, Salvage, SkippedTable
from bot.domain.runs import Progress
from bot.ports import Report

REPORT_EVERY_ROWS = 1000

OpenSession = Callable[[str], AbstractContextManager[Connection]]
"""Opens a session that reads a database of ours, by its name."""


@dataclass(frozen=True)
class _Both:
    """A session in each of the two databases."""

    kept: Connection
    live: Connection


class PostgresRowRecovery:
    """A `bot.ports.RowRecovery`.

    Args:
        server: of the live database.
        open_kept: opens sessions in kept databases, which are closed.
    """

    def __init__(self, server: Server, open_kept: OpenSession) -> None:
        self._server = server
        self._open_kept = open_kept

    def write_sql(self, kept: str, about: Sequence[str], write: Callable[[bytes], None], report: Report) -> Salvage:
        """Write the SQL; see `bot.ports.RowRecovery.write_sql`."""
        with translated("Comparing the databases"), self._snapshots(kept) as both:
            tracking = tuple(self._server.tracking.table.split("."))
            return _Work(both, tracking, lambda text: write(text.encode()), report).perform(about)

    @contextmanager
    def _snapshots(self, kept: str) -> Iterator[_Both]:
        with (
            self._open_kept(kept) as one,
            self._server.connections.session(statement_timeout_s=0) as other,
        ):
            for conn in (one, other):  # one waits while the other's large table is read
                conn.execute("SET idle_in_transaction_session_timeout = 0")
            # One snapshot each: rows that are written meanwhile must not look like differences.
            with snapshot(one), snapshot(other):
                for conn in (one, other):
                    conn.execute(HASHING)
                yield _Both(one, other)


class _Work:
    """One comparison."""

    def __init__(self, both: _Both, tracking: tuple[str, ...], write: Callable[[str], None], report: Report) -> None:
        self._both = both
        self._tracking = tracking
        self._write = write
        self._report = report
        self._kept = tables.read(both.kept)
        self._live = tables.read(both.live)
        self._references = tables.read_references(both.live)
        self._sequences = tables.read_sequences(both.live)
        self._skipped: list[SkippedTable] = []

    def perform(self, about: Sequence[str]) -> Salvage:
        """Write head, tables and end."""
        differing = order_by_references(sorted(self._differing()), self._references)
        self._write("".join(f"-- {' '.join(line.split())}\n" for line in about))
        self._warn_of_circles(differing)
        self._write(f"\nBEGIN;\n{SETTINGS}")
        found = [self._compare(self._kept[name]) for name in differing]
        for skipped in self._skipped:
            self._write(f"\n-- Left out: {' '.join(skipped.table.split())}, because {skipped.reason}.\n")
        self._write("\nCOMMIT;\n")
        return Salvage(tuple(found), tuple(self._skipped), len(self._kept))

    def _warn_of_circles(self, ordered: Sequence[Name]) -> None:
        """Warn of circular references, for which no order of tables is right unless the keys are deferrable."""
        for place, name in enumerate(ordered):
            later = self._references.get(name, frozenset()) & set(ordered[place + 1 :])
            for parent in sorted(later):
                self._write(f"-- {identifier(*name)} refers to {identifier(*parent)}, which comes later: a circle.\n")

    def _differing(self) -> list[Name]:
        """Find the tables whose content differs; those that cannot be written are skipped."""
        found = []
        for place, (name, table) in enumerate(self._kept.items(), 1):
            reason = _shape_problem(table, self._live.get(name))
            if reason and self._has_rows(table):
                self._skip(name, reason)
            elif not reason and self._differs(table):
                obstacle = self._obstacle(table)
                if obstacle:
                    self._skip(name, obstacle)
                else:
                    found.append(name)
            self._report(Progress(place, len(self._kept), "tables"))
        return found

    def _obstacle(self, table: Table) -> str:
        if self._tracking in (table.name, table.name[1:]):
            return "it says which migrations are applied"
        return "" if table.key else "it has no primary key"

    def _skip(self, name: Name, reason: str) -> None:
        self._skipped.append(SkippedTable(identifier(*name), reason))

    def _has_rows(self, table: Table) -> bool:
        query = sql.SQL("SELECT EXISTS (SELECT FROM ONLY {})").format(sql.Identifier(*table.name))
        return bool(self._both.kept.execute(query).fetchall()[0][0])

    def _differs(self, table: Table) -> bool:
        hashed = [StoredTable(*table.name, table.size_bytes, table.hashed)]
        with ThreadPoolExecutor(1, "recovery-hash") as pool:
            kept = pool.submit(hash_tables, self._both.kept, hashed)
            return hash_tables(self._both.live, hashed) != kept.result()

    def _compare(self, table: Table) -> RecoveredTable:
        inserts = updates = 0
        self._write(f"\n-- {identifier(*table.name)}\n")
        joined = table.name in self._references.get(table.name, ())
        writer = TableWriter(table, self._write, joined=joined)
        comparison = Comparison(table, self._both.kept, self._both.live)
        for number, found in enumerate(comparison.differences()):
            if found.live is None:
                writer.insert(found.kept)
                inserts += 1
            else:
                updates += writer.update(found.kept, found.live)
            if number % REPORT_EVERY_ROWS == 0:
                self._report(Progress(number, 0, "rows"))
        writer.finish(self._sequences.get(table.name, ()) if inserts else ())
        return RecoveredTable(identifier(*table.name), inserts, updates, comparison.only_live)


def _shape_problem(kept: Table, live: Table | None) -> str:
    """Say why rows of one cannot go into the other; "" when they can."""
    if has_line_break(kept):
        return "a name in it has a line break"
    if live is None:
        return "the live database has no such table"
    if kept.columns != live.columns:
        return f"its columns differ ({_name_differences(kept, live)})"
    return ""


def _name_differences(kept: Table, live: Table) -> str:
    mine: Mapping[str, object] = {column.name: column for column in kept.columns}
    theirs: Mapping[str, object] = {column.name: column for column in live.columns}
    names = [name for name in {**mine, **theirs} if mine.get(name) != theirs.get(name)]
    return ", ".join(map(identifier, names)) or "their order"
