"""Executes a chain in an open transaction. The rehearsal on a shadow and the real run share this code."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import psycopg
from psycopg.pq import TransactionStatus

from bot.adapters.database.catalogue import Owners, catalogue_within, find_body_references, read_catalogue
from bot.adapters.database.connections import Connection, is_disconnect, roll_back, safe_message, translated
from bot.adapters.database.roles import Roles, ScriptSession, read_roles
from bot.adapters.database.server import Server
from bot.adapters.database.shadow_refusals import describe_gaps, missing_rights, refuse_named, refuse_touched
from bot.adapters.database.shadow_source import Original
from bot.adapters.database.tracking import TrackingTable
from bot.adapters.named_queries import load
from bot.domain.catalogue import ChainOutcome, LockTaken, Rehearsal, StatementResult
from bot.domain.migrations import DownScript, Statement
from bot.errors import PermanentError, TemporaryError

QUERIES = load("sql.checks", "chain.sql")

OWN_LOCK = "ShareRowExclusiveLock"
WRITERS_LOCK = "RowExclusiveLock"
STRENGTH = (
    "RowShareLock",
    "RowExclusiveLock",
    "ShareUpdateExclusiveLock",
    "ShareLock",
    "ShareRowExclusiveLock",
    "ExclusiveLock",
    "AccessExclusiveLock",
)
BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"
# The server's function that refuses to write a published table without a replica identity; its message depends on the
# server's language.
IDENTITY_CHECK = "CheckCmdReplicaIdentity"


class StatementFailedError(Exception):
    """The server refused a statement; the cause is psycopg's error."""

    def __init__(self, place: str, cause: psycopg.Error) -> None:
        super().__init__(place)
        self.place = place
        self.message = safe_message(cause)
        self.cause = cause


@dataclass(frozen=True)
class Executed:
    """The effects of a chain before COMMIT."""

    statements: tuple[StatementResult, ...]
    locks: tuple[LockTaken, ...]
    removed: tuple[int, ...]
    written: tuple[str, ...] = ()


class ChainExecutor:
    """Executes one chain in one session's open transaction.

    Args:
        conn: in a transaction that the caller begins and ends.
        server: whose tracking table and lock timeout hold.
        chain: newest first.
        expected: versions that must remain.
        roles: as which it runs; read here, if there are none from the database that this one is a copy of.
    """

    def __init__(
        self, conn: Connection, server: Server, chain: Sequence[DownScript], expected: frozenset[int],
        roles: Roles | None = None,
    ) -> None:  # fmt: skip
        self._conn = conn
        self._chain = chain
        self._expected = expected
        self._lock_timeout_s = server.timing.lock_timeout_s
        set_limits(conn, self._lock_timeout_s)
        self._table = TrackingTable(conn, server.tracking)
        self._session = ScriptSession(conn, roles or read_roles(conn, server.tracking))
        self._before = conn.execute(QUERIES["relations_now"]).fetchall()[0][0]

    @property
    def tracking_table(self) -> str:
        """Return the tracking table's identity."""
        return self._table.identity

    def is_done(self) -> bool:
        """Lock the tracking table, and say if it holds just what must remain already.

        Raises:
            PermanentError: ``unexpected-tracking-rows`` when it holds neither that nor that and the chain.
        """
        # Locked before it is read: nobody can migrate between this check and COMMIT.
        self._table.lock()
        now = self._table.versions()
        if now == self._expected:
            return True
        planned = self._expected | {script.version for script in self._chain}
        if now != planned:
            raise _unexpected(self._table.identity, now, planned)
        return False

    def run(self) -> Executed:
        """Run every statement of every script, and delete each script's tracking row.

        Raises:
            StatementFailedError: the server refused one.
            PermanentError: ``unexpected-tracking-rows``.
        """
        results = [result for script in self._chain for result in self._run_script(script)]
        self._check_constraints()
        left = self._table.versions()
        if left != self._expected:
            raise _unexpected(self._table.identity, left, self._expected)
        self._session.leave()
        removed = tuple(script.version for script in self._chain)
        return Executed(tuple(results), self._locks(), removed, self._written())

    def _check_constraints(self) -> None:
        """Find violations before COMMIT would."""
        try:
            self._conn.execute("SET CONSTRAINTS ALL IMMEDIATE")
        except psycopg.Error as error:
            raise StatementFailedError("a deferred constraint", error) from error

    def _run_script(self, script: DownScript) -> list[StatementResult]:
        # decision 40: each script runs as the migrations' usual role, so that what it creates is the app's to use.
        self._session.enter()
        # An earlier script's SET LOCAL lasts as long as the transaction.
        set_limits(self._conn, self._lock_timeout_s)
        results = [self._run_statement(script, statement) for statement in script.statements]
        # decision 6: the bot removes the row itself, by whatever column names the version at this point.
        gone = self._table.delete(script.version)
        if gone != 1:
            raise PermanentError(
                "unexpected-tracking-rows",
                f"{self._table.identity} had {gone} rows for {script.version:03d} instead of one after {script.name}.",
                "Nothing was changed. Correct the table, then ask again.",
            )
        return results

    def _run_statement(self, script: DownScript, statement: Statement) -> StatementResult:
        started = time.monotonic()
        try:
            cursor = self._session.execute(statement.sql)
        except psycopg.Error as error:
            raise StatementFailedError(f"{script.name}.sql line {statement.line}", error) from error
        elapsed_s = time.monotonic() - started
        if self._conn.info.transaction_status is not TransactionStatus.INTRANS:
            raise PermanentError(
                "chain-failed",
                f"{script.name}.sql line {statement.line} ended the bot's transaction.",
                "Take transaction control out of the script.",
            )
        tag = (cursor.statusmessage or "").rstrip("0123456789 ") or statement.sql.split(None, 1)[0].upper()
        return StatementResult(script.version, statement.line, tag, cursor.rowcount, elapsed_s)

    def _locks(self) -> tuple[LockTaken, ...]:
        """Find the strongest lock on each relation that stays, without our own bookkeeping's."""
        strongest: dict[str, str] = {}
        for relation, mode in self._conn.execute(QUERIES["locks_on_staying"], {"before": self._before}):
            if STRENGTH.index(mode) >= STRENGTH.index(strongest.get(relation, STRENGTH[0])):
                strongest[relation] = mode
        if strongest.get(self._table.identity) == OWN_LOCK:
            del strongest[self._table.identity]
        return tuple(LockTaken(relation, mode) for relation, mode in sorted(strongest.items()))

    def _written(self) -> tuple[str, ...]:
        """Find relations that stay and were written to, also by a function, without our own bookkeeping's."""
        # Only a write takes this very lock, even if it finds no row.
        locks = self._conn.execute(QUERIES["locks_on_staying"], {"before": self._before}).fetchall()
        # decision 27: locks show the tables that a function writes; its text does not.
        return tuple(sorted(name for name, mode in locks if mode == WRITERS_LOCK and name != self._table.identity))


def set_limits(conn: Connection, lock_timeout_s: float) -> None:
    """Limit the waits for locks, and no statement's run time, until the transaction ends."""
    conn.execute(f"SET LOCAL lock_timeout = {round(lock_timeout_s * 1000)}; SET LOCAL statement_timeout = 0".encode())


def commit(conn: Connection) -> None:
    """Commit, and check the server's answer: for an aborted transaction it is ROLLBACK, without an error.

    Raises:
        PermanentError: ``chain-failed``.
    """
    # psycopg reports no error here, so only the command tag tells that nothing was committed.
    answer = conn.execute("COMMIT").statusmessage
    if answer != "COMMIT":
        raise PermanentError(
            "chain-failed", f"The server answered COMMIT with {answer}.", "Nothing was changed; see the server's log."
        )


def commit_or_explain(conn: Connection, what: str, reference: str, hint: str) -> None:
    """Commit, and tell a refusal from an unknown outcome.

    Raises:
        PermanentError: `reference` or ``chain-failed``; nothing was committed.
        TemporaryError: ``outcome-unknown``; `what` names what may have happened.
    """
    try:
        commit(conn)
    except psycopg.Error as error:
        if not is_disconnect(error):
            raise PermanentError(reference, f"COMMIT failed: {safe_message(error)}.", hint) from error
        raise TemporaryError(
            "outcome-unknown",
            f"The connection was lost during COMMIT; the {what} may or may not have happened.",
            "The tracking table tells: it is looked at before anything else is done.",
        ) from error


def _unexpected(table: str, found: frozenset[int], wanted: frozenset[int]) -> PermanentError:
    parts = []
    if found - wanted:
        parts.append("also holds " + ", ".join(f"{version:03d}" for version in sorted(found - wanted)))
    if wanted - found:
        parts.append("lacks " + ", ".join(f"{version:03d}" for version in sorted(wanted - found)))
    return PermanentError(
        "unexpected-tracking-rows",
        f"{table} {' and '.join(parts)}, compared with the plan.",
        "Nothing was changed. Somebody has migrated meanwhile: ask for the rollback again.",
    )


class PostgresShadow:
    """A `bot.ports.Shadow`.

    Args:
        conn: in the shadow.
        server: of the live database.
        original: the live database's roles, and what the shadow lacks.
    """

    def __init__(self, conn: Connection, server: Server, original: Original) -> None:
        self.conn = conn
        self.original = original
        self._server = server

    @property
    def owners(self) -> Owners:
        """Owners of the live database's objects, where the shadow could not have the same."""
        return self.original.owners

    def rehearse(self, chain: Sequence[DownScript], expected: frozenset[int]) -> Rehearsal:
        """Run the chain, compare the catalogues, and roll everything back; see `bot.ports.Shadow.rehearse`."""
        refuse_named(self.original.omitted, chain)
        with translated("The rehearsal"):
            # decision 1: comparing catalogues sees every change, and needs no superuser as an event trigger would.
            before = read_catalogue(self.conn, self.owners)
            self.conn.execute(BEGIN)
            try:
                executed = self._execute(chain, expected)
                bodies: dict[str, str] = dict(self.conn.execute(QUERIES["function_bodies"]).fetchall())
                after = catalogue_within(self.conn, self.owners, before=before)
            finally:
                roll_back(self.conn)
        before, after = (self.original.omitted.add_to(catalogue) for catalogue in (before, after))
        refuse_touched(self.original.omitted, before, after)
        outcome = ChainOutcome(executed.statements, executed.locks, executed.removed, written=executed.written)
        return Rehearsal(before, after, outcome, find_body_references(bodies, before, after))

    def gaps(self) -> Sequence[str]:
        """Say what no chain may touch; see `bot.ports.Shadow.gaps`."""
        return describe_gaps(self.original)

    def _execute(self, chain: Sequence[DownScript], expected: frozenset[int]) -> Executed:
        executor = ChainExecutor(self.conn, self._server, chain, expected, self.original.roles)
        try:
            return Executed((), (), ()) if executor.is_done() else executor.run()
        except psycopg.errors.ObjectNotInPrerequisiteState as error:
            if not _lacks_identity(error):
                raise
            raise _no_replica_identity("Taking a migration's row out of the tracking table", error) from error
        except StatementFailedError as error:
            if _lacks_identity(error.cause):
                raise _no_replica_identity(error.place, error.cause) from error
            raise missing_rights(error.place, error.cause, self.original) or PermanentError(
                "rehearsal-failed",
                f"{error.place} failed in the rehearsal: {error.message}.",
                "Nothing was changed. Correct the script, or restore a backup from before that migration instead.",
            ) from error


def _lacks_identity(error: psycopg.Error) -> bool:
    return error.diag.source_function == IDENTITY_CHECK


def _no_replica_identity(place: str, error: psycopg.Error) -> PermanentError:
    return PermanentError(
        "no-replica-identity",
        f"{place} would fail: {safe_message(error)}.",
        "Nothing was changed. Have the script keep the primary key, or set REPLICA IDENTITY FULL before it writes to "
        "that table; or take the table out of its publication first.",
    )
