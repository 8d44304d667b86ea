"""Declares the journal, one small port per topic: every method is one transaction."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from bot.domain.approvals import Retracted, Retraction, Vote
from bot.domain.audit import AuditEvent, Records
from bot.domain.jobs import JobHolder, JobKind
from bot.domain.runs import Lease, Run, RunState, Step
from bot.ports.leases import Leases


@dataclass(frozen=True)
class AuditEntry:
    """A line for the audit log, written in one transaction with the change that it is about, or not at all."""

    actor: str
    event: str
    details: Mapping[str, Any]


@dataclass(frozen=True)
class Request:
    """Something a person did, persisted before Slack is answered.

    Attributes:
        id: dedupe key, e.g. the slash command's trigger id or the event's id.
        kind: which operation it is for, e.g. ``rollback``, ``vote``.
        payload: its arguments, in JSON's types.
        taken_at: when it was taken in; None where an earlier version took it.
        signature: the bot's, over all of it; "" where there is none.
    """

    id: str
    kind: str
    payload: Mapping[str, Any] = field(default_factory=dict)
    taken_at: datetime | None = None
    signature: str = ""


@dataclass(frozen=True)
class Verdict:
    """The state that votes bring a run to.

    Attributes:
        state: ``PENDING`` while votes are missing, ``APPROVED`` or ``REJECTED``.
        problem: why, when it is rejected.
        steps: its checklist, when it is approved.
        entry: for the audit log.
    """

    state: RunState
    problem: str = ""
    steps: Sequence[Step] = ()
    entry: AuditEntry | None = None


Count = Callable[[Sequence[Vote]], Verdict]
"""Counts votes. The journal calls it while it holds the run's row, so it computes and does nothing else."""


class Claim(Protocol):
    """A request that this process handles.

    Attributes:
        request: as it was found.
        interrupted: how many processes died in the middle of it before.
        handled: the log says that it was handled before, so its row has been tampered with.
    """

    request: Request
    interrupted: int
    handled: bool

    def finish(self, problem: str = "", entry: AuditEntry | None = None) -> None:
        """Note that it has been handled, and how it was refused if it was."""


HANDLED = "request-handled"
"""The event of a request that was handled; its details have the `request`'s id."""


class Requests(Protocol):
    """Stores requests until each has been handled once."""

    def accept(self, request: Request) -> bool:
        """Persist a request; False when it is already there (a redelivery)."""

    def claim(self, request_id: str) -> AbstractContextManager["Claim | None"]:
        """Hold a request while it is handled: None when it is finished, unknown, or held by another handler.

        A holder that dies releases it at once, and is counted when the request is claimed again. Leaving the context
        with an exception leaves it unfinished; that is not counted.
        """

    def unfinished(self, older_than_s: float) -> Sequence[Request]:
        """List requests that are neither finished nor held, for the sweep."""

    def under_way(self) -> Sequence[Request]:
        """List every unfinished request, held or not, oldest first."""


class Runs(Protocol):
    """Stores runs. An `entry` is appended to the audit log in the transaction of the change."""

    def open(self, run: Run, entry: AuditEntry | None = None) -> None:
        """Create a pending run.

        Raises:
            PermanentError: ``another-run-active`` names the open run of that environment, who asked, since when.
        """

    def find(self, run_id: str) -> Run | None:
        """Read a run with its steps."""

    def newest(self, environment: str | None = None, limit: int = 10) -> Sequence[Run]:
        """List runs, newest first."""

    def open_follow_ups(self, environment: str | None = None) -> Sequence[Run]:
        """List runs whose "Plan fix and re-deployment" is still open, of one environment or of all; oldest first."""

    def count(self) -> Mapping[str, int]:
        """Count runs by state."""

    def active(self, environment: str) -> Run | None:
        """Find the run that holds the environment."""

    def approve(self, run_id: str, digest: str, steps: Sequence[Step], entry: AuditEntry | None = None) -> bool:
        """PENDING → APPROVED without votes (a drill's), with its checklist; False when someone else was first."""

    def end(
        self,
        run_id: str,
        state: RunState,
        problem: str = "",
        *,
        expect: frozenset[RunState],
        fencing_token: int | None = None,
        entry: AuditEntry | None = None,
    ) -> bool:
        """Move to a closed or parked state if it is in one of `expect`; False otherwise.

        Raises:
            PermanentError: ``fenced-off`` when `fencing_token` is given and another owner has taken over.
        """

    def replan(
        self,
        lease: Lease,
        asked: Run,
        entries: Mapping[str, AuditEntry] | None = None,
        entry: AuditEntry | None = None,
    ) -> bool:
        """RUNNING → PENDING with a new plan; votes for another one are removed. False when somebody has stopped it.

        Args:
            lease: the owner's.
            asked: the run as it is asked for now: its plan, the same one where only votes are removed; until when
                people may vote; its signature.
            entries: people whose votes no longer count and are removed as well, each with its line for the audit log.
            entry: for the audit log.

        Raises:
            PermanentError: ``fenced-off`` when another owner has taken over.
        """

    def now(self) -> datetime:
        """Return the journal's time. Requests expire by it, so that replicas whose clocks differ agree."""

    def expired(self) -> Sequence[str]:
        """List ids of pending runs past their time, by `now`."""

    def resume(self, run_id: str, entry: AuditEntry | None = None) -> bool:
        """PARKED → APPROVED, so that an owner takes it up, steps as they are. False when it is not parked."""

    def adopt(self, run: Run, votes: Sequence[Vote], entry: AuditEntry) -> None:
        """Store the signatures that the run, its steps and its votes now have."""

    def request_cancel(self, run_id: str, user_id: str) -> None:
        """Request that the owner stops at the next safe place; the first request is remembered."""

    def take(self, run_id: str, owner: str, lease_s: float) -> Run | None:
        """Become the owner: a new fencing token, state RUNNING, a lease. None when another owner's lease still runs or
        the run is neither approved nor running.
        """

    def unowned(self) -> Sequence[str]:
        """List ids of approved runs, and of running ones whose lease has ended."""


class Votes(Protocol):
    """Stores votes, one per person and run."""

    def cast(self, run_id: str, vote: Vote, count: Count, entry: AuditEntry | None = None) -> RunState | None:
        """Record a vote, count all of them and move the run accordingly; the same person's earlier vote is replaced.

        A rejection is recorded until the plan has been re-checked. A run that has begun is then asked to stop.

        Returns the run's state after that. None when the person has retracted the vote or voted again since, by its
        `event_ts`: it is not recorded then.

        Raises:
            PermanentError: ``not-pending``; ``vote-stale`` when the run has another plan by now; ``request-expired``;
                ``vote-closed`` for a rejection after the re-check.
        """

    def decide(self, run_id: str, digest: str, count: Count) -> RunState | None:
        """Count the votes that stand and move a pending run with that plan accordingly; None where there is none."""

    def withdraw(self, run_id: str, retraction: Retraction, entry: AuditEntry | None = None) -> Retracted:
        """Retract a person's vote by reaction, while the run is pending or its plan is still to be re-checked.

        The retraction is remembered in any case: an older vote that arrives later is not cast.
        """

    def current(self, run_id: str) -> Sequence[Vote]:
        """List the votes that stand, oldest first."""


class Jobs(Protocol):
    """Allows one job of each kind per environment, with one owner."""

    def hold(self, environment: str, kind: JobKind, request_id: str, user_id: str) -> JobHolder:
        """Reserve an environment's job of that kind for a request, until that request is finished.

        Returns the holder: this request, or the one that was first.
        """

    def take(self, request_id: str, steps: Sequence[Step], owner: str, lease_s: float) -> Lease | None:
        """Become the owner of a job; `steps` are its checklist where it has none yet. None when another process's lease
        still runs.
        """

    def steps(self, request_id: str) -> Sequence[Step]:
        """Read a job's steps."""


class Audit(Protocol):
    """Keeps the audit log: each event's digest is made with the bot's key and covers the event before."""

    def append(self, run_id: str, actor: str, event: str, details: Mapping[str, Any]) -> None:
        """Append an event."""

    def events(self, run_id: str | None = None) -> Iterator[AuditEvent]:
        """Read the log, oldest first."""

    def head(self) -> AuditEvent | None:
        """Read the newest event; None where there is none."""

    def find(self, sequence: int) -> AuditEvent | None:
        """Read one event."""

    def records(self) -> Records:
        """Read the rows that the log must agree with, all at one moment."""


class Freezes(Protocol):
    """Stores which environments are frozen."""

    def freeze(self, environment: str, user_id: str, reason: str, entry: AuditEntry | None = None) -> None:
        """Refuse new runs there."""

    def unfreeze(self, environment: str, entry: AuditEntry | None = None) -> bool:
        """Allow runs again; False when it was not frozen."""

    def frozen(self, environment: str) -> str | None:
        """Say who froze it, since when and why, as a sentence; None when it is not frozen."""


class Activity(Protocol):
    """Tells the Home tab when there is something new to show, and to whom."""

    def visitors(self, within_s: float) -> Sequence[str]:
        """List user ids of those who opened the Home tab within that time."""

    def pulse(self) -> str:
        """Fingerprint open runs, their steps and votes, follow-ups, freezes and jobs; progress within a step is left
        out.
        """


@dataclass(frozen=True)
class Journal:
    """Everything that survives a restart, by topic."""

    requests: Requests
    runs: Runs
    leases: Leases
    votes: Votes
    jobs: Jobs
    audit: Audit
    freezes: Freezes
    activity: Activity
