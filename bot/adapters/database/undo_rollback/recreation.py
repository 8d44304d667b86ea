"""Creates again what a chain dropped, in one transaction: on a shadow for a rehearsal, or in the closed database."""

from collections.abc import Callable
from dataclasses import replace

from bot.adapters.database.chain import take_chain_lock
from bot.adapters.database.connections import Connection, roll_back
from bot.adapters.database.execution import BEGIN, commit_or_explain
from bot.adapters.database.known_objects import read_known_objects
from bot.adapters.database.server import Server
from bot.adapters.database.shadow_source import Original
from bot.adapters.database.tracking import TrackingTable
from bot.adapters.database.undo_rollback.exactness import ROLLED_BACK, refused_as_undo
from bot.adapters.database.undo_rollback.recreator import Recreator
from bot.adapters.database.undo_rollback.script import RecreationScript, read_script, unreadable
from bot.adapters.dump_statements import ArchiveCheck, KnownObjects
from bot.adapters.pgclient.tools import ToolFailedError
from bot.ports import FetchedBundle, Recreated, RecreationSpec, RowSource


class Recreation:
    """The undo of one chain.

    Args:
        server: of the live database.
        spec: what is to come back.
        rows: the saved rows.
        known: reads the live database's objects that reach beyond it; None asks the session that the undo runs in.
    """

    def __init__(
        self, server: Server, spec: RecreationSpec, rows: RowSource, known: KnownObjects | None = None
    ) -> None:
        self._server = server
        self._spec = spec
        self._rows = rows
        self._known = known

    def read(self, conn: Connection, bundle: FetchedBundle) -> RecreationScript:
        """Find what is gone from the live database, and how the bundle creates it again.

        Raises:
            PermanentError: ``database-replaced``, ``undo-failed``, ``bundle-unsafe-statement``,
                ``bundle-foreign-object``, ``bundle-unreadable``.
        """
        with refused_as_undo():
            self._check(conn, bundle)
            table = TrackingTable(conn, self._server.tracking).identity
            return read_script(conn, self._server.tools, bundle, self._spec, table)

    def _check(self, conn: Connection, bundle: FetchedBundle) -> None:
        """Check every statement of the bundle before any of them runs in the live database."""
        # decision 38: an undo runs the bundle's statements where patients' rows are, so they are read first.
        # Asked in this session: the database may be closed to any other.
        check = ArchiveCheck(self._server.tools, self._known or (lambda: read_known_objects(conn)))
        try:
            check.check(bundle.path, bundle.kind, bundle.name)
        except ToolFailedError as error:
            raise unreadable(error) from error

    def commit(self, conn: Connection, bundle: FetchedBundle, may_commit: Callable[[], None]) -> Recreated:
        """Recreate and commit; see `bot.ports.ExclusiveAccess.recreate`."""
        try:
            with refused_as_undo():
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

    def rehearse(self, conn: Connection, script: RecreationScript, original: Original) -> Recreated:
        """Recreate on a shadow, without the rows, and roll back."""
        try:
            with refused_as_undo():
                conn.execute(BEGIN)
                # A shadow has not the live database's publications.
                trace = self._spec.trace and replace(self._spec.trace, publications="")
                recreator = Recreator(conn, self._server, replace(self._spec, trace=trace), original)
                recreator.is_done()
            return recreator.run(script.without_publications, self._rows, with_rows=False)
        finally:
            roll_back(conn)

    def try_on(self, conn: Connection, bundle: FetchedBundle, original: Original) -> Recreated:
        """Recreate in a database that is a copy, rows and all, and roll back."""
        try:
            with refused_as_undo():
                conn.execute(BEGIN)
                recreator = Recreator(conn, self._server, self._spec, original)
                recreator.is_done()
            return recreator.run(self.read(conn, bundle), self._rows)
        finally:
            roll_back(conn)
