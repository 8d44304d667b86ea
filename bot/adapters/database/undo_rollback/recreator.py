"""Creates again what a chain dropped, fills it and compares, in one open transaction."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

from psycopg import sql

from bot.adapters.database.catalogue import catalogue_within
from bot.adapters.database.connections import Connection
from bot.adapters.database.effects import WriteCounter
from bot.adapters.database.execution import set_limits
from bot.adapters.database.large_objects import LargeObjectLoader, read_large_objects
from bot.adapters.database.roles import ScriptSession, read_roles
from bot.adapters.database.sequences import SequenceSetter
from bot.adapters.database.server import Server
from bot.adapters.database.shadow_source import Original
from bot.adapters.database.trace import read_publications
from bot.adapters.database.tracking import TrackingTable
from bot.adapters.database.undo_rollback.contents import QUERIES
from bot.adapters.database.undo_rollback.exactness import (
    ROLLED_BACK,
    SHOWN,
    not_exact,
    other_catalogue,
    refused_as_undo,
)
from bot.adapters.database.undo_rollback.realignment import Realignment, realign, reset
from bot.adapters.database.undo_rollback.rows import RowLoader
from bot.adapters.database.undo_rollback.script import RecreationScript, TrackingCopy
from bot.adapters.database.undo_rollback.staying import StayingRows
from bot.adapters.database.undo_rollback.written_since import check_large_objects, check_unwritten
from bot.domain.backups import SavedTable
from bot.domain.catalogue import Catalogue
from bot.domain.effects import LARGE_OBJECTS
from bot.errors import PermanentError
from bot.ports import Recreated, RecreationSpec, RowSource


class Recreator:
    """Creates, fills and compares, in one session's open transaction.

    Args:
        conn: in a transaction that the caller begins and ends.
        server: whose tracking table and lock timeout hold.
        spec: what is to come back.
        original: of a shadow: the live database that it is a copy of.
    """

    def __init__(
        self, conn: Connection, server: Server, spec: RecreationSpec, original: Original | None = None
    ) -> None:
        set_limits(conn, server.timing.lock_timeout_s)
        self._conn = conn
        self._tracking = server.tracking
        self._table = TrackingTable(conn, server.tracking)
        self._spec = spec
        self._loader = RowLoader(conn, spec)
        roles = original.roles if original else read_roles(conn, server.tracking)
        self._session = ScriptSession(conn, roles)
        self._original = original

    def is_done(self) -> bool:
        """Lock the tracking table, and say if it already holds the versions it must hold afterwards.

        Raises:
            PermanentError: ``unexpected-tracking-rows`` when it holds neither that nor what the chain left.
        """
        # Locked before it is read: nobody can migrate between this check and COMMIT.
        self._table.lock()
        now = self._table.versions()
        if now != self._spec.expected and now != self._spec.expected - self._spec.versions:
            raise PermanentError(
                "unexpected-tracking-rows",
                f"{self._table.identity} is not as the chain left it.",
                "Nothing was changed. Somebody has migrated meanwhile: undo that first.",
            )
        return now == self._spec.expected

    def run(self, script: RecreationScript, rows: RowSource, *, with_rows: bool = True) -> Recreated:
        """Create, fill, finish, compare.

        Args:
            script: from `read_script`.
            rows: the saved rows.
            with_rows: false in a rehearsal: then only the tracking table's are read.

        Raises:
            PermanentError: ``undo-failed``, ``undo-not-exact``.
            TemporaryError: ``table-locked``, ``database-unreachable``.
        """
        started = time.monotonic()
        with refused_as_undo():
            before = self._conn.execute(QUERIES["relations_now"]).fetchall()[0][0]
            self._take_away(script)
            writes = WriteCounter(self._conn, self._table.identity)
            staying = self._stay(with_rows=with_rows)
            self._execute((*script.shape, *script.leftovers))
            filled = self._fill(rows, staying, with_rows=with_rows)
            filled |= self._restore_large_objects(rows) if with_rows else {}
            self._insert_tracking(script.tracking)
            # Checks, grants and keys come after the rows, as in pg_restore: they hold only then.
            self._execute(script.checks)
            # A dump's grants start from none, so default privileges would leave more than there was.
            self._revoke_default_grants(before)
            self._execute(script.grants)
            self._execute(script.sequences)
            self._set_sequences(before, with_rows=with_rows)
            self._execute(script.finish)
            self._conn.execute("SET CONSTRAINTS ALL IMMEDIATE")
            for saved in self._saved():
                self._loader.verify(saved, with_rows=with_rows)
            if with_rows:
                staying.verify()
            self._check_writes(writes)
            self._check_tracking()
            self._check_publications()
            now = self._read_catalogue()
        # decision 14: the proof of an undo is the fingerprint from before the chain, checked before COMMIT.
        if now.fingerprint != self._spec.fingerprint:
            raise other_catalogue(self._spec, now)
        made = tuple(f"{table}.{column}" if column else table for table, column in script.made)
        return Recreated(script.length, filled, time.monotonic() - started, staying.without_key, made)

    def _read_catalogue(self) -> Catalogue:
        """Read it; of a shadow, with what the shadow could not have, and the live database's owners."""
        if self._original is None:
            return catalogue_within(self._conn)
        return self._original.omitted.add_to(catalogue_within(self._conn, self._original.owners))

    def _take_away(self, script: RecreationScript) -> None:
        """Drop what the chain has made, give everything its name from before, and reset what is set in place."""
        check_unwritten(self._conn, self._spec.trace, [item for item in script.made if not item[1]])
        self._execute((*script.drops, *script.renames))
        check_unwritten(self._conn, self._spec.trace, [item for item in script.made if item[1]])
        for item, altered in script.kept:
            reset(self._conn, item, altered)

    def _insert_tracking(self, copy: TrackingCopy | None) -> None:
        """Put the tracking rows back as they were, by way of a temporary table in which their versions are read."""
        if copy is None:
            raise PermanentError("undo-failed", "The emergency backup has no tracking rows.", ROLLED_BACK)
        create = sql.SQL("CREATE TEMPORARY TABLE backstop_tracking AS SELECT * FROM {} WITH NO DATA")
        self._conn.execute(create.format(self._table.name))
        with self._conn.cursor().copy(f"COPY pg_temp.backstop_tracking {copy.columns} FROM STDIN".encode()) as sink:
            sink.write(copy.rows)
        stage = TrackingTable(self._conn, replace(self._tracking, table="pg_temp.backstop_tracking"))
        wanted = [row.ctid for row in stage.rows() if row.version in self._spec.versions]
        names = copy.columns.strip("()")
        insert = f"INSERT INTO {self._table.name.as_string()} ({names}) OVERRIDING SYSTEM VALUE SELECT {names} "
        insert += f"FROM {stage.name.as_string()} WHERE ctid = ANY(%s::tid[])"
        self._conn.execute(insert.encode(), (wanted,))
        self._conn.execute("DROP TABLE pg_temp.backstop_tracking")

    def _execute(self, statements: Sequence[str | Realignment]) -> None:
        """Run them as pg_restore does: names are qualified, and function bodies are not checked."""
        self._conn.execute("SET LOCAL search_path = ''; SET LOCAL check_function_bodies = off")
        for statement in statements:
            if isinstance(statement, Realignment):
                realign(self._conn, statement, self._spec.trace)
            else:
                # decision 40: what is created belongs to whom the migrations' own would, until the dump says to whom.
                self._session.enter()
                self._session.execute(statement)
                self._session.leave()
        self._conn.execute("SET LOCAL search_path TO DEFAULT")

    def _revoke_default_grants(self, before: list[int]) -> None:
        for kind, schema, name, grantee in self._conn.execute(QUERIES["default_grants"], {"before": before}).fetchall():
            whom = sql.SQL("PUBLIC") if grantee is None else sql.Identifier(grantee)
            words = sql.SQL(
                "REVOKE ALL ON SEQUENCE {} FROM {}" if kind == "SEQUENCE" else "REVOKE ALL ON TABLE {} FROM {}"
            )
            self._conn.execute(words.format(sql.Identifier(schema, name), whom))

    def _saved(self) -> tuple[SavedTable, ...]:
        """List the saved relations; large objects are none."""
        tables = self._spec.export.tables if self._spec.export else ()
        return tuple(saved for saved in tables if saved.table != LARGE_OBJECTS)

    def _restore_large_objects(self, rows: RowSource) -> dict[str, int]:
        for saved in self._spec.export.tables if self._spec.export else ():
            if saved.table == LARGE_OBJECTS:
                check_large_objects(self._conn, self._spec.trace)
                made = LargeObjectLoader(self._conn).restore(saved, rows(saved))
                if read_large_objects(self._conn).content_hash != saved.content_hash:
                    raise not_exact("large objects would not be what was saved")
                return {saved.table: made}
        return {}

    def _stay(self, *, with_rows: bool) -> StayingRows:
        staying = StayingRows(self._conn, self._spec, self._table.identity, with_rows=with_rows)
        staying.look([saved for saved in self._loader.parents_first(self._saved()) if not self._is_new(saved)])
        return staying

    def _is_new(self, saved: SavedTable) -> bool:
        return saved.table in self._spec.reloaded

    def _fill(self, rows: RowSource, staying: StayingRows, *, with_rows: bool) -> dict[str, int]:
        def source(saved: SavedTable) -> Iterator[bytes]:
            return rows(saved) if with_rows or saved.table == self._table.identity else iter(())

        filled = {}
        for saved in self._loader.parents_first(self._saved()):
            if self._is_new(saved):
                filled[saved.table] = self._loader.load(saved, source(saved))
        with staying.quiet():
            filled |= staying.restore(source)
        return filled

    def _set_sequences(self, before: list[int], *, with_rows: bool) -> None:
        trace = self._spec.trace
        setter = SequenceSetter(self._conn, before, dict(trace.sequences) if trace else None)
        for sequence in self._spec.export.sequences if self._spec.export and with_rows else ():
            setter.set(sequence)

    def _check_writes(self, writes: WriteCounter) -> None:
        """Refuse where rows of other tables have changed: a cascade of what came back or went."""
        ours = {saved.table for saved in self._spec.export.tables} if self._spec.export else set()
        others = [str(write) for write in writes.written() if write.table not in ours]
        if others:
            raise not_exact(f"rows that others have written would change, of {'; '.join(others[:SHOWN])}")

    def _check_publications(self) -> None:
        before = self._spec.trace.publications if self._spec.trace else ""
        if before and before != read_publications(self._conn):
            raise not_exact("publications would not publish what they did")

    def _check_tracking(self) -> None:
        if self._table.versions() != self._spec.expected:
            raise PermanentError("undo-failed", f"{self._table.identity} does not hold what it held.", ROLLED_BACK)
