"""Tests down scripts by running and committing them in copies of a scratch database that a drill has loaded."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import psycopg

from bot.adapters.database import Server
from bot.adapters.database.catalogue import catalogue_within
from bot.adapters.database.connections import (
    Connection,
    is_disconnect,
    roll_back,
    safe_message,
    translate,
    translated,
)
from bot.adapters.database.execution import BEGIN, ChainExecutor, StatementFailedError, commit
from bot.adapters.database.inspection import run_checks
from bot.adapters.database.roles import ScriptSession, read_roles
from bot.adapters.database.shadow import apply_settings
from bot.adapters.database.shadow_source import read_settings
from bot.adapters.database.tracking import TrackingTable
from bot.adapters.sides.databases import SideDatabases, build_side_name
from bot.adapters.sides.loader_role import LoaderRole
from bot.domain.catalogue import Catalogue
from bot.domain.drills import ScriptTest
from bot.domain.migrations import DownScript, UpScript
from bot.domain.runs import Progress
from bot.errors import PermanentError
from bot.ports import Report

SHOWN = 3


class PostgresScriptTests:
    """A `bot.ports.ScriptTests`."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._connections = server.connections
        self._databases = SideDatabases(server)
        self._role = LoaderRole(server)

    def alone(
        self,
        source: str,
        run_id: str,
        scripts: Sequence[tuple[DownScript, UpScript | None]],
        report: Report,
        *,
        privileges: bool = True,
    ) -> Sequence[ScriptTest]:
        """Run each by itself; see `bot.ports.ScriptTests.alone`."""
        tests: list[ScriptTest] = []
        with self._copied(source, run_id) as (conn, is_ours):
            privileges = privileges and is_ours
            for script, up in scripts:
                report(Progress(len(tests), len(scripts), "scripts"))
                tests.append(self._test(conn, script, up, privileges=privileges))
                # The next script would run in a schema that no plan foresees.
                if tests[-1].problem:
                    break
        return tests

    def chain(self, source: str, run_id: str, chain: Sequence[DownScript]) -> None:
        """Run them all in one transaction; see `bot.ports.ScriptTests.chain`."""
        with self._copied(source, run_id) as (conn, _):
            problem = self._run(conn, chain)
        if problem:
            hint = "Each is right alone, or would have been named before: see what one leaves for the other."
            raise PermanentError("down-script-failed", f"As a chain: {problem}", hint)

    @contextmanager
    def _copied(self, source: str, run_id: str) -> Iterator[tuple[Connection, bool]]:
        """Open a session in a copy, with the live database's settings, as for a real chain.

        Yields if the session is our own role's: a database that was not handed over is the loader's, and what is in it
        runs with no other role's rights. Nothing has been granted in it then.
        """
        self._databases.require_ours(source)
        name = build_side_name(self._connections.database, "side", run_id)
        with translated("Trying the down scripts"):
            with self._connections.session() as live:
                settings = read_settings(live)
            with self._connections.maintenance(statement_timeout_s=0) as beside:
                self._databases.require_existing(beside, source)
                # decision 25: a takeover begins with a fresh copy, however far the dead process had come.
                self._databases.copy(beside, source, name)
                reader = self._databases.reader_of(beside, name)
                try:
                    with reader.session(name, statement_timeout_s=0) as conn:
                        apply_settings(conn, settings)
                        yield conn, reader is self._connections
                finally:
                    with suppress(psycopg.OperationalError):  # the drill's cleanup drops a leftover
                        self._databases.drop(beside, name)
                        self._role.clean_up(beside)

    def _test(self, conn: Connection, script: DownScript, up: UpScript | None, *, privileges: bool) -> ScriptTest:
        problem, script_test = "", ScriptTest(script.version)
        with _rolled_back(conn):
            before = _catalogue(conn, privileges=privileges)
            problem = self._go_down(conn, [script])
            if not problem:
                session = ScriptSession(conn, read_roles(conn, self._server.tracking))
                script_test = _go_up(session, up, before, privileges=privileges) if up else script_test
        problem = problem or self._run(conn, [script])
        return ScriptTest(script.version, problem) if problem else script_test

    def _run(self, conn: Connection, chain: Sequence[DownScript]) -> str:
        """Run and commit them; return the problem, for which nothing is committed, or ""."""
        with _rolled_back(conn):
            problem = self._go_down(conn, chain)
            if not problem:
                commit(conn)
        return problem

    def _go_down(self, conn: Connection, chain: Sequence[DownScript]) -> str:
        """Run them as a run does, then their checks; return the problem, or ""."""
        applied = TrackingTable(conn, self._server.tracking).versions()
        executor = ChainExecutor(conn, self._server, chain, applied - {script.version for script in chain})
        try:
            if executor.is_done():
                return f"{chain[0].name} is not applied there."
            executor.run()
        except StatementFailedError as error:
            if is_disconnect(error.cause):
                raise translate(error.cause, f"The script, at {error.place},") from error
            return f"{error.place} failed: {error.message}."
        except PermanentError as error:
            return error.message
        return _find_failed_check(conn, chain)


def _find_failed_check(conn: Connection, chain: Sequence[DownScript]) -> str:
    for script in chain:
        for found in run_checks(conn, script.verify, within=True):
            if not found.ok:
                return f"{script.name} ran, and its check does not hold: {found.sql} ({found.problem})."
    return ""


def _go_up(session: ScriptSession, up: UpScript, before: Catalogue, *, privileges: bool) -> ScriptTest:
    """Run the up script in the transaction that went down, and compare the schema with that from before."""
    if up.obstacle:
        return ScriptTest(up.version, note=f"was not run up again: {up.obstacle}")
    session.enter()
    for line, text in up.statements:
        try:
            session.execute(text)
        except psycopg.Error as error:
            if is_disconnect(error):
                raise
            return ScriptTest(
                up.version, reversible=False, note=f"does not go up again: line {line}, {safe_message(error)}"
            )
    session.leave()
    differences = _compare(before, _catalogue(session.conn, privileges=privileges))
    if differences:
        # decision 25: an up script that is no inverse is noted, and does not fail the drill.
        return ScriptTest(up.version, reversible=False, note=f"goes up to another schema: {', '.join(differences)}")
    return ScriptTest(up.version, reversible=True)


def _compare(before: Catalogue, after: Catalogue) -> list[str]:
    missing = [f"no {item.kind} {item.identity}" for item in before.lost_in(after)]
    added = [f"{item.kind} {item.identity} that was not there" for item in after.lost_in(before)]
    changed = [f"another {item.kind} {item.identity}" for item in before.changed_in(after)]
    every = [*missing, *added, *changed]
    more = [f"and {len(every) - SHOWN} more"] if len(every) > SHOWN else []
    return [*every[:SHOWN], *more]


def _catalogue(conn: Connection, *, privileges: bool) -> Catalogue:
    """Read it as the transaction under way has left it, and put its settings back."""
    conn.execute("SAVEPOINT before_catalogue")
    found = catalogue_within(conn, privileges=privileges)
    conn.execute("ROLLBACK TO before_catalogue")
    return found


@contextmanager
def _rolled_back(conn: Connection) -> Iterator[None]:
    """Open a transaction that is rolled back in the end, unless it was committed inside."""
    conn.execute(BEGIN)
    try:
        yield
    finally:
        roll_back(conn)
