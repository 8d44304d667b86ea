"""Saves large objects, compares them and puts them back: all of them at once, as one relation of the export."""

from collections.abc import Iterable

from psycopg import sql

from bot.adapters.database.connections import Connection
from bot.adapters.named_queries import load
from bot.domain.backups import SavedTable, TableContent
from bot.domain.effects import LARGE_OBJECTS
from bot.ports import TableSink

QUERIES = load("sql.checks", "large_objects.sql")
COLUMNS = ("oid", "owner", "acl", "piece", "data")
PIECE_BYTES = 262144
STAGE = "pg_temp.backstop_large_objects"
WHOLE = "md5(string_agg(concat_ws('|', owner, acl, piece, md5(data)), ',' ORDER BY piece))"
"""A digest of one object from its pieces."""


def read_large_objects(conn: Connection) -> TableContent:
    """Count the pieces of all large objects, and hash them with their owners and grants."""
    query = f"""
        SELECT count(*), coalesce(sum(hashtextextended(concat_ws('|', oid, owner, acl, piece, md5(data)), 0)), 0)::text
        FROM ({QUERIES["pieces"]}) p
    """
    rows, content_hash = conn.execute(query.encode()).fetchall()[0]
    return TableContent(LARGE_OBJECTS, rows, content_hash)


def copy_large_objects(conn: Connection, sink: TableSink) -> int:
    """Copy the pieces of all large objects out, and return their number."""
    cursor = conn.cursor()
    query = f"COPY ({QUERIES['pieces']}) TO STDOUT WITH (FORMAT csv, HEADER)"
    with sink.table(LARGE_OBJECTS, COLUMNS) as write:
        with cursor.copy(query.encode()) as rows:
            for block in rows:
                write(bytes(block))
        return cursor.rowcount


class LargeObjectLoader:
    """Puts large objects back, in one session's open transaction."""

    def __init__(self, conn: Connection) -> None:
        self._conn = conn

    def restore(self, saved: SavedTable, rows: Iterable[bytes]) -> int:
        """Make again, remove or replace those that are not as they were saved; return the number of their pieces."""
        self._conn.execute(
            "CREATE TEMPORARY TABLE backstop_large_objects (oid bigint, owner text, acl text, piece int, data text)"
        )
        copy = f"COPY {STAGE} ({', '.join(COLUMNS)}) FROM STDIN WITH (FORMAT csv, HEADER, FORCE_NOT_NULL (acl, data))"
        with self._conn.cursor().copy(copy.encode()) as sink:
            for block in rows:
                sink.write(block)
        query = f"""
            SELECT coalesce(n.oid, s.oid), n.oid IS NOT NULL, s.owner, s.acl
            FROM (SELECT oid, {WHOLE} AS whole FROM ({QUERIES["pieces"]}) p GROUP BY oid) n
            FULL JOIN (SELECT oid, min(owner) AS owner, min(acl) AS acl, {WHOLE} AS whole FROM {STAGE} GROUP BY oid) s
                ON s.oid = n.oid
            WHERE n.whole IS DISTINCT FROM s.whole
        """
        for oid, is_there, owner, acl in self._conn.execute(query.encode()).fetchall():
            if is_there:
                self._conn.execute("SELECT pg_catalog.lo_unlink(%s::oid)", (oid,))
            if owner is not None:
                self._make(oid, owner, acl)
        self._conn.execute(f"DROP TABLE {STAGE}".encode())
        return saved.rows

    def _make(self, oid: int, owner: str, acl: str) -> None:
        self._conn.execute("SELECT pg_catalog.lo_create(%s::oid)", (oid,))
        put = f"SELECT pg_catalog.lo_put(oid::oid, piece::bigint * {PIECE_BYTES}, decode(data, 'hex')) FROM {STAGE}"
        self._conn.execute(f"{put} WHERE oid = %s".encode(), (oid,))
        number = sql.Literal(oid)
        self._conn.execute(sql.SQL("ALTER LARGE OBJECT {} OWNER TO {}").format(number, sql.Identifier(owner)))
        if acl:
            self._grant(number, owner, acl)

    def _grant(self, number: sql.Literal, owner: str, acl: str) -> None:
        name = sql.Identifier(owner)
        # The server writes the owner's own rights out as soon as anybody else has some.
        self._conn.execute(sql.SQL("GRANT ALL ON LARGE OBJECT {} TO {}").format(number, name))
        for grantee, privilege, passes_on in self._conn.execute(QUERIES["grants"], {"acl": acl, "owner": owner}):
            whom = sql.SQL("PUBLIC") if grantee is None else sql.Identifier(grantee)
            words = sql.SQL("GRANT {} ON LARGE OBJECT {} TO {}{}")
            ending = sql.SQL(" WITH GRANT OPTION" if passes_on else "")
            self._conn.execute(words.format(sql.SQL(privilege), number, whom, ending))
