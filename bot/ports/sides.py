"""Declares the port to the databases beside the live one, which are loaded, exchanged and kept."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from bot.domain.backups import DatabaseSettings, TableContent
from bot.domain.catalogue import Catalogue, DatabaseFacts
from bot.domain.place import DatabaseIdentity
from bot.domain.row_recovery import Salvage
from bot.ports.bundles import FetchedBundle, Report


class ExchangeState(StrEnum):
    """The progress of an exchange of databases, read off their names."""

    BEFORE = "before"
    AFTER = "after"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class SideFacts:
    """A database of ours beside the live one.

    Attributes:
        name: ``{live}_backstop_{kind}_{run}``, cut to PostgreSQL's 63 bytes from the front part.
        kind: ``side`` (being loaded), ``kept`` (replaced by a swap) or ``undone`` (replaced by an undo).
        run_id: of the run that made it.
        size_bytes: on disk.
        noted_at: the time of its last change of role, UTC.
    """

    name: str
    kind: str
    run_id: str
    size_bytes: int
    noted_at: datetime


class Sides(Protocol):
    """Databases beside an environment's live one: loaded, compared, exchanged with it, kept, dropped."""

    def name(self, kind: str, run_id: str) -> str:
        """Name a run's database of that kind."""

    def prove_loader(self) -> Sequence[str]:
        """Log in as the role that loads bundles, where it must be refused; return what is proven, one line each.

        Raises:
            PermanentError: ``no-loader-role``, ``loader-too-powerful``.
        """

    def load(self, run_id: str, bundle: FetchedBundle, report: Report) -> str:
        """Load a bundle into a fresh ``side`` database of the run (a leftover of an earlier try is dropped first).

        Every statement is read before any of them runs.

        Raises:
            PermanentError: ``bundle-unsafe-statement``, ``bundle-foreign-object``, ``no-loader-role``,
                ``loader-too-powerful``: nothing was run; ``load-failed`` with the tool's own message, ``tool-too-old``,
                ``disk-full``; it is dropped.
            TemporaryError: ``database-unreachable``, e.g. because the server restarted; it is dropped when it can be.
        """

    def hand_over(self, name: str, bundle: FetchedBundle, report: Report) -> None:
        """Give everything in a loaded database to the owners it should have, and set the privileges of the bundle.

        Until then it belongs to the loader, and everything here reads it as the loader: what is in the bundle can run
        with the reader's rights. Each object goes to its owner in the live database, else to the dump's, else to the
        database's. May be repeated; what could not be done is a line of `copy_settings`.

        Raises:
            PermanentError: ``bundle-unsafe-statement``: the bundle has granted rights by itself.
        """

    def contents(self, name: str, report: Report) -> Sequence[TableContent]:
        """Count and hash every table of a side database, as `Database.dump` does."""

    def live_contents(self, report: Report) -> Sequence[TableContent]:
        """Count and hash every table of the live database, as it is now: equal twice only if nobody writes."""

    def catalogue(self, name: str) -> Catalogue:
        """Read every user object of a side database, as `Database.catalogue` does of the live one."""

    def inspect(self, name: str) -> DatabaseFacts:
        """Observe a side database; its `applied` tells its schema version."""

    def problems(self, name: str) -> Sequence[str]:
        """Find violations of its integrity, one line each: invalid indexes, unvalidated constraints, sequences behind
        their columns, collation versions, and the report of pg_amcheck where it is installed.
        """

    def copy_settings(self, name: str, noted: DatabaseSettings | None = None) -> Sequence[str]:
        """Copy the live database's owner, ACL, settings, per-role settings, comment and connection limit to it.

        Where the live one is gone, `noted` counts, which its backup has noted; None leaves its own.

        Returns one line for each that our role has no right to copy.
        """

    def exchange(
        self,
        incoming: str,
        outgoing: str,
        may_commit: Callable[[], None],
        approved: DatabaseIdentity | None = None,
        *,
        found_closed: bool = False,
    ) -> float:
        """Swap: the live database becomes `outgoing`, `incoming` becomes the live one, in one transaction.

        Both are closed and emptied of sessions for it, and opened afterwards. Repeated after it happened, it only
        makes sure that the live one is open. Returns for how many seconds the live name was closed.

        Args:
            incoming: the database that comes.
            outgoing: the name for the one that goes; "" where there is none, and nothing is kept.
            may_commit: called just before COMMIT; raises when this process no longer owns the run.
            approved: the live database; no other one is touched. None where an old release approved.
            found_closed: people had closed it, so it stays closed where the swap does not happen.

        Raises:
            PermanentError: ``wrong-database``: nothing was touched; ``session-cannot-be-ended``,
                ``prepared-transaction``, ``name-taken``: all is as before and open.
            TemporaryError: ``database-unreachable``; `state` tells its progress.
        """

    def state(self, incoming: str, outgoing: str) -> ExchangeState:
        """Say if that exchange has happened, from the databases' names alone."""

    def list(self) -> Sequence[SideFacts]:
        """List every database of ours beside the live one."""

    def drop(self, name: str) -> None:
        """Drop one with its sessions, if it exists.

        Raises:
            PermanentError: ``not-ours`` when the name is not one of ours.
        """


class RowRecovery(Protocol):
    """Finds rows that a kept database has and the live one has not."""

    def write_sql(self, kept: str, about: Sequence[str], write: Callable[[bytes], None], report: Report) -> Salvage:
        """Compare the two, each in one snapshot, and write SQL that would bring the rows back. Applies nothing.

        INSERTs, in the order of foreign keys, for rows that only `kept` has; UPDATEs, commented out, for rows that both
        have with different values. Memory is bounded whatever the size.

        Args:
            kept: a database of ours beside the live one; it stays closed to others.
            about: lines for the head of the SQL.
            write: takes the SQL, UTF-8, as it comes.
            report: receives the progress.

        Raises:
            PermanentError: ``not-ours``, ``side-missing``, ``database-refused``.
            TemporaryError: ``database-unreachable``, ``table-locked``.
        """
