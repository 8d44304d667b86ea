"""Runs a chain and commits it: one transaction, retried as a whole while somebody's lock is in the way."""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import psycopg
from psycopg import sql

from bot.adapters.database.connections import LOCKED, Connection, is_disconnect, roll_back, translate
from bot.adapters.database.effects import EffectObserver
from bot.adapters.database.execution import BEGIN, ChainExecutor, StatementFailedError, commit_or_explain
from bot.adapters.database.hashing import read_contents
from bot.adapters.database.inspection import run_checks
from bot.adapters.database.large_objects import read_large_objects
from bot.adapters.database.relations import find_relation
from bot.adapters.database.server import Server
from bot.adapters.database.sessions import BlockerWatch
from bot.adapters.database.trace import read_publications, read_trace
from bot.domain.backups import TableContent
from bot.domain.catalogue import ChainOutcome
from bot.domain.effects import LARGE_OBJECTS, ChainTrace, PlannedEffect, beyond_plan, stop_before_commit
from bot.domain.migrations import DownScript
from bot.errors import PermanentError, TemporaryError
from bot.ports import Clock

# Key of the advisory lock, which PostgreSQL keeps per database.
CHAIN_LOCK = (0x4261636B, 0x73746F70)

POLL_S = 0.02
PAUSE_S = 0.5


@dataclass(frozen=True)
class ChainRun:
    """One chain to be run; see `bot.ports.ExclusiveAccess.run_chain`."""

    server: Server
    chain: Sequence[DownScript]
    expected: frozenset[int]
    saved: Sequence[TableContent]
    may_commit: Callable[[], None]
    planned: PlannedEffect | None = None
    note: Callable[[ChainTrace], None] | None = None

    def run(self, conn: Connection) -> ChainOutcome:
        """Try whole transactions until one commits, or the attempts are used up.

        Raises:
            PermanentError, TemporaryError: see `bot.ports.ExclusiveAccess.run_chain`.
        """
        attempts = self.server.timing.chain_attempts
        doing = f"The chain, in {attempts} attempts,"
        with BlockerWatch(self.server.connections, doing, pid=conn.info.backend_pid) as watch:
            for attempt in range(1, attempts + 1):
                try:
                    return self._attempt(conn, attempt)
                except LOCKED:
                    # Jitter, so that two chains that block each other do not meet again.
                    self.server.clock.sleep(PAUSE_S * attempt * random.uniform(0.5, 1.5))  # noqa: S311 -- jitter, no secret
            raise watch.locked()

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
                f"{error.place} failed: {error.message}.",
                "Everything was rolled back; nothing was changed. Correct the script, then ask again.",
            ) from error
        except psycopg.Error as error:
            if isinstance(error, LOCKED):
                raise
            raise translate(error, "The chain") from error
        finally:
            roll_back(conn)

    def _transaction(self, conn: Connection, attempt: int) -> ChainOutcome:
        conn.execute(BEGIN)
        take_chain_lock(conn, self.server.clock, self.server.timing.lock_timeout_s)
        executor = ChainExecutor(conn, self.server, self.chain, self.expected)
        if executor.is_done():
            return ChainOutcome((), (), (), attempt)
        # decision 27: under lock, as a client may have got in while a takeover opened the closed database.
        self._compare_rows(conn)
        observer = self._compare_schema(conn, executor.tracking_table)
        published = read_publications(conn)
        executed = executor.run()
        # decision 34: COMMIT waits until the plan is true.
        self._compare_effect(conn, observer)
        # The report names the last position before the drops, for point-in-time recovery.
        lsn = str(conn.execute("SELECT pg_catalog.pg_current_wal_insert_lsn()").fetchall()[0][0])
        if self.note is not None:
            # decision 42: noted before COMMIT, or a chain whose process dies just after it could not be undone exactly.
            self.note(read_trace(conn, [content.table for content in self.saved], published))
        # The lease is checked last: a process that lost its run must not commit for its successor.
        self.may_commit()
        commit_or_explain(conn, "chain", "chain-failed", "Nothing was changed.")
        return ChainOutcome(executed.statements, executed.locks, executed.removed, attempt, lsn)

    def _compare_rows(self, conn: Connection) -> None:
        """Check that nothing was written since the export, and keep others from writing from here on."""
        tables = [content.table for content in self.saved if content.table != LARGE_OBJECTS]
        found = {table: find_relation(conn, table) for table in tables}
        relations = [relation for relation in found.values() if relation is not None]
        for relation in relations:
            if relation.lockable:
                conn.execute(sql.SQL("LOCK TABLE {} IN SHARE MODE").format(relation.name))
        with conn.transaction(force_rollback=True):  # hashing changes settings that a script may depend on
            now = {content.table: content for content in read_contents(conn, relations)}
            if len(tables) < len(self.saved):
                now[LARGE_OBJECTS] = read_large_objects(conn)
        changed = [line for content in self.saved for line in _changes(content, now.get(content.table))]
        if changed:
            raise PermanentError(
                "rows-changed-since-export",
                "Rows changed after they were saved: " + "; ".join(sorted(changed))[:200] + ".",
                "Nothing was dropped. Find who writes, then ask for the rollback again.",
            )

    def _compare_schema(self, conn: Connection, tracking_table: str) -> EffectObserver | None:
        """Check that the schema is the rehearsed one: CASCADE drops whatever depends on a dropped object."""
        if self.planned is None:
            return None
        observer = EffectObserver(conn, tracking_table)
        if self.planned.rehearsed_on not in {"", observer.before.fingerprint}:
            raise PermanentError(
                "schema-changed-since-plan",
                "Somebody has changed the schema since the chain was planned and rehearsed.",
                "Nothing was dropped. Ask for the rollback again: the new plan shows what would go now.",
            )
        return observer

    def _compare_effect(self, conn: Connection, observer: EffectObserver | None) -> None:
        """Check that the scripts' own checks are true, and that nothing goes or changes that the plan does not name."""
        queries = [(script.name, query) for script in self.chain for query in script.verify]
        results = run_checks(conn, [query for _, query in queries], within=True)
        false = [
            f"{name}: {result.sql} ({result.problem})"
            for (name, _), result in zip(queries, results, strict=True)
            if not result.ok
        ]
        beyond = beyond_plan(self.planned, observer.effect()) if self.planned and observer else ()
        stop_before_commit(beyond, false)


def take_chain_lock(conn: Connection, clock: Clock, patience_s: float) -> None:
    """Take the advisory lock that lets one chain per database run at a time, until the transaction ends.

    Raises:
        TemporaryError: ``chain-running``.
    """
    deadline = clock.monotonic() + patience_s
    # Poll: a session that waits inside `pg_advisory_xact_lock` would hold a snapshot that others wait for.
    while not conn.execute("SELECT pg_catalog.pg_try_advisory_xact_lock(%s, %s)", CHAIN_LOCK).fetchall()[0][0]:
        if clock.monotonic() >= deadline:
            raise TemporaryError(
                "chain-running", "Another process runs a chain in this database.", "Wait for it; see /rollback status."
            )
        clock.sleep(POLL_S)


def _changes(saved: TableContent, now: TableContent | None) -> Iterator[str]:
    if now is None:
        yield f"{saved.table}: {saved.rows} saved, gone now"
    elif now.rows != saved.rows:
        yield f"{saved.table}: {saved.rows} saved, {now.rows} now"
    elif saved.content_hash and now.content_hash != saved.content_hash:
        yield f"{saved.table}: {saved.rows} saved, as many now, with other values"
