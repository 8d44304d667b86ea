"""Runs a chain for good: one transaction, tried again as a whole while somebody's lock is in the way."""

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

import psycopg
from psycopg import sql

from bot.adapters.database.blockers import BlockerWatch
from bot.adapters.database.catalogue import catalogue_within
from bot.adapters.database.connections import Connection, Connections
from bot.adapters.database.execution import ChainExecutor, Executed, StatementFailedError, commit
from bot.adapters.database.failures import is_disconnect, server_words, translate
from bot.adapters.database.hashing import read_contents
from bot.adapters.database.relations import find_relation
from bot.adapters.database.tracking import Tracking
from bot.domain.backups import TableContent
from bot.domain.catalogue import ChainOutcome
from bot.domain.environments import Timing
from bot.domain.migrations import DownScript
from bot.errors import PermanentError, TemporaryError
from bot.ports import Clock

CHAIN_LOCK = (0x4261636B, 0x73746F70)
"""Key of the advisory lock, per database: one chain at a time, whoever runs it."""

POLL_S = 0.02
PAUSE_S = 0.5
LOCKED = (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected)


@dataclass(frozen=True)
class ChainRun:
    """Everything about one chain; see `bot.ports.Fence.run_chain`."""

    connections: Connections
    tracking: Tracking
    timing: Timing
    clock: Clock
    chain: Sequence[DownScript]
    expected: frozenset[int]
    saved: Sequence[TableContent]
    may_commit: Callable[[], None]
    fingerprint: str = ""

    def run(self, conn: Connection) -> ChainOutcome:
        """Try whole transactions until one commits or nothing more can be hoped for.

        Raises:
            PermanentError, TemporaryError: see `bot.ports.Fence.run_chain`.
        """
        with BlockerWatch(self.connections, pid=conn.info.backend_pid) as watch:
            for attempt in range(1, self.timing.chain_attempts + 1):
                try:
                    return self._attempt(conn, attempt)
                except LOCKED:
                    self.clock.sleep(PAUSE_S * attempt * random.uniform(0.5, 1.5))  # noqa: S311 -- jitter, no secret
            raise watch.locked(f"The chain, in {self.timing.chain_attempts} attempts,")

    def _attempt(self, conn: Connection, attempt: int) -> ChainOutcome:
        try:
            return self._transaction(conn, attempt)
        except StatementFailedError as error:
            if isinstance(error.cause, LOCKED):
                raise error.cause from None
            if is_disconnect(error.cause):
                raise translate(error.cause, f"The chain, at {error.place},") from error
            raise PermanentError(
                "chain-failed",
                f"{error.place} failed: {error.words}.",
                "Everything was rolled back; nothing was changed. Correct the script, then ask again.",
            ) from error
        except psycopg.Error as error:
            if isinstance(error, LOCKED):
                raise
            raise translate(error, "The chain") from error
        finally:
            with suppress(psycopg.Error):  # a connection that is gone has rolled back by itself
                conn.execute("ROLLBACK") if conn.info.transaction_status else None

    def _transaction(self, conn: Connection, attempt: int) -> ChainOutcome:
        conn.execute("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE")
        self._lock_out_others(conn)
        executor = ChainExecutor(conn, self.tracking, self.chain, self.expected, self.timing.lock_timeout_s)
        if executor.is_done():
            return ChainOutcome((), (), (), attempt)
        self._compare_rows(conn)
        self._compare_schema(conn)
        executed = executor.run()
        lsn = str(conn.execute("SELECT pg_catalog.pg_current_wal_insert_lsn()").fetchall()[0][0])
        self.may_commit()
        self._commit(conn)
        return _outcome(executed, attempt, lsn)

    def _lock_out_others(self, conn: Connection) -> None:
        """Poll: a session that waits inside `pg_advisory_xact_lock` would hold a snapshot others wait for."""
        deadline = self.clock.monotonic() + self.timing.lock_timeout_s
        while not conn.execute("SELECT pg_catalog.pg_try_advisory_xact_lock(%s, %s)", CHAIN_LOCK).fetchall()[0][0]:
            if self.clock.monotonic() > deadline:
                raise TemporaryError(
                    "chain-running",
                    "Another process runs a chain in this database.",
                    "Wait for it; see /rollback status.",
                )
            self.clock.sleep(POLL_S)

    def _compare_rows(self, conn: Connection) -> None:
        """Nothing may have been written since the export; from here on nothing can be."""
        found = {content.table: find_relation(conn, content.table) for content in self.saved}
        relations = [relation for relation in found.values() if relation is not None]
        for relation in relations:
            if relation.lockable:
                conn.execute(sql.SQL("LOCK TABLE {} IN SHARE MODE").format(relation.name))
        with conn.transaction(force_rollback=True):  # hashing changes settings that a script may depend on
            now = {content.table: content for content in read_contents(conn, relations)}
        changed = [how for content in self.saved for how in _changes(content, now.get(content.table))]
        if changed:
            raise PermanentError(
                "rows-changed-since-export",
                "Rows changed after they were saved: " + "; ".join(sorted(changed))[:200] + ".",
                "Nothing was dropped. Find who writes, then ask for the rollback again.",
            )

    def _compare_schema(self, conn: Connection) -> None:
        """CASCADE takes whatever hangs on what is dropped: it must be what the rehearsal has seen."""
        if not self.fingerprint:
            return
        with conn.transaction(force_rollback=True):  # reading it changes settings, too
            now = catalogue_within(conn)
        if now.fingerprint != self.fingerprint:
            raise PermanentError(
                "schema-changed-since-plan",
                "Somebody has changed the schema since the chain was planned and rehearsed.",
                "Nothing was dropped. Ask for the rollback again: the new plan shows what would go now.",
            )

    def _commit(self, conn: Connection) -> None:
        try:
            commit(conn)
        except psycopg.Error as error:
            if not is_disconnect(error):
                raise PermanentError(
                    "chain-failed", f"COMMIT failed: {server_words(error)}.", "Nothing was changed."
                ) from error
            raise TemporaryError(
                "outcome-unknown",
                "The connection was lost during COMMIT; the chain may or may not have happened.",
                "The tracking table tells: it is looked at before anything else is done.",
            ) from error


def _changes(saved: TableContent, now: TableContent | None) -> Iterator[str]:
    if now is None:
        yield f"{saved.table}: {saved.rows} saved, gone now"
    elif now.rows != saved.rows:
        yield f"{saved.table}: {saved.rows} saved, {now.rows} now"
    elif saved.content_hash and now.content_hash != saved.content_hash:
        yield f"{saved.table}: {saved.rows} saved, as many now, with other values"


def _outcome(executed: Executed, attempt: int, lsn: str) -> ChainOutcome:
    return ChainOutcome(executed.statements, executed.locks, executed.removed, attempt, lsn)
