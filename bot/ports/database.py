"""Declares the port to an environment's live database: its shadow, and exclusive access to it."""

from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from bot.domain.backups import SavedSequence, TableContent
from bot.domain.catalogue import Catalogue, ChainOutcome, CheckResult, DatabaseFacts, Rehearsal, Session, TableSize
from bot.domain.effects import ChainTrace, PlannedEffect
from bot.domain.migrations import DownScript
from bot.domain.obstacles import Obstacles
from bot.domain.place import DatabaseIdentity
from bot.ports.bundles import Dump, FetchedBundle, Report, TableSink
from bot.ports.undo_rollback import Recreated, RecreationSpec, RehearsedUndo, RowSource


class Shadow(Protocol):
    """A schema-only copy of an environment's database. Gone when its context ends."""

    def rehearse(self, chain: Sequence[DownScript], expected: frozenset[int]) -> Rehearsal:
        """Run the chain for real, in one transaction that is rolled back in the end, and report its effects.

        Raises:
            PermanentError: ``rehearsal-failed`` names script, line and the server's message;
                ``no-replica-identity``, ``unexpected-tracking-rows``, ``missing-rights``.
        """

    def rehearse_undo(
        self, chain: Sequence[DownScript], remaining: frozenset[int], spec: RecreationSpec, tables: Collection[str]
    ) -> RehearsedUndo:
        """Run the chain again, and take it back as a run would.

        Args:
            chain: newest first; it has been rehearsed on this shadow.
            remaining: versions that it leaves.
            spec: what is to come back; it needs no export, as the rows are those of the shadow.
            tables: those whose rows a run saves.

        Raises:
            PermanentError: ``undo-failed``, ``undo-not-exact``, ``bundle-unsafe-statement``, ``bundle-foreign-object``.
        """

    def gaps(self) -> Sequence[str]:
        """Say what no chain may touch, because the rehearsal could not prove it: a sentence each."""


class ExclusiveAccess(Protocol):
    """The only session of a closed database. Everything until the reopening goes through it."""

    def export(
        self, tables: Sequence[str], sink: TableSink, report: Report
    ) -> tuple[Sequence[SavedSequence], Sequence[TableContent]]:
        """Copy out every row of the relations, and of tables that inherit from them, each by itself, in one snapshot.

        Returns every sequence's state, and each relation's content: rows, and the hash of a table's content.
        """

    def run_chain(
        self,
        chain: Sequence[DownScript],
        expected: frozenset[int],
        saved: Sequence[TableContent],
        may_commit: Callable[[], None],
        planned: PlannedEffect | None = None,
        note: Callable[[ChainTrace], None] | None = None,
    ) -> ChainOutcome:
        """Run the chain in ONE transaction, remove the tracking rows, and commit if everything is as planned.

        Before COMMIT every check of the scripts must be true, the tracking table must hold `expected`, and the effect
        on the catalogue and on rows must be the planned one.

        Idempotent: where the tracking table already holds `expected`, nothing is run and `removed` is empty.

        Args:
            chain: newest first.
            expected: versions the tracking table must hold afterwards.
            saved: each exported relation's content; a difference stops the chain before the first drop. Where no hash
                is known, rows are compared.
            may_commit: called just before COMMIT; raises when this process no longer owns the run.
            planned: the approved effect; None compares none.
            note: takes what an undo needs to know of the chain, before COMMIT.

        Raises:
            PermanentError: ``chain-failed``, ``rows-changed-since-export``, ``schema-changed-since-plan``,
                ``unexpected-tracking-rows``, ``beyond-the-plan``, ``verify-false``; nothing was changed.
            TemporaryError: ``table-locked`` names the blocker, after all attempts; ``chain-running`` elsewhere;
                ``outcome-unknown`` when the connection went during COMMIT: call again, and it finds out.
        """

    def recreate(
        self, bundle: FetchedBundle, spec: RecreationSpec, rows: RowSource, may_commit: Callable[[], None]
    ) -> Recreated:
        """Create again what a chain dropped, fill it with the saved rows, and commit, all in ONE transaction.

        Idempotent: where the tracking table already holds `spec.expected`, nothing is done and `statements` is 0.

        Args:
            bundle: the chain's emergency backup, of this very database.
            spec: what is to come back.
            rows: the saved rows.
            may_commit: called just before COMMIT; raises when this process no longer owns the run.

        Raises:
            PermanentError: ``undo-failed``, ``undo-not-exact``, ``database-replaced``, ``unexpected-tracking-rows``,
                ``export-damaged``; nothing was changed.
            TemporaryError: ``outcome-unknown`` when the connection went during COMMIT; ``table-locked``.
        """

    def close(self) -> None:
        """End the session. The database stays closed."""


class Database(Protocol):
    """One environment's database."""

    @property
    def address(self) -> str:
        """As of `DatabaseIdentity`, from the configuration alone."""

    def inspect(self) -> DatabaseFacts:
        """Observe it, without waiting for anyone's lock. A closed database is seen without its tracking rows.

        Raises:
            PermanentError: ``tracking-table-unreadable``; ``database-unreachable`` when our login is refused.
            TemporaryError: ``database-unreachable`` without an answer; ``table-locked`` names the blocker.
        """

    def obstacles(self) -> Obstacles:
        """Look for what is in the way of a backup, a restore or a swap; where nobody gets in, only at the server.

        Raises:
            TemporaryError: ``database-unreachable`` without an answer.
        """

    def catalogue(self) -> Catalogue:
        """Read every user object.

        Raises:
            TemporaryError: ``table-locked`` names the blocker.
        """

    def stored_tables(self) -> Sequence[str]:
        """Name the tables with rows of their own, as a manifest does: no partitioned table, none of an extension."""

    def measure(self, tables: Sequence[str]) -> Sequence[TableSize]:
        """Count rows exactly, in one snapshot, waiting at most the lock timeout.

        Raises:
            TemporaryError: ``table-locked`` names the blocker.
        """

    def count_values(self, columns: Sequence[tuple[str, str]]) -> Sequence[TableSize]:
        """Count non-null values of (table, column) pairs; `table` of the answer is ``table.column``."""

    def shadow(self, run_id: str) -> AbstractContextManager[Shadow]:
        """Make a schema-only copy beside the live database; dropped when the context ends.

        Raises:
            TemporaryError: ``table-locked``; PermanentError: ``shadow-failed``.
        """

    def rehearse_recreation(
        self, run_id: str, bundle: FetchedBundle, spec: RecreationSpec, rows: RowSource
    ) -> Recreated:
        """Do on a shadow what `ExclusiveAccess.recreate` does, without the rows, and roll it back.

        Raises:
            PermanentError: ``undo-failed``, ``undo-not-exact``, ``database-replaced``, ``shadow-failed``.
            TemporaryError: ``table-locked``.
        """

    def drop_leftovers(self, run_ids_alive: Collection[str]) -> Sequence[str]:
        """Drop shadows of processes that died, and name them. A young one, or one in use, is left alone."""

    def take_exclusive_access(self, run_id: str, approved: DatabaseIdentity | None = None) -> ExclusiveAccess:
        """Close the database to everyone, end every other session, and keep the one that is left.

        Idempotent; a database that a dead process left closed is taken over.

        Args:
            run_id: of the run that takes it.
            approved: no other database is touched, whatever the DSN leads to; None where an old release approved.

        Raises:
            PermanentError: ``wrong-database``: nothing was touched; ``session-cannot-be-ended`` or
                ``prepared-transaction`` names what is in the way: the database has been opened again.
        """

    def reopen(self) -> None:
        """Accept connections again. Idempotent."""

    def other_sessions(self) -> Sequence[Session]:
        """List others' sessions in the database, now."""

    def check(self, queries: Sequence[str]) -> Sequence[CheckResult]:
        """Run read-only checks, each in a transaction of its own that is rolled back."""

    def dump(self, directory: Path, report: Report) -> Dump:
        """Write a directory-format dump, and read the content of its snapshot.

        Raises:
            PermanentError: ``dump-failed`` with pg_dump's own message; ``tool-too-old``.
            TemporaryError: ``table-locked`` names the blocker; ``dump-stalled``.
        """

    def recovery_options(self) -> Sequence[str]:
        """Describe the reach of point-in-time recovery: archiver state, WAL position, slots. One line each."""

    def mark_restore_point(self, name: str) -> str:
        """Create a named restore point, if allowed; return its LSN, or else the current one."""
