"""Copies every row of relations out, as CSV, in one snapshot."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from psycopg import sql

from bot.adapters.database.connections import Connection
from bot.adapters.database.hashing import TEXT_FORM, read_contents
from bot.adapters.database.relations import Relation, children_of, find_relation
from bot.adapters.named_queries import load
from bot.domain.backups import SavedSequence, TableContent
from bot.domain.runs import Progress
from bot.errors import PermanentError
from bot.ports import Clock, Report, TableSink

QUERIES = load("sql.checks", "tables.sql")
REPORT_EVERY_S = 0.5


class Exporter:
    """Exports in one session; see `bot.ports.Fence.export`."""

    def __init__(self, conn: Connection, clock: Clock) -> None:
        self._conn = conn
        self._clock = clock

    def export(
        self, tables: Sequence[str], sink: TableSink, report: Report
    ) -> tuple[Sequence[SavedSequence], Sequence[TableContent]]:
        """Copy out every row of the relations, and of the tables that inherit from them, each by itself.

        Gives owned sequences' states, and what each relation held.
        """
        with snapshot(self._conn):
            self._conn.execute(TEXT_FORM)  # or a database's own settings may leave out digits
            heirs = [child for table in tables for child in children_of(self._conn, table)]
            relations = [self._find(table) for table in dict.fromkeys([*tables, *heirs])]
            progress = _ByteProgress(report, self._clock, sum(self._size(relation) for relation in relations))
            sequences = [sequence for relation in relations for sequence in self._sequences(relation)]
            rows = {relation.identity: self._copy(relation, sink, progress) for relation in relations}
            progress.finish()
            contents = read_contents(self._conn, relations)
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
        """Copy one relation; the server's own count of rows is the answer."""
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

    def _sequences(self, relation: Relation) -> Iterator[SavedSequence]:
        owned = self._conn.execute(QUERIES["owned_sequences"], {"relation": relation.name.as_string()}).fetchall()
        for identity, schema, name in owned:
            query = sql.SQL("SELECT last_value, is_called FROM {}").format(sql.Identifier(schema, name))
            last_value, is_called = self._conn.execute(query).fetchall()[0]
            yield SavedSequence(identity, last_value, is_called)

    def _size(self, relation: Relation) -> int:
        return int(self._conn.execute(QUERIES["total_size"], {"relation": relation.name.as_string()}).fetchall()[0][0])


class _ByteProgress:
    """Reports now and then; what the rows take as CSV is only guessed by what they take on disk."""

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


@contextmanager
def snapshot(conn: Connection) -> Iterator[None]:
    """One read-only snapshot for all that is within. Row-level security must hide nothing: it raises instead."""
    conn.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    try:
        conn.execute("SET LOCAL row_security = off")
        yield
    finally:
        if not conn.closed:
            conn.execute("ROLLBACK")
