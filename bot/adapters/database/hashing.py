"""Counts the rows of tables exactly, and computes checksums of their content, in a session's snapshot."""

from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import replace
from queue import Empty, SimpleQueue
from typing import NamedTuple

import psycopg
from psycopg import sql

from bot.adapters.database.connections import Connection, Connections, snapshot
from bot.adapters.database.relations import QUERIES, Relation, count_rows
from bot.domain.backups import TableContent
from bot.domain.runs import Progress
from bot.ports import Report

REPORT_EVERY_S = 0.5
CANCEL_S = 5.0
SESSIONS = 2

# The text form of a value depends on these.
TEXT_FORM = """
SET LOCAL timezone = 'UTC';
SET LOCAL datestyle = 'ISO, YMD';
SET LOCAL intervalstyle = 'postgres';
SET LOCAL bytea_output = 'hex';
SET LOCAL extra_float_digits = 1;
SET LOCAL row_security = off
"""

# A bundle's verification must hash under the same.
HASHING = f"SET LOCAL search_path = pg_catalog;{TEXT_FORM}"


class Table(NamedTuple):
    """A table with rows of its own.

    Attributes:
        hashed: its columns, as they are hashed.
        held: the same without columns that are computed on reading; "" where there are none.
        of_extension: an extension keeps rows of the database's own in it.
        condition: selects those rows, as the extension says: a WHERE clause; "" means all.
    """

    schema: str
    name: str
    size_bytes: int
    hashed: str
    held: str = ""
    of_extension: bool = False
    condition: str = ""


def read_tables(conn: Connection) -> list[Table]:
    """List the tables with rows of their own, without those of extensions."""
    return [table for table in read_saved_tables(conn) if not table.of_extension]


def read_saved_tables(conn: Connection) -> list[Table]:
    """List the tables whose rows a dump has, extensions' tables with rows of the database's own included."""
    return [Table(*row) for row in conn.execute(QUERIES["stored_tables"])]


def hash_tables(conn: Connection, tables: Sequence[Table]) -> list[TableContent]:
    """Count and hash every table in the session's snapshot: a sum, so that order does not matter and duplicates do."""
    conn.execute(HASHING)
    return [_hash_table(conn, table) for table in tables]


def read_contents(conn: Connection, relations: Sequence[Relation]) -> list[TableContent]:
    """Count relations exactly, and hash those with rows of their own: a view's and a partitioned table's are others'.

    Changes the transaction's settings until its end.
    """
    if not relations:
        return []
    stored = {sql.Identifier(table.schema, table.name).as_string(): table for table in read_tables(conn)}
    tables = [relation for relation in relations if relation.name.as_string() in stored]
    contents = hash_tables(conn, [stored[relation.name.as_string()] for relation in tables])
    hashed = {relation.identity: content for relation, content in zip(tables, contents, strict=True)}
    return [
        replace(hashed[relation.identity], table=relation.identity)
        if relation.identity in hashed
        else TableContent(relation.identity, count_rows(conn, relation))
        for relation in relations
    ]


def _hash_table(conn: Connection, table: Table) -> TableContent:
    """Hash the stored columns and those computed from them; the latter are left out where they cannot be computed."""
    if not table.held:
        return _hash_columns(conn, table, table.hashed)
    try:
        with conn.transaction():  # a savepoint: a value that cannot be computed must not end the snapshot
            return _hash_columns(conn, table, table.hashed)
    except psycopg.DataError:
        return _hash_columns(conn, table, table.held)


def _hash_columns(conn: Connection, table: Table, columns: str) -> TableContent:
    # A sum needs no sort, so a table of any size is hashed in one pass.
    query = sql.SQL("SELECT count(*), coalesce(sum(hash_record_extended(ROW({}), 0)), 0)::text FROM {} t").format(
        sql.SQL(columns),  # quoted by the server's own format()
        _select_rows(table),
    )
    rows, content_hash = conn.execute(query).fetchall()[0]
    (identity,) = _read_identities(conn, [table])
    return TableContent(identity, rows, content_hash, of_extension=table.of_extension)


def _select_rows(table: Table) -> sql.Composable:
    name = sql.SQL("ONLY {}").format(sql.Identifier(table.schema, table.name))
    if not table.condition:
        return name
    # As pg_dump selects them. The condition names columns of the table, whose name must be its own there.
    return sql.SQL("(SELECT * FROM {} {})").format(name, sql.SQL(table.condition))


def _read_identities(conn: Connection, tables: Sequence[Table]) -> list[str]:
    query = "SELECT format('%%I.%%I', s, t) FROM unnest(%s::text[], %s::text[]) WITH ORDINALITY n (s, t, i) ORDER BY i"
    names = ([table.schema for table in tables], [table.name for table in tables])
    return [identity for (identity,) in conn.execute(query, names).fetchall()]


class ContentReader:
    """Counts and hashes every table of a database, as a dump does, in several sessions.

    Nobody writes to the database, so the sessions need no common snapshot.

    Args:
        connections: to its server.
        name: of the database.
    """

    def __init__(self, connections: Connections, name: str) -> None:
        self._connections = connections
        self._name = name
        self._waiting: SimpleQueue[Table] = SimpleQueue()
        self._found: list[TableContent] = []
        self._done_bytes = 0

    def read(self, report: Report) -> Sequence[TableContent]:
        """Hash the biggest tables first; return all in the order of a dump's."""
        with ExitStack() as stack:
            conns = [
                stack.enter_context(self._connections.session(self._name, statement_timeout_s=0))
                for _ in range(SESSIONS)
            ]
            tables = read_saved_tables(conns[0])
            # Otherwise one session would still be at a big table when the others have finished.
            for table in sorted(tables, key=lambda table: -table.size_bytes):
                self._waiting.put(table)
            self._share(conns, sum(table.size_bytes for table in tables), report)
            order = {identity: place for place, identity in enumerate(_read_identities(conns[0], tables))}
        return sorted(self._found, key=lambda content: order[content.table])

    def _share(self, conns: Sequence[Connection], total_bytes: int, report: Report) -> None:
        with ThreadPoolExecutor(len(conns), "side-hash") as pool:
            works = [pool.submit(self._hash, conn) for conn in conns]
            try:
                self._await(works, total_bytes, report)
            except BaseException:
                while self._next() is not None:
                    pass
                for conn in conns:
                    conn.cancel_safe(timeout=CANCEL_S)
                raise

    def _await(self, works: Sequence[Future[None]], total_bytes: int, report: Report) -> None:
        left = set(works)
        while left:
            done, left = wait(left, timeout=REPORT_EVERY_S, return_when=FIRST_COMPLETED)
            for work in done:
                work.result()
            report(Progress(min(self._done_bytes, total_bytes), total_bytes, "bytes"))

    def _hash(self, conn: Connection) -> None:
        while (table := self._next()) is not None:
            with snapshot(conn):
                self._found += hash_tables(conn, [table])
            self._done_bytes += table.size_bytes

    def _next(self) -> Table | None:
        try:
            return self._waiting.get_nowait()
        except Empty:
            return None
