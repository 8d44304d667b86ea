"""Runs a chain inside an open transaction. The rehearsal and the real thing are this same code."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import psycopg
from psycopg.pq import TransactionStatus

from bot.adapters.database.connections import Connection
from bot.adapters.database.failures import server_words
from bot.adapters.database.tracking import Tracking, TrackingTable
from bot.adapters.named_queries import load
from bot.domain.catalogue import LockTaken, StatementResult
from bot.domain.migrations import DownScript, Statement
from bot.errors import PermanentError

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


class StatementFailedError(Exception):
    """A statement the server refused; the cause is psycopg's error."""

    def __init__(self, place: str, cause: psycopg.Error) -> None:
        super().__init__(place)
        self.place = place
        self.words = server_words(cause)
        self.cause = cause


@dataclass(frozen=True)
class Executed:
    """What the chain did, before COMMIT."""

    statements: tuple[StatementResult, ...]
    locks: tuple[LockTaken, ...]
    removed: tuple[int, ...]
    written: tuple[str, ...] = ()


class ChainExecutor:
    """Executes one chain in one session's open transaction.

    Args:
        conn: in a transaction that the caller begins and ends.
        tracking: the tracking table's name and columns.
        chain: newest first.
        expected: versions that must remain.
        lock_timeout_s: per statement.
    """

    def __init__(
        self,
        conn: Connection,
        tracking: Tracking,
        chain: Sequence[DownScript],
        expected: frozenset[int],
        lock_timeout_s: float,
    ) -> None:
        self._conn = conn
        self._chain = chain
        self._expected = expected
        self._limits = (
            f"SET LOCAL lock_timeout = {round(lock_timeout_s * 1000)}; SET LOCAL statement_timeout = 0".encode()
        )
        conn.execute(self._limits)
        self._table = TrackingTable(conn, tracking)
        self._before = conn.execute(QUERIES["relations_now"]).fetchall()[0][0]

    def is_done(self) -> bool:
        """Lock the tracking table, and say whether it holds what must remain already.

        Raises:
            PermanentError: ``unexpected-tracking-rows`` when it holds neither that nor that and the chain.
        """
        self._conn.execute(f"LOCK TABLE {self._table.name.as_string()} IN SHARE ROW EXCLUSIVE MODE".encode())
        now = {migration.version for migration in self._table.applied()}
        if now == self._expected:
            return True
        planned = self._expected | {script.version for script in self._chain}
        if now != planned:
            raise _unexpected(self._table.identity, now, planned)
        return False

    def run(self) -> Executed:
        """Every statement of every script, each script's tracking row with it.

        Raises:
            StatementFailedError: the server refused one.
            PermanentError: ``unexpected-tracking-rows``.
        """
        results = [result for script in self._chain for result in self._run_script(script)]
        self._check_constraints()
        left = {migration.version for migration in self._table.applied()}
        if left != self._expected:
            raise _unexpected(self._table.identity, left, self._expected)
        removed = tuple(script.version for script in self._chain)
        return Executed(tuple(results), self._locks(), removed, self._written())

    def _check_constraints(self) -> None:
        """What COMMIT would refuse is better known before it."""
        try:
            self._conn.execute("SET CONSTRAINTS ALL IMMEDIATE")
        except psycopg.Error as error:
            raise StatementFailedError("a deferred constraint", error) from error

    def _run_script(self, script: DownScript) -> list[StatementResult]:
        self._conn.execute(self._limits)  # an earlier script's SET LOCAL lasts as long as the transaction
        results = [self._run_statement(script, statement) for statement in script.statements]
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
            cursor = self._conn.execute(statement.sql.encode())
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
        """The strongest lock on each relation that stays; our own bookkeeping's left out."""
        strongest: dict[str, str] = {}
        for relation, mode in self._conn.execute(QUERIES["locks_on_staying"], {"before": self._before}):
            if STRENGTH.index(mode) >= STRENGTH.index(strongest.get(relation, STRENGTH[0])):
                strongest[relation] = mode
        if strongest.get(self._table.identity) == OWN_LOCK:
            del strongest[self._table.identity]
        return tuple(LockTaken(relation, mode) for relation, mode in sorted(strongest.items()))

    def _written(self) -> tuple[str, ...]:
        """Relations that stay and were written to, be it by a function; our own bookkeeping's left out.

        Only that takes this very lock, and takes it also where there is no row to be found.
        """
        locks = self._conn.execute(QUERIES["locks_on_staying"], {"before": self._before}).fetchall()
        return tuple(sorted(name for name, mode in locks if mode == WRITERS_LOCK and name != self._table.identity))


def commit(conn: Connection) -> None:
    """COMMIT, and believe only the server's own word: for an aborted transaction it answers ROLLBACK, without an error.

    Raises:
        PermanentError: ``chain-failed``.
    """
    answer = conn.execute("COMMIT").statusmessage
    if answer != "COMMIT":
        raise PermanentError(
            "chain-failed", f"The server answered COMMIT with {answer}.", "Nothing was changed; see the server's log."
        )


def _unexpected(table: str, found: set[int], wanted: frozenset[int]) -> PermanentError:
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
