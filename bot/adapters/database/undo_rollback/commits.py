"""The two ways to run a regrowth: for good in the fenced database, and on a shadow that is rolled back."""

from collections.abc import Callable
from contextlib import suppress

import psycopg

from bot.adapters.database.catalogue import Owners
from bot.adapters.database.chain import CHAIN_LOCK
from bot.adapters.database.connections import Connection
from bot.adapters.database.execution import commit
from bot.adapters.database.failures import is_disconnect, server_words
from bot.adapters.database.tracking import Tracking, TrackingTable
from bot.adapters.database.undo_rollback.recreation import ROLLED_BACK, Recreator, refused_as_undo
from bot.adapters.database.undo_rollback.script import RecreationScript, read_script
from bot.adapters.pgclient.tools import PgTools
from bot.errors import PermanentError, TemporaryError
from bot.ports import FetchedBundle, Recreated, RecreationSpec, RowSource

BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"


class Recreation:
    """One order in one database.

    Args:
        tracking: the tracking table's name and columns.
        tools: pg_restore.
        order: what is to come back.
        rows: the saved rows.
        lock_timeout_s: per statement.
    """

    def __init__(
        self, tracking: Tracking, tools: PgTools, order: RecreationSpec, rows: RowSource, lock_timeout_s: float
    ) -> None:
        self._tracking = tracking
        self._tools = tools
        self._order = order
        self._rows = rows
        self._lock_timeout_s = lock_timeout_s

    def read(self, conn: Connection, bundle: FetchedBundle) -> RecreationScript:
        """Find in the live database what is gone, and in the bundle how to create it again.

        Raises:
            PermanentError: ``database-replaced``, ``undo-failed``.
        """
        with refused_as_undo():
            table = TrackingTable(conn, self._tracking).identity
            return read_script(conn, self._tools, bundle.path, self._order, table)

    def commit(self, conn: Connection, bundle: FetchedBundle, may_commit: Callable[[], None]) -> Recreated:
        """Do it for good; see `bot.ports.Fence.regrow`."""
        try:
            with refused_as_undo():
                conn.execute(BEGIN)
                self._lock_out_others(conn)
                recreator = Recreator(conn, self._tracking, self._order, self._lock_timeout_s)
                if recreator.is_done():
                    return Recreated(0, {})
            outcome = recreator.run(self.read(conn, bundle), self._rows)
            may_commit()
            _commit(conn)
            return outcome
        finally:
            _roll_back(conn)

    def rehearse(self, conn: Connection, script: RecreationScript, owners: Owners) -> Recreated:
        """Do it on a shadow, without the rows, and roll it back."""
        try:
            with refused_as_undo():
                conn.execute(BEGIN)
                recreator = Recreator(conn, self._tracking, self._order, self._lock_timeout_s)
                recreator.is_done()
            return recreator.run(script, self._rows, owners, with_rows=False)
        finally:
            _roll_back(conn)

    @staticmethod
    def _lock_out_others(conn: Connection) -> None:
        if not conn.execute("SELECT pg_catalog.pg_try_advisory_xact_lock(%s, %s)", CHAIN_LOCK).fetchall()[0][0]:
            raise TemporaryError(
                "chain-running", "Another process runs a chain in this database.", "Wait for it; see /rollback status."
            )


def _commit(conn: Connection) -> None:
    try:
        commit(conn)
    except psycopg.Error as error:
        if not is_disconnect(error):
            raise PermanentError("undo-failed", f"COMMIT failed: {server_words(error)}.", ROLLED_BACK) from error
        raise TemporaryError(
            "outcome-unknown",
            "The connection was lost during COMMIT; the undo may or may not have happened.",
            "The tracking table tells: it is looked at before anything else is done.",
        ) from error


def _roll_back(conn: Connection) -> None:
    with suppress(psycopg.Error):  # a connection that is gone has rolled back by itself
        conn.execute("ROLLBACK") if conn.info.transaction_status else None
