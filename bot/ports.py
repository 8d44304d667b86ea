"""What the engine needs of the world, one Protocol an edge. Adapters implement them, one SDK each.

Every method may raise `bot.errors.TemporaryError` (trying again may work) or `PermanentError`; nothing else.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from bot.domain.approvals import Vote, Voter
from bot.domain.backups import (
    Backup,
    BackupPage,
    BundleKind,
    Export,
    Manifest,
    SavedSequence,
    SavedTable,
    StoredObject,
    TableContent,
    Verification,
)
from bot.domain.catalogue import (
    Catalogue,
    ChainOutcome,
    CheckResult,
    DatabaseFacts,
    Rehearsal,
    Session,
    TableSize,
)
from bot.domain.chores import Chore, ChoreHolder, ChoreKind
from bot.domain.environments import HttpCheck
from bot.domain.migrations import DownScript
from bot.domain.plans import Plan
from bot.domain.runs import Progress, Run, RunState, Step, StepState
from bot.domain.salvage import Salvage
from bot.domain.workloads import ClusterFacts, HttpAnswer, Pod
from bot.errors import BotError

Report = Callable[[Progress], None]
"""Called with a long step's progress; may raise to stop it."""


class Clock(Protocol):
    """Time, and waiting."""

    def now(self) -> datetime:
        """Tell the time, aware, UTC."""

    def monotonic(self) -> float:
        """Seconds that never go backwards, from an arbitrary start."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


class Cluster(Protocol):
    """One environment's workloads. Every change is idempotent and safe to repeat."""

    def inspect(self) -> ClusterFacts:
        """Observe the configured Deployments (with history, autoscalers) and Services.

        Raises:
            PermanentError: ``workload-not-found`` names one that is not there; ``cluster-forbidden``.
        """

    def missing_rights(self) -> Sequence[str]:
        """Say what our account may not do and must, e.g. ``patch deployments/scale``; empty when all is well."""

    def pods(self, deployment: str) -> Sequence[Pod]:
        """List the pods of a Deployment's selector, terminating ones included until they are gone."""

    def hold_service(self, service: str, run_id: str) -> None:
        """Add the hold label to the Service's selector, and note the selector from before in an annotation (once)."""

    def release_service(self, service: str, selector: Mapping[str, str]) -> None:
        """Set the selector to exactly `selector` and drop the annotation."""

    def scale(self, deployment: str, replicas: int, run_id: str) -> None:
        """Set the replica count; note the one from before in an annotation unless one is noted (then keep it)."""

    def set_image(self, deployment: str, image: str, revision: int) -> None:
        """Put the Deployment's pod template back to that revision of its history (the whole template, not the image
        alone, where the history has it), so that its image becomes `image`. No-op when it is already so.

        Raises:
            PermanentError: ``revision-not-found``.
        """

    def clear_notes(self, deployment: str) -> None:
        """Drop our annotations from a Deployment."""

    def get_http(self, check: HttpCheck) -> Sequence[HttpAnswer]:
        """GET the path from every ready pod of the Deployment, through the API server's pod proxy."""

    def database_logs(self, tail_lines: int) -> Mapping[str, str]:
        """Last log lines of the database's pods, by pod; empty where no selector is configured."""


class Shadow(Protocol):
    """A schema-only copy of an environment's database. Gone when its context ends."""

    def rehearse(self, chain: Sequence[DownScript], expected: frozenset[int]) -> Rehearsal:
        """Run the chain for real, in one transaction that is rolled back in the end, and say what it did.

        Raises:
            PermanentError: ``rehearsal-failed`` names script, line and the server's message;
                ``unexpected-tracking-rows``.
        """


class Fence(Protocol):
    """The only session of a closed database. Everything between the fence and the reopening goes through it."""

    def export(
        self, tables: Sequence[str], sink: "TableSink", report: Report
    ) -> tuple[Sequence[SavedSequence], Mapping[str, int]]:
        """Copy out every row of the relations in one snapshot; gives owned sequences' states, and rows by relation."""

    def run_chain(
        self,
        chain: Sequence[DownScript],
        expected: frozenset[int],
        saved_rows: Mapping[str, int],
        may_commit: Callable[[], None],
    ) -> ChainOutcome:
        """Run the chain in ONE transaction, remove the tracking rows, check what remains, and commit.

        Idempotent: where the tracking table already says `expected`, nothing is run and `removed` is empty.

        Args:
            chain: newest first.
            expected: versions the tracking table must hold afterwards.
            saved_rows: exact rows of each exported relation; a difference stops the chain before the first drop.
            may_commit: called just before COMMIT; raises when this process no longer owns the run.

        Raises:
            PermanentError: ``chain-failed``, ``rows-changed-since-export``, ``unexpected-tracking-rows``.
            TemporaryError: ``table-locked`` names the blocker, after all attempts; ``chain-running`` elsewhere;
                ``outcome-unknown`` when the connection went during COMMIT: call again, and it finds out.
        """

    def regrow(
        self, bundle: "FetchedBundle", order: "RegrowthOrder", rows: "RowSource", may_commit: Callable[[], None]
    ) -> "Regrown":
        """Create again what a chain dropped, fill it with the saved rows, and commit, all in ONE transaction.

        Idempotent: where the tracking table already says `order.expected`, nothing is done and `statements` is 0.

        Args:
            bundle: the chain's emergency backup, of this very database.
            order: what is to come back.
            rows: the saved rows.
            may_commit: called just before COMMIT; raises when this process no longer owns the run.

        Raises:
            PermanentError: ``undo-failed``, ``undo-not-exact``, ``database-replaced``, ``unexpected-tracking-rows``,
                ``export-damaged``; nothing was changed.
            TemporaryError: ``outcome-unknown`` when the connection went during COMMIT; ``table-locked``.
        """

    def close(self) -> None:
        """End the session. The database stays closed."""


RowSource = Callable[[SavedTable], Iterator[bytes]]
"""Reads a saved relation; see `ExportStore.read`."""


@dataclass(frozen=True)
class RegrowthOrder:
    """What is to come back after a chain. Relations, columns and constraints are named as in a `Catalogue`.

    Attributes:
        versions: whose tracking rows come back.
        expected: versions the tracking table must hold afterwards.
        export: the saved rows; None where none had to be saved.
        reloaded: relations that are created again and filled.
        refilled: (table, column) that are created again and filled by primary key; their tables stayed.
        completed: tables that stayed and whose missing rows are put back by primary key.
        constraints: (table, name) of table constraints that went while their table stayed.
        objects: (kind, identity) of everything that went.
        fingerprint: of the catalogue before the chain, which it must have again.
    """

    versions: frozenset[int]
    expected: frozenset[int]
    export: Export | None
    reloaded: frozenset[str]
    refilled: frozenset[tuple[str, str]]
    completed: frozenset[str]
    constraints: frozenset[tuple[str, str]]
    objects: frozenset[tuple[str, str]]
    fingerprint: str


@dataclass(frozen=True)
class Regrown:
    """What came back: how many statements created it, and rows by relation; how long it took, in seconds."""

    statements: int
    rows: Mapping[str, int]
    elapsed_s: float = 0.0


class TableSink(Protocol):
    """Where exported rows go."""

    def table(self, name: str, columns: Sequence[str]) -> AbstractContextManager[Callable[[bytes], None]]:
        """Open a relation's stream of CSV bytes; leaving the context without an exception stores it."""


class Database(Protocol):
    """One environment's database."""

    def inspect(self) -> DatabaseFacts:
        """Observe it, without waiting for anyone's lock. A closed database is seen without its tracking rows.

        Raises:
            PermanentError: ``tracking-table-unreadable``; ``database-unreachable`` when our login is refused.
            TemporaryError: ``database-unreachable`` when nobody answers; ``table-locked`` names the blocker.
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

    def rehearse_regrowth(self, run_id: str, bundle: "FetchedBundle", order: RegrowthOrder, rows: RowSource) -> Regrown:
        """Do on a shadow what `Fence.regrow` does, without the rows, and roll it back.

        Raises:
            PermanentError: ``undo-failed``, ``undo-not-exact``, ``database-replaced``, ``shadow-failed``.
            TemporaryError: ``table-locked``.
        """

    def drop_leftovers(self, run_ids_alive: Collection[str]) -> Sequence[str]:
        """Drop shadows of processes that died; gives their names. A young one, or one in use, is left alone."""

    def fence(self, run_id: str) -> Fence:
        """Close the database to everyone, end every other session, and keep the one that is left.

        Idempotent; a fence left by a dead process is taken over.

        Raises:
            PermanentError: ``session-cannot-be-ended`` or ``prepared-transaction`` names what is in the way; the
                database has been opened again.
        """

    def reopen(self) -> None:
        """Let people in again. Idempotent."""

    def strangers(self) -> Sequence[Session]:
        """Others' sessions in the database, now."""

    def check(self, queries: Sequence[str]) -> Sequence[CheckResult]:
        """Run read-only checks, each in a transaction of its own that is rolled back."""

    def dump(self, directory: Path, report: Report) -> "Dump":
        """Write a directory-format dump, and what its snapshot held.

        Raises:
            PermanentError: ``dump-failed`` with pg_dump's own words; ``tool-too-old``.
            TemporaryError: ``table-locked`` names the blocker; ``dump-stalled``.
        """

    def recovery_options(self) -> Sequence[str]:
        """What point-in-time recovery could reach: archiver state, WAL position, restore points. One line each."""

    def mark_restore_point(self, name: str) -> str:
        """Create a named restore point where we may; gives the LSN it is at (or the current one)."""


@dataclass(frozen=True)
class Dump:
    """A finished dump: the tables' content in its snapshot, and its tool's version."""

    tables: Sequence[TableContent]
    tool_version: str
    taken_at: datetime


@dataclass(frozen=True)
class FetchedBundle:
    """A bundle on disk, unpacked safely and whole.

    Attributes:
        kind: what `path` is: a directory for `DIRECTORY`, else a file.
        path: what pg_restore (or, for `PLAIN`, psql) is given.
        manifest: of a bundle of ours, its digests and sizes checked; None for one of the old scripts'.
        size_bytes: of everything under `path`.
    """

    kind: BundleKind
    path: Path
    manifest: Manifest | None
    size_bytes: int


class BundleReader(Protocol):
    """The client tools, as far as a bundle on disk needs them."""

    def read_through(self, bundle: FetchedBundle) -> None:
        """Read every byte of the dump as a restore would, without a database: level 2 of a verification.

        Raises:
            PermanentError: ``bundle-unreadable`` with the tool's own words; ``tool-missing``.
        """


class ExchangeState(StrEnum):
    """Where an exchange of databases is, read off their names."""

    BEFORE = "before"
    AFTER = "after"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class SideFacts:
    """A database of ours beside the live one.

    Attributes:
        name: ``{live}_backstop_{kind}_{run}``, cut to PostgreSQL's 63 bytes from the front part.
        kind: ``side`` (being loaded), ``kept`` (replaced by a swap) or ``undone`` (replaced by an undo).
        run_id: whose it is.
        size_bytes: on disk.
        noted_at: when it came to be what it is, UTC.
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

    def load(self, run_id: str, bundle: FetchedBundle, report: Report) -> str:
        """Load a bundle into a fresh ``side`` database of the run (a leftover of an earlier try is dropped first).

        Raises:
            PermanentError: ``load-failed`` with the tool's own words, ``tool-too-old``, ``disk-full``; it is dropped.
            TemporaryError: ``database-unreachable``, e.g. because the server restarted; it is dropped when it can be.
        """

    def contents(self, name: str, report: Report) -> Sequence[TableContent]:
        """Count and hash every table of a side database, as `Database.dump` does."""

    def inspect(self, name: str) -> DatabaseFacts:
        """Observe a side database; its `applied` says its schema version."""

    def problems(self, name: str) -> Sequence[str]:
        """What is not sound in it: invalid indexes, unvalidated constraints, sequences behind their columns,
        collation versions, what pg_amcheck finds where it is installed. One line each.
        """

    def adopt(self, name: str) -> Sequence[str]:
        """Give it the live database's owner, ACL, settings, per-role settings, comment and connection limit.

        Gives what could not be copied for want of rights, one line each.
        """

    def exchange(self, incoming: str, outgoing: str, may_commit: Callable[[], None]) -> float:
        """Swap: the live database becomes `outgoing`, `incoming` becomes the live one, in one transaction.

        Both are closed and emptied of sessions for it, and opened afterwards. Repeated after it happened, it only
        makes sure that the live one is open. Gives for how many seconds the live name was closed.

        Raises:
            PermanentError: ``session-cannot-be-ended``, ``prepared-transaction``, ``name-taken``; all is as before
                and open.
            TemporaryError: ``database-unreachable``; `state` tells where it is.
        """

    def state(self, incoming: str, outgoing: str) -> ExchangeState:
        """Say whether that exchange has happened, from the databases' names alone."""

    def list(self) -> Sequence[SideFacts]:
        """Every database of ours beside the live one."""

    def drop(self, name: str) -> None:
        """Drop one, sessions and all; gone already is well.

        Raises:
            PermanentError: ``not-ours`` when the name is not one of ours.
        """


class Salvager(Protocol):
    """Looks for rows that a kept database has and the live one has not."""

    def salvage(self, kept: str, about: Sequence[str], write: Callable[[bytes], None], report: Report) -> Salvage:
        """Compare the two, each in one snapshot, and write SQL that would bring the rows back. Applies nothing.

        INSERTs, in the order of foreign keys, for rows that only `kept` has; UPDATEs, commented out, for rows that both
        have with different values. Memory is bounded whatever the size.

        Args:
            kept: a database of ours beside the live one; it stays closed to others.
            about: lines for the head of the SQL.
            write: takes the SQL, UTF-8, as it comes.
            report: is told how far it is.

        Raises:
            PermanentError: ``not-ours``, ``side-missing``, ``database-refused``.
            TemporaryError: ``database-unreachable``, ``table-locked``.
        """


class BackupStore(Protocol):
    """One environment's bucket."""

    def list_backups(self, limit: int | None = None) -> Sequence[Backup]:
        """Everything that is named like a backup of this environment, newest first; foreign objects left out.

        Looked up fresh. Reads a sidecar for each the first time, so ask for no more than is needed.

        Args:
            limit: how many at most; None for all.
        """

    def list_page(self, text: str = "", offset: int = 0, limit: int = 10) -> BackupPage:
        """A page of the list for people to look at, newest first; may be some seconds old, but for our own writes.

        Args:
            text: words that must all be in the name, whatever their case; "" for all.
            offset: 0, or the `next_offset` of the page before.
            limit: backups on a page, 1 or more.
        """

    def newest_before(self, schema_version: int) -> Backup | None:
        """The newest bundle whose manifest has an older (and known) schema version; looked up fresh."""

    def find(self, name: str) -> Backup | None:
        """One backup by its name; None when there is none or it is incomplete."""

    def fetch(self, backup: Backup, directory: Path, report: Report) -> FetchedBundle:
        """Download a bundle into an empty directory, unpacking it on the way; nothing unsafe is ever written.

        Raises:
            PermanentError: ``bundle-unsafe`` (traversal, link, device, bomb, duplicate or unknown member),
                ``bundle-damaged`` (truncated, wrong digest or size, tampered manifest), ``bundle-foreign`` (another
                environment's), ``bundle-unknown`` (no dump in it), ``object-not-found``, ``scratch-full``; the
                directory is emptied.
            TemporaryError: ``storage-unavailable``.
        """

    def verify_names(self, backup: Backup, report: Report) -> None:
        """Read a bundle to its end as `fetch` does, but write nothing: level 1 of its verification.

        Raises:
            PermanentError, TemporaryError: as `fetch`.
        """

    def note_verified(self, backup: Backup, verification: Verification) -> None:
        """Keep what was proven (or not) of exactly that object; it is its `verified` from then on."""

    def put_bundle(self, directory: Path, manifest: Manifest, report: Report) -> Backup:
        """Bundle the dump directory, upload it, and write the sidecar last. Never overwrites.

        Raises:
            PermanentError: ``backup-exists``, ``bucket-not-found``, ``storage-forbidden``.
            TemporaryError: ``storage-unavailable``.
        """

    def open_export(self, run_id: str) -> "ExportStore":
        """Where a run's saved rows go."""

    def put_text(self, key: str, text: str, content_type: str) -> StoredObject:
        """Store a small text (a report), overwriting."""

    def open_text(self, key: str) -> AbstractContextManager[Callable[[bytes], None]]:
        """Store a text of any size as gzip, as it comes; there only if the context ends without an exception."""


class ExportStore(Protocol):
    """A run's saved rows, ``exports/{run}/…`` in the bucket."""

    def sink(self) -> TableSink:
        """Take rows in: one gzip-compressed CSV object a relation, streamed."""

    def finish(self, sequences: Sequence[SavedSequence]) -> Export:
        """Re-read each stored object's size and row count, then write ``export.json``.

        Raises:
            PermanentError: ``export-damaged``.
        """

    def existing(self) -> Export | None:
        """The finished export, if there is one."""

    def read(self, table: SavedTable) -> Iterator[bytes]:
        """The CSV bytes of a saved relation, in pieces; its digest and rows are compared at the end.

        Raises:
            PermanentError: ``export-damaged``: gone, cut, or not what ``export.json`` says.
        """


@dataclass(frozen=True)
class Message:
    """A chat message as wanted.

    Attributes:
        key: unique name of the message, so that it is sent once and edited in place, e.g. ``card:rk3f9a``.
        channel: where to.
        text: what notifications and old clients show; always set.
        blocks: Block Kit.
        thread_key: key of the message it answers; "" for a message of its own.
        run_id: whose message it is; "" for nobody's.
        user: set for an ephemeral: who sees it.
        response_url: set for an answer to a command or a click.
        replace: put the answer in the place of the message that was clicked on, where `response_url` still can.
    """

    key: str
    channel: str
    text: str
    blocks: Sequence[Mapping[str, Any]] = ()
    thread_key: str = ""
    run_id: str = ""
    user: str = ""
    response_url: str = ""
    replace: bool = False


@dataclass(frozen=True)
class Posted:
    """A message that has been sent."""

    key: str
    run_id: str
    channel: str
    ts: str


class Chat(Protocol):
    """Slack, as the outbox's writer and the approval rules need it."""

    def post(self, message: Message, thread_ts: str) -> str:
        """Post it; gives its ts. `thread_ts` "" posts outside a thread."""

    def update(self, message: Message, ts: str) -> None:
        """Edit it in place."""

    def whisper(self, message: Message, thread_ts: str) -> None:
        """Show it to `message.user` only, by response_url where there is one."""

    def upload(self, channel: str, thread_ts: str, name: str, title: str, content: bytes) -> None:
        """Share a file in a thread."""

    def look_up(self, user_id: str, groups: Sequence[str]) -> Voter:
        """Look a person and their membership in those user groups up, fresh, never from a cache.

        Raises:
            TemporaryError: ``lookup-failed``; callers treat it as "no".
        """

    def permalink(self, channel: str, ts: str) -> str:
        """Link to a message; "" when there is none."""

    def find_posted(self, channel: str, thread_ts: str, key: str) -> str | None:
        """Look for a message of ours with that key where `post` would have put it; gives its ts.

        Asked only when a post's outcome is not known: an answer was lost, or a process died waiting for it.
        """


class Outbox(Protocol):
    """Messages on their way to chat. Nobody waits for it."""

    def put(self, message: Message) -> None:
        """Want the message to look like this. The newest wish for a key wins; one already sent is edited."""

    def posted(self, channel: str, ts: str) -> Posted | None:
        """Which of our messages that is; None when it is none of ours."""

    def address(self, key: str) -> tuple[str, str] | None:
        """(channel, ts) of a sent message; None while it has not been sent."""


@dataclass(frozen=True)
class Request:
    """Something a person did, persisted before Slack is answered.

    Attributes:
        id: dedupe key, e.g. the slash command's trigger id or the event's id.
        kind: which operation it is for, e.g. ``rollback``, ``vote``.
        payload: its arguments, in JSON's types.
    """

    id: str
    kind: str
    payload: Mapping[str, Any] = field(default_factory=dict)


class Claim(Protocol):
    """A request that is ours to deal with."""

    request: Request

    def finish(self, problem: str = "") -> None:
        """Note that it has been dealt with, and how it was refused if it was."""


class Journal(Protocol):
    """Runs, steps, votes, requests, audit: what survives. Every method is one transaction."""

    def accept(self, request: Request) -> bool:
        """Persist a request; False when it is already there (a redelivery)."""

    def claim(self, request_id: str) -> AbstractContextManager["Claim | None"]:
        """Hold a request while it is dealt with: None when it is finished, unknown, or held by somebody else.

        A holder that dies lets go at once. Leaving the context with an exception leaves it unfinished.
        """

    def unfinished_requests(self, older_than_s: float) -> Sequence[Request]:
        """Requests nobody finished and nobody holds, for the sweep."""

    def hold_chore(self, environment: str, kind: ChoreKind, request_id: str, user_id: str) -> ChoreHolder:
        """Have an environment's chore of that kind for a request, until that request is finished.

        Gives who has it: the asker, or whoever was first. Asked for again by the same request, its attempts go up.
        """

    def open_run(self, run: Run) -> None:
        """Create a pending run.

        Raises:
            PermanentError: ``another-run-active`` names the open run of that environment, who asked, since when.
        """

    def run(self, run_id: str) -> Run | None:
        """Read a run with its steps."""

    def runs(self, environment: str | None = None, limit: int = 10) -> Sequence[Run]:
        """Newest first."""

    def count_runs(self) -> Mapping[str, int]:
        """How many runs there are, by state."""

    def active_run(self, environment: str) -> Run | None:
        """The run that holds the environment."""

    def cast(self, run_id: str, vote: Vote) -> None:
        """Record a vote; the same person's earlier one is replaced."""

    def withdraw(self, run_id: str, user_id: str, how: str) -> bool:
        """Take a person's vote back, if it was cast that way and the run is pending. Whether there was one."""

    def votes(self, run_id: str) -> Sequence[Vote]:
        """Votes now, oldest first."""

    def approve(self, run_id: str, digest: str, steps: Sequence[Step]) -> bool:
        """PENDING → APPROVED in one conditional update, with its checklist; False when someone else was first."""

    def end(
        self,
        run_id: str,
        state: RunState,
        problem: str = "",
        *,
        expect: frozenset[RunState],
        fence: int | None = None,
    ) -> bool:
        """Move to a closed or parked state if it is in one of `expect`; False otherwise.

        Raises:
            PermanentError: ``fenced-off`` when `fence` is given and another owner has taken over.
        """

    def replan(self, run_id: str, plan: Plan, expires_at: datetime, fence: int) -> None:
        """RUNNING → PENDING with a new plan and no votes counted for it."""

    def take(self, run_id: str, owner: str, lease_s: float) -> Run | None:
        """Become the owner: fence + 1, state RUNNING, lease. None when another owner's lease still runs or the run
        is neither approved nor running.
        """

    def renew(self, run_id: str, fence: int, lease_s: float) -> None:
        """Extend the lease.

        Raises:
            PermanentError: ``fenced-off`` when another owner has taken over.
        """

    def unowned_runs(self) -> Sequence[str]:
        """Ids of approved runs, and of running ones whose lease has ended."""

    def expired_runs(self) -> Sequence[str]:
        """Ids of pending runs past their time."""

    def resume(self, run_id: str) -> bool:
        """PARKED → APPROVED, so that an owner takes it up, steps as they are. False when it is not parked."""

    def request_cancel(self, run_id: str, user_id: str) -> None:
        """Ask the owner to stop at the next safe place."""

    def record_step(
        self,
        run_id: str,
        fence: int,
        key: str,
        state: StepState,
        detail: str = "",
        data: Mapping[str, Any] | None = None,
    ) -> None:
        """Note a step's state; times and attempts follow from it. `data` None leaves it as it is.

        Raises:
            PermanentError: ``fenced-off``.
        """

    def record_progress(self, run_id: str, fence: int, key: str, progress: Progress) -> None:
        """Note how far a step is."""

    def audit(self, run_id: str, actor: str, event: str, details: Mapping[str, Any]) -> None:
        """Append to the hash-chained audit log."""

    def events(self, run_id: str | None = None) -> Iterator["AuditEvent"]:
        """The audit log, oldest first."""

    def freeze(self, environment: str, user_id: str, reason: str) -> None:
        """Nobody starts a run there."""

    def unfreeze(self, environment: str) -> None:
        """Allow runs again."""

    def frozen(self, environment: str) -> str | None:
        """Who froze it, since when and why, as a sentence; None when it is not."""


@dataclass(frozen=True)
class AuditEvent:
    """A line of the audit log. `digest` covers this event and the one before it (sha256, hex)."""

    sequence: int
    at: datetime
    run_id: str
    actor: str
    event: str
    details: Mapping[str, Any]
    previous: str
    digest: str


class Queue(Protocol):
    """Work for later, on any replica."""

    def defer_request(self, request_id: str) -> None:
        """Have someone deal with a persisted request. Deferring twice does no harm."""

    def defer_chore(self, request_id: str) -> None:
        """Have someone deal with a persisted request that may take an hour. Deferring twice does no harm."""

    def defer_run(self, run_id: str) -> None:
        """Have someone take up a run. Deferring twice does no harm."""


class Scripts(Protocol):
    """The down scripts."""

    def load(self) -> Mapping[int, DownScript]:
        """Read and validate every script, fresh from disk.

        Raises:
            PermanentError: ``invalid-script`` names file, line and fault.
        """


@dataclass(frozen=True)
class Audience:
    """Who asked, and how to answer them: by `response_url` where there is one, else as an ephemeral in `channel`."""

    user_id: str
    channel: str
    response_url: str = ""


@dataclass(frozen=True)
class MigrationRow:
    """A line of `/migrations`: a migration, whether it is applied, and its down script (None: it has none)."""

    version: int
    name: str
    applied: bool
    script: DownScript | None


@dataclass(frozen=True)
class Overview:
    """What `/migrations ENV` shows."""

    environment: str
    schema: int
    app_version: str
    serving: bool
    matrix: Sequence[str]
    rows: Sequence[MigrationRow]
    frozen: str | None = None


@dataclass(frozen=True)
class KeptDatabase:
    """A replaced database that is still there: undo run `run_id` to have it back, until it is dropped."""

    environment: str
    name: str
    run_id: str
    size_bytes: int
    until: datetime


@dataclass(frozen=True)
class BackupListing:
    """What `/backups ENV` shows: a page, what was looked for, where the page begins, and when it was looked up."""

    environment: str
    page: BackupPage
    text: str
    offset: int
    at: datetime


@dataclass(frozen=True)
class BackupDetails:
    """What `/backups ENV show NAME` shows, looked up at `at`."""

    environment: str
    backup: Backup
    at: datetime


@dataclass(frozen=True)
class NewestBackups:
    """An environment's line of `/backups`: its newest few and how many there are, or why they cannot be listed."""

    environment: str
    page: BackupPage | None
    problem: str = ""


@dataclass(frozen=True)
class Escalation:
    """What is posted when a run needs people: each part is ready to show, secrets and rows taken out."""

    problem: str
    database_logs: Mapping[str, str]
    backup: str
    recovery: Sequence[str]
    contacts: Sequence[str]


class Announcer(Protocol):
    """Everything the bot says. Nothing here waits for Slack; the newest wish for a message wins."""

    def card(self, run: Run, votes: Sequence[Vote]) -> None:
        """The run's card in the incident channel: state, plan in short, live checklist."""

    def request(self, run: Run, votes: Sequence[Vote]) -> None:
        """The request for approval in the card's thread: the whole plan, votes so far, buttons while pending.

        One message a plan digest: a changed plan gets a request of its own, and the old one says it is void.
        """

    def note(self, run: Run, key: str, text: str) -> None:
        """A line in the thread, once per `key`. `text` is plain; escaping is the announcer's."""

    def changed(self, run: Run, old_digest: str, differences: Sequence[str]) -> None:
        """Say in the thread that the world moved and the votes are void, and how it moved."""

    def report(self, run: Run, events: Sequence[AuditEvent], export: Export | None) -> None:
        """The closing report in the thread: timeline, what was dropped, saved and where, who approved."""

    def escalate(self, run: Run, escalation: Escalation) -> None:
        """Post what people need to take over, in the thread."""

    def refuse(self, audience: Audience, key: str, error: BotError) -> None:
        """Tell one person why not, and what to do instead."""

    def tell(self, audience: Audience, key: str, text: str) -> None:
        """Tell one person something, plainly."""

    def status(
        self,
        audience: Audience,
        key: str,
        runs: Sequence[Run],
        frozen: Mapping[str, str],
        kept: Sequence[KeptDatabase] = (),
    ) -> None:
        """Answer `/rollback status`."""

    def overview(self, audience: Audience, key: str, overview: Overview) -> None:
        """Answer `/migrations ENV`."""

    def chore(self, chore: Chore) -> None:
        """A message in the environment's incident channel, edited in place from the chore's begin to its outcome."""

    def backups(self, audience: Audience, key: str, listing: BackupListing, *, replace: bool) -> None:
        """Answer `/backups ENV [FILTER]`; `replace` puts the page in the place of the one that was clicked on."""

    def newest_backups(self, audience: Audience, key: str, newest: Sequence[NewestBackups], at: datetime) -> None:
        """Answer `/backups`."""

    def backup(self, audience: Audience, key: str, details: BackupDetails) -> None:
        """Answer `/backups ENV show NAME`."""

    def run_of(self, channel: str, ts: str) -> tuple[str, str] | None:
        """Which run a message (its card or a request of its) belongs to, and the short digest it asks consent for
        ("" for the card); None for any other message.
        """


class Directory(Protocol):
    """People, looked up fresh."""

    def look_up(self, user_id: str, groups: Sequence[str]) -> Voter:
        """See `Chat.look_up`."""
