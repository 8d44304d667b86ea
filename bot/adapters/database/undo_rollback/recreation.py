"""Creates again and fills, in one open transaction. The rehearsal and the real thing are this same code."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql

from bot.adapters.database.catalogue import Owners, catalogue_within
from bot.adapters.database.connections import Connection
from bot.adapters.database.failures import is_disconnect, server_words, translate
from bot.adapters.database.tracking import Tracking, TrackingTable
from bot.adapters.database.undo_rollback.contents import QUERIES
from bot.adapters.database.undo_rollback.rows import RowLoader
from bot.adapters.database.undo_rollback.script import RecreationScript, TrackingCopy
from bot.domain.backups import SavedTable
from bot.domain.catalogue import Catalogue
from bot.errors import PermanentError
from bot.ports import Recreated, RecreationSpec, RowSource

LOCKED = (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected)
SHOWN = 5
ROLLED_BACK = "Everything was rolled back; nothing was changed."


class Recreator:
    """Does one order in one session's open transaction.

    Args:
        conn: in a transaction that the caller begins and ends.
        tracking: the tracking table's name and columns.
        order: what is to come back.
        lock_timeout_s: per statement.
    """

    def __init__(self, conn: Connection, tracking: Tracking, order: RecreationSpec, lock_timeout_s: float) -> None:
        limits = f"SET LOCAL lock_timeout = {round(lock_timeout_s * 1000)}; SET LOCAL statement_timeout = 0"
        conn.execute(limits.encode())
        self._conn = conn
        self._tracking = tracking
        self._table = TrackingTable(conn, tracking)
        self._order = order
        self._loader = RowLoader(conn, order)

    def is_done(self) -> bool:
        """Lock the tracking table, and say whether it holds what it must afterwards already.

        Raises:
            PermanentError: ``unexpected-tracking-rows`` when it holds neither that nor what the chain left.
        """
        self._conn.execute(sql.SQL("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE").format(self._table.name))
        now = {migration.version for migration in self._table.applied()}
        if now != self._order.expected and now != self._order.expected - self._order.versions:
            raise PermanentError(
                "unexpected-tracking-rows",
                f"{self._table.identity} is not as the chain left it.",
                "Nothing was changed. Somebody has migrated meanwhile: undo that first.",
            )
        return now == self._order.expected

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
        with refused_as_undo():
            before = self._conn.execute(QUERIES["relations_now"]).fetchall()[0][0]
            self._execute(script.shape)
            filled = self._fill(rows, with_rows=with_rows)
            self._insert_tracking(script.tracking)
            self._execute(script.checks)
            self._revoke_defaults(before)
            self._execute(script.grants)
            self._execute(script.sequences)
            self._advance(with_rows=with_rows)
            self._execute(script.finish)
            self._conn.execute("SET CONSTRAINTS ALL IMMEDIATE")
            for saved in self._saved():
                self._loader.verify(saved, with_rows=with_rows)
            self._check_tracking()
            now = catalogue_within(self._conn, owners)
        if now.fingerprint != self._order.fingerprint:
            raise _other_catalogue(self._order, now)
        return Recreated(script.length, filled, time.monotonic() - started)

    def _insert_tracking(self, copy: TrackingCopy | None) -> None:
        """Put the tracking rows back as they were, by way of a stage in which their versions can be read."""
        if copy is None:
            raise PermanentError("undo-failed", "The emergency backup has no tracking rows.", ROLLED_BACK)
        create = sql.SQL("CREATE TEMPORARY TABLE backstop_tracking AS SELECT * FROM {} WITH NO DATA")
        self._conn.execute(create.format(self._table.name))
        with self._conn.cursor().copy(f"COPY pg_temp.backstop_tracking {copy.columns} FROM STDIN".encode()) as sink:
            sink.write(copy.rows)
        stage = TrackingTable(self._conn, Tracking("pg_temp.backstop_tracking", self._tracking.version_columns))
        wanted = [row.ctid for row in stage.rows() if row.version in self._order.versions]
        names = copy.columns.strip("()")
        insert = f"INSERT INTO {self._table.name.as_string()} ({names}) OVERRIDING SYSTEM VALUE SELECT {names} "
        insert += f"FROM {stage.name.as_string()} WHERE ctid = ANY(%s::tid[])"
        self._conn.execute(insert.encode(), (wanted,))
        self._conn.execute("DROP TABLE pg_temp.backstop_tracking")

    def _execute(self, statements: tuple[str, ...]) -> None:
        """As pg_restore does: nothing is found but by its full name, and functions are not looked into."""
        self._conn.execute("SET LOCAL search_path = ''; SET LOCAL check_function_bodies = off")
        for statement in statements:
            self._conn.execute(statement.encode())
        self._conn.execute("SET LOCAL search_path TO DEFAULT")

    def _revoke_defaults(self, before: list[int]) -> None:
        for kind, schema, name, grantee in self._conn.execute(QUERIES["default_grants"], {"before": before}).fetchall():
            whom = sql.SQL("PUBLIC") if grantee is None else sql.Identifier(grantee)
            words = sql.SQL(
                "REVOKE ALL ON SEQUENCE {} FROM {}" if kind == "SEQUENCE" else "REVOKE ALL ON TABLE {} FROM {}"
            )
            self._conn.execute(words.format(sql.Identifier(schema, name), whom))

    def _saved(self) -> tuple[SavedTable, ...]:
        return self._order.export.tables if self._order.export else ()

    def _fill(self, rows: RowSource, *, with_rows: bool) -> dict[str, int]:
        filled = {}
        for saved in self._loader.parents_first(self._saved()):
            read = with_rows or saved.table == self._table.identity
            filled[saved.table] = self._loader.load(saved, rows(saved) if read else iter(()))
        self._conn.execute("SET CONSTRAINTS ALL IMMEDIATE")
        return filled

    def _advance(self, *, with_rows: bool) -> None:
        for sequence in self._order.export.sequences if self._order.export and with_rows else ():
            self._loader.advance(sequence)

    def _check_tracking(self) -> None:
        now = {migration.version for migration in self._table.applied()}
        if now != self._order.expected:
            raise PermanentError("undo-failed", f"{self._table.identity} does not hold what it held.", ROLLED_BACK)


@contextmanager
def refused_as_undo() -> Iterator[None]:
    """Say a server's refusal in the words of an undo.

    Raises:
        PermanentError: ``undo-failed``.
        TemporaryError: ``table-locked``, ``database-unreachable``.
    """
    try:
        yield
    except psycopg.Error as error:
        if isinstance(error, LOCKED) or is_disconnect(error):
            raise translate(error, "The undo") from error
        raise PermanentError("undo-failed", f"The undo failed: {server_words(error)}.", ROLLED_BACK) from error


def _other_catalogue(order: RecreationSpec, now: Catalogue) -> PermanentError:
    missing = sorted(order.objects - {(item.kind, item.identity) for item in now.objects})
    names = ", ".join(f"{kind} {identity}" for kind, identity in missing[:SHOWN])
    more = f" and {len(missing) - SHOWN} more" if len(missing) > SHOWN else ""
    why = f"{names}{more} would be missing" if missing else "what went is there again, and something has changed since"
    return PermanentError(
        "undo-not-exact",
        f"The schema would not be again what it was before the chain: {why}.",
        "Nothing was changed. Restore the emergency backup instead, or bring back by hand what is missing.",
    )
