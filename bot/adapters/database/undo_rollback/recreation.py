"""Creates again what a chain dropped, in one transaction: on a shadow for a rehearsal, or in the closed database."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import psycopg
from psycopg import sql

from bot.adapters.database.catalogue import Owners, catalogue_within
from bot.adapters.database.chain import take_chain_lock
from bot.adapters.database.connections import LOCKED, Connection, is_disconnect, roll_back, safe_message, translate
from bot.adapters.database.execution import BEGIN, commit_or_explain, set_limits
from bot.adapters.database.known_objects import read_known_objects
from bot.adapters.database.server import Server
from bot.adapters.database.tracking import TrackingTable
from bot.adapters.database.undo_rollback.contents import QUERIES
from bot.adapters.database.undo_rollback.rows import RowLoader
from bot.adapters.database.undo_rollback.script import RecreationScript, TrackingCopy, read_script, unreadable
from bot.adapters.dump_statements import ArchiveCheck
from bot.adapters.pgclient.tools import ToolFailedError
from bot.domain.backups import SavedTable
from bot.domain.catalogue import Catalogue
from bot.errors import PermanentError
from bot.ports import FetchedBundle, Recreated, RecreationSpec, RowSource

SHOWN = 5
ROLLED_BACK = "Everything was rolled back; nothing was changed."


class Recreation:
    """The undo of one chain.

    Args:
        server: of the live database.
        spec: what is to come back.
        rows: the saved rows.
    """

    def __init__(self, server: Server, spec: RecreationSpec, rows: RowSource) -> None:
        self._server = server
        self._spec = spec
        self._rows = rows

    def read(self, conn: Connection, bundle: FetchedBundle) -> RecreationScript:
        """Find what is gone from the live database, and how the bundle creates it again.

        Raises:
            PermanentError: ``database-replaced``, ``undo-failed``, ``bundle-unsafe-statement``,
                ``bundle-foreign-object``, ``bundle-unreadable``.
        """
        with _refused_as_undo():
            self._check(conn, bundle)
            table = TrackingTable(conn, self._server.tracking).identity
            return read_script(conn, self._server.tools, bundle, self._spec, table)

    def _check(self, conn: Connection, bundle: FetchedBundle) -> None:
        """Check every statement of the bundle before any of them runs in the live database."""
        # decision 38: an undo runs the bundle's statements where patients' rows are, so they are read first.
        # Asked in this session: the database may be closed to any other.
        check = ArchiveCheck(self._server.tools, lambda: read_known_objects(conn))
        try:
            check.check(bundle.path, bundle.kind, bundle.name)
        except ToolFailedError as error:
            raise unreadable(error) from error

    def commit(self, conn: Connection, bundle: FetchedBundle, may_commit: Callable[[], None]) -> Recreated:
        """Recreate and commit; see `bot.ports.ExclusiveAccess.recreate`."""
        try:
            with _refused_as_undo():
                conn.execute(BEGIN)
                # No waiting: after a chain that has run meanwhile, this undo would be void.
                take_chain_lock(conn, self._server.clock, 0.0)
                recreator = Recreator(conn, self._server, self._spec)
                if recreator.is_done():
                    return Recreated(0, {})
            outcome = recreator.run(self.read(conn, bundle), self._rows)
            may_commit()
            commit_or_explain(conn, "undo", "undo-failed", ROLLED_BACK)
            return outcome
        finally:
            roll_back(conn)

    def rehearse(self, conn: Connection, script: RecreationScript, owners: Owners) -> Recreated:
        """Recreate on a shadow, without the rows, and roll back."""
        try:
            with _refused_as_undo():
                conn.execute(BEGIN)
                recreator = Recreator(conn, self._server, self._spec)
                recreator.is_done()
            return recreator.run(script, self._rows, owners, with_rows=False)
        finally:
            roll_back(conn)


class Recreator:
    """Creates, fills and compares, in one session's open transaction.

    Args:
        conn: in a transaction that the caller begins and ends.
        server: whose tracking table and lock timeout hold.
        spec: what is to come back.
    """

    def __init__(self, conn: Connection, server: Server, spec: RecreationSpec) -> None:
        set_limits(conn, server.timing.lock_timeout_s)
        self._conn = conn
        self._tracking = server.tracking
        self._table = TrackingTable(conn, server.tracking)
        self._spec = spec
        self._loader = RowLoader(conn, spec)

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

    def run(
        self, script: RecreationScript, rows: RowSource, owners: Owners | None = None, *, with_rows: bool = True
    ) -> Recreated:
        """Create, fill, finish, compare.

        Args:
            script: from `read_script`.
            rows: the saved rows.
            owners: of a shadow, whose objects may be others'.
            with_rows: false in a rehearsal: then only the tracking table's are read.

        Raises:
            PermanentError: ``undo-failed``, ``undo-not-exact``.
            TemporaryError: ``table-locked``, ``database-unreachable``.
        """
        started = time.monotonic()
        with _refused_as_undo():
            before = self._conn.execute(QUERIES["relations_now"]).fetchall()[0][0]
            self._execute(script.shape)
            filled = self._fill(rows, with_rows=with_rows)
            self._insert_tracking(script.tracking)
            # Checks, grants and keys come after the rows, as in pg_restore: they hold only then.
            self._execute(script.checks)
            # A dump's grants start from none, so default privileges would leave more than there was.
            self._revoke_default_grants(before)
            self._execute(script.grants)
            self._execute(script.sequences)
            self._advance(with_rows=with_rows)
            self._execute(script.finish)
            self._conn.execute("SET CONSTRAINTS ALL IMMEDIATE")
            for saved in self._saved():
                self._loader.verify(saved, with_rows=with_rows)
            self._check_tracking()
            now = catalogue_within(self._conn, owners)
        # decision 14: the proof of an undo is the fingerprint from before the chain, checked before COMMIT.
        if now.fingerprint != self._spec.fingerprint:
            raise _other_catalogue(self._spec, now)
        return Recreated(script.length, filled, time.monotonic() - started)

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

    def _execute(self, statements: tuple[str, ...]) -> None:
        """Run them as pg_restore does: names are qualified, and function bodies are not checked."""
        self._conn.execute("SET LOCAL search_path = ''; SET LOCAL check_function_bodies = off")
        for statement in statements:
            self._conn.execute(statement.encode())
        self._conn.execute("SET LOCAL search_path TO DEFAULT")

    def _revoke_default_grants(self, before: list[int]) -> None:
        for kind, schema, name, grantee in self._conn.execute(QUERIES["default_grants"], {"before": before}).fetchall():
            whom = sql.SQL("PUBLIC") if grantee is None else sql.Identifier(grantee)
            words = sql.SQL(
                "REVOKE ALL ON SEQUENCE {} FROM {}" if kind == "SEQUENCE" else "REVOKE ALL ON TABLE {} FROM {}"
            )
            self._conn.execute(words.format(sql.Identifier(schema, name), whom))

    def _saved(self) -> tuple[SavedTable, ...]:
        return self._spec.export.tables if self._spec.export else ()

    def _fill(self, rows: RowSource, *, with_rows: bool) -> dict[str, int]:
        filled = {}
        for saved in self._loader.parents_first(self._saved()):
            read = with_rows or saved.table == self._table.identity
            filled[saved.table] = self._loader.load(saved, rows(saved) if read else iter(()))
        self._conn.execute("SET CONSTRAINTS ALL IMMEDIATE")
        return filled

    def _advance(self, *, with_rows: bool) -> None:
        for sequence in self._spec.export.sequences if self._spec.export and with_rows else ():
            self._loader.advance(sequence)

    def _check_tracking(self) -> None:
        if self._table.versions() != self._spec.expected:
            raise PermanentError("undo-failed", f"{self._table.identity} does not hold what it held.", ROLLED_BACK)


@contextmanager
def _refused_as_undo() -> Iterator[None]:
    """Translate a server's refusal into an undo's error.

    Raises:
        PermanentError: ``undo-failed``.
        TemporaryError: ``table-locked``, ``database-unreachable``.
    """
    try:
        yield
    except psycopg.Error as error:
        if isinstance(error, LOCKED) or is_disconnect(error):
            raise translate(error, "The undo") from error
        raise PermanentError("undo-failed", f"The undo failed: {safe_message(error)}.", ROLLED_BACK) from error


def _other_catalogue(spec: RecreationSpec, now: Catalogue) -> PermanentError:
    missing = sorted(spec.objects - {(item.kind, item.identity) for item in now.objects})
    names = ", ".join(f"{kind} {identity}" for kind, identity in missing[:SHOWN])
    more = f" and {len(missing) - SHOWN} more" if len(missing) > SHOWN else ""
    why = f"{names}{more} would be missing" if missing else "what went is there again, and something has changed since"
    return PermanentError(
        "undo-not-exact",
        f"The schema would not be again what it was before the chain: {why}.",
        "Nothing was changed. Restore the emergency backup instead, or bring back by hand what is missing.",
    )
