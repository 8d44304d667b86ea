"""Down scripts run for good, in copies of a scratch database that a drill has loaded."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import psycopg

from bot.adapters.database.catalogue import catalogue_within
from bot.adapters.database.checks import run_checks_within
from bot.adapters.database.connections import Connection, Connections
from bot.adapters.database.execution import ChainExecutor, StatementFailedError, commit
from bot.adapters.database.failures import is_disconnect, server_words, translate, translated
from bot.adapters.database.shadow import apply_settings, read_settings
from bot.adapters.database.tracking import Tracking, TrackingTable
from bot.adapters.sides.names import side_name
from bot.adapters.sides.server import Server
from bot.domain.catalogue import Catalogue
from bot.domain.drills import ScriptTest
from bot.domain.environments import Timing
from bot.domain.migrations import DownScript, UpScript
from bot.domain.runs import Progress
from bot.errors import PermanentError
from bot.ports import Clock, Report

SHOWN = 3


class PostgresScriptTests:
    """A `bot.ports.Trials`.

    Args:
        dsn: as `PostgresSides`'s.
        tracking: the tracking table.
        timing: how patient to be.
        clock: for the notes on the copies.
        maintenance_database: a database of the same server that is never exchanged.
    """

    def __init__(
        self, dsn: str, tracking: Tracking, timing: Timing, clock: Clock, *, maintenance_database: str = "postgres"
    ) -> None:
        connections = Connections(dsn, maintenance_database, timing.lock_timeout_s)
        self._connections = connections
        self._tracking = tracking
        self._server = Server(connections, clock, "template0")

    def alone(
        self,
        source: str,
        run_id: str,
        scripts: Sequence[tuple[DownScript, UpScript | None]],
        report: Report,
        *,
        privileges: bool = True,
    ) -> Sequence[ScriptTest]:
        """Run each by itself; see `bot.ports.Trials.alone`."""
        tried: list[ScriptTest] = []
        with self._copied(source, run_id) as conn:
            for script, up in scripts:
                report(Progress(len(tried), len(scripts), "scripts"))
                tried.append(self._try(conn, script, up, privileges=privileges))
                if tried[-1].problem:
                    break
        return tried

    def chain(self, source: str, run_id: str, chain: Sequence[DownScript]) -> None:
        """Run them all in one transaction; see `bot.ports.Trials.chain`."""
        with self._copied(source, run_id) as conn:
            problem = self._run(conn, chain)
        if problem:
            hint = "Each is right alone, or would have been named before: see what one leaves for the other."
            raise PermanentError("down-script-failed", f"As a chain: {problem}", hint)

    @contextmanager
    def _copied(self, source: str, run_id: str) -> Iterator[Connection]:
        """A session in a copy, with the live database's settings, as a real chain has it."""
        self._server.require_ours(source)
        name = side_name(self._connections.database, "side", run_id)
        maintenance = self._connections.maintenance_database
        with translated("Trying the down scripts"):
            with self._connections.session() as live:
                settings = read_settings(live)
            with self._connections.session(maintenance, statement_timeout_s=0) as beside:
                self._check_there(beside, source)
                self._server.copy(beside, source, name)
                try:
                    with self._connections.session(name, statement_timeout_s=0) as conn:
                        apply_settings(conn, settings)
                        yield conn
                finally:
                    with suppress(psycopg.OperationalError):  # what is left is dropped when the drill clears up
                        self._server.drop(beside, name)

    def _check_there(self, beside: Connection, source: str) -> None:
        if not self._server.present(beside, source):
            raise PermanentError("side-missing", f"There is no database {source}.", "It has expired or was dropped.")

    def _try(self, conn: Connection, script: DownScript, up: UpScript | None, *, privileges: bool) -> ScriptTest:
        problem, script_test = "", ScriptTest(script.version)
        with _rolled_back(conn):
            before = _catalogue(conn, privileges=privileges)
            problem = self._go_down(conn, [script])
            if not problem:
                script_test = _go_up(conn, up, before, privileges=privileges) if up else script_test
        problem = problem or self._run(conn, [script])
        return ScriptTest(script.version, problem) if problem else script_test

    def _run(self, conn: Connection, chain: Sequence[DownScript]) -> str:
        """Run them for good; gives what is wrong, and then nothing is committed."""
        with _rolled_back(conn):
            problem = self._go_down(conn, chain)
            if not problem:
                commit(conn)
        return problem

    def _go_down(self, conn: Connection, chain: Sequence[DownScript]) -> str:
        """Run them as a run does, then their checks; gives what is wrong, "" for nothing."""
        applied = {migration.version for migration in TrackingTable(conn, self._tracking).applied()}
        expected = frozenset(applied - {script.version for script in chain})
        executor = ChainExecutor(conn, self._tracking, chain, expected, self._connections.lock_timeout_s)
        try:
            if executor.is_done():
                return f"{chain[0].name} is not applied there."
            executor.run()
        except StatementFailedError as error:
            if is_disconnect(error.cause):
                raise translate(error.cause, f"The script, at {error.place},") from error
            return f"{error.place} failed: {error.words}."
        except PermanentError as error:
            return error.message
        return _first_false(conn, chain)


def _first_false(conn: Connection, chain: Sequence[DownScript]) -> str:
    for script in chain:
        for found in run_checks_within(conn, script.verify):
            if not found.ok:
                return f"{script.name} ran, and its check does not hold: {found.sql} ({found.problem})."
    return ""


def _go_up(conn: Connection, up: UpScript, before: Catalogue, *, privileges: bool) -> ScriptTest:
    """Go up again, in the transaction that went down, and compare the schema with that from before."""
    if up.obstacle:
        return ScriptTest(up.version, note=f"was not run up again: {up.obstacle}")
    for line, text in up.statements:
        try:
            conn.execute(text.encode())
        except psycopg.Error as error:
            if is_disconnect(error):
                raise
            return ScriptTest(
                up.version, reversible=False, note=f"does not go up again: line {line}, {server_words(error)}"
            )
    moved = _moved(before, _catalogue(conn, privileges=privileges))
    if moved:
        return ScriptTest(up.version, reversible=False, note=f"goes up to another schema: {', '.join(moved)}")
    return ScriptTest(up.version, reversible=True)


def _moved(before: Catalogue, after: Catalogue) -> list[str]:
    lost = [f"no {item.kind} {item.identity}" for item in before.lost_in(after)]
    come = [f"{item.kind} {item.identity} that was not there" for item in after.lost_in(before)]
    changed = [f"another {item.kind} {item.identity}" for item in before.changed_in(after)]
    every = [*lost, *come, *changed]
    more = [f"and {len(every) - SHOWN} more"] if len(every) > SHOWN else []
    return [*every[:SHOWN], *more]


def _catalogue(conn: Connection, *, privileges: bool) -> Catalogue:
    """Read it as the transaction under way has left it; the settings that takes are put back."""
    conn.execute("SAVEPOINT before_look")
    found = catalogue_within(conn, privileges=privileges)
    conn.execute("ROLLBACK TO before_look")
    return found


@contextmanager
def _rolled_back(conn: Connection) -> Iterator[None]:
    """A transaction that ends as if it had not been, unless it was committed inside."""
    conn.execute("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE")
    try:
        yield
    finally:
        with suppress(psycopg.Error):  # a connection that is gone has rolled back by itself
            conn.execute("ROLLBACK") if conn.info.transaction_status else None
