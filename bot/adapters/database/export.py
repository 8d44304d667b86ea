"""Exports every row of relations as CSV, in one snapshot."""

from collections.abc import Sequence
from dataclasses import replace

from psycopg import sql

from bot.adapters.database.connections import Connection, snapshot
from bot.adapters.database.hashing import REPORT_EVERY_S, TEXT_FORM, read_contents
from bot.adapters.database.large_objects import copy_large_objects, read_large_objects
from bot.adapters.database.relations import Relation, find_children, find_relation, read_size_bytes
from bot.adapters.database.sequences import read_sequences
from bot.domain.backups import SavedSequence, TableContent
from bot.domain.effects import LARGE_OBJECTS
from bot.domain.runs import Progress
from bot.errors import PermanentError
from bot.ports import Clock, Report, TableSink


class Exporter:
    """Exports in one session; see `bot.ports.ExclusiveAccess.export`."""

    def __init__(self, conn: Connection, clock: Clock) -> None:
        self._conn = conn
        self._clock = clock

    def export(
        self, tables: Sequence[str], sink: TableSink, report: Report
    ) -> tuple[Sequence[SavedSequence], Sequence[TableContent]]:
        """Copy out every row of the relations, and of the tables that inherit from them, each by itself.

        Large objects are copied where their name is among the relations'.

        Returns every sequence's state, and each relation's content.
        """
        # decision 42: a chain may move any sequence. Read outside the snapshot, which would keep a lock on each.
        sequences = read_sequences(self._conn)
        with snapshot(self._conn):
            self._conn.execute(TEXT_FORM)  # or a database's own settings may leave out digits
            named = [table for table in tables if table != LARGE_OBJECTS]
            children = [child for table in named for child in find_children(self._conn, table)]
            # A child may be listed by itself and by its parent.
            relations = [self._find(table) for table in dict.fromkeys([*named, *children])]
            guess_bytes = sum(read_size_bytes(self._conn, relation) for relation in relations)
            progress = _ByteProgress(report, self._clock, guess_bytes)
            rows = {relation.identity: self._copy(relation, sink, progress) for relation in relations}
            progress.finish()
            contents = read_contents(self._conn, relations)
            if len(named) < len(tables):
                rows[LARGE_OBJECTS] = copy_large_objects(self._conn, sink)
                contents = [*contents, read_large_objects(self._conn)]
        return sequences, [replace(content, rows=rows[content.table]) for content in contents]

    def _find(self, table: str) -> Relation:
        relation = find_relation(self._conn, table)
        if relation is None:
            raise PermanentError(
                "relation-missing",
                f"{table} was to be saved and is not there.",
                "Nothing was dropped. Somebody has changed the schema: ask for the rollback again.",
            )
        return relation

    def _copy(self, relation: Relation, sink: TableSink, progress: "_ByteProgress") -> int:
        """Copy one relation, and return the server's own count of rows."""
        condition = sql.SQL("" if relation.populated else " WHERE false")
        query = sql.SQL("COPY (SELECT * FROM {}{}) TO STDOUT WITH (FORMAT csv, HEADER)").format(
            relation.source, condition
        )
        cursor = self._conn.cursor()
        with sink.table(relation.identity, relation.columns) as write:
            with cursor.copy(query) as rows:
                for block in rows:
                    write(bytes(block))
                    progress.add(len(block))
            return cursor.rowcount


class _ByteProgress:
    """Reports progress at intervals; the size as CSV is estimated by the size on disk."""

    def __init__(self, report: Report, clock: Clock, guess_bytes: int) -> None:
        self._report = report
        self._clock = clock
        self._guess_bytes = guess_bytes
        self._done_bytes = 0
        self._next_at = clock.monotonic()

    def add(self, size_bytes: int) -> None:
        self._done_bytes += size_bytes
        if self._clock.monotonic() >= self._next_at:
            self._next_at = self._clock.monotonic() + REPORT_EVERY_S
            self._report(Progress(self._done_bytes, max(self._guess_bytes, self._done_bytes), "bytes"))

    def finish(self) -> None:
        self._report(Progress(self._done_bytes, self._done_bytes, "bytes"))
