"""What survives: requests, runs, votes."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from bot.domain.approvals import Retracted, Retraction, Vote
from bot.domain.jobs import JobHolder, JobKind
from bot.domain.plans import Plan
from bot.domain.runs import Progress, Run, RunState, Step, StepState


@dataclass(frozen=True)
class AuditEntry:
    """A line for the audit log, written in one transaction with the change that it is about, or not at all."""

    actor: str
    event: str
    details: Mapping[str, Any]


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
    """Runs, steps, votes, requests, audit: what survives. Every method is one transaction.

    An `entry` is appended to the audit log in that transaction, where something was changed.
    """

    def accept(self, request: Request) -> bool:
        """Persist a request; False when it is already there (a redelivery)."""

    def claim(self, request_id: str) -> AbstractContextManager["Claim | None"]:
        """Hold a request while it is dealt with: None when it is finished, unknown, or held by somebody else.

        A holder that dies lets go at once. Leaving the context with an exception leaves it unfinished.
        """

    def unfinished_requests(self, older_than_s: float) -> Sequence[Request]:
        """Requests nobody finished and nobody holds, for the sweep."""

    def requests_under_way(self) -> Sequence[Request]:
        """Every request nobody has finished, held or not, oldest first."""

    def hold_job(self, environment: str, kind: JobKind, request_id: str, user_id: str) -> JobHolder:
        """Have an environment's chore of that kind for a request, until that request is finished.

        Gives who has it: the asker, or whoever was first. Asked for again by the same request, its attempts go up.
        """

    def open_run(self, run: Run, entry: AuditEntry | None = None) -> None:
        """Create a pending run.

        Raises:
            PermanentError: ``another-run-active`` names the open run of that environment, who asked, since when.
        """

    def run(self, run_id: str) -> Run | None:
        """Read a run with its steps."""

    def runs(self, environment: str | None = None, limit: int = 10) -> Sequence[Run]:
        """Newest first."""

    def open_follow_ups(self, environment: str | None = None) -> Sequence[Run]:
        """Runs whose "Plan fix and re-deployment" nobody has closed, of one environment or of all; oldest first."""

    def count_runs(self) -> Mapping[str, int]:
        """How many runs there are, by state."""

    def active_run(self, environment: str) -> Run | None:
        """The run that holds the environment."""

    def cast(self, run_id: str, vote: Vote, entry: AuditEntry | None = None) -> bool:
        """Record a vote; the same person's earlier one is replaced.

        False when the person has taken it back or voted anew since, by its `event_ts`: it is not recorded then.

        Raises:
            PermanentError: ``not-pending``; ``vote-stale`` when the run's plan is another one by now.
        """

    def withdraw(self, run_id: str, retraction: Retraction, entry: AuditEntry | None = None) -> Retracted:
        """Take a person's vote by reaction back, while the run is pending or its plan is still to be re-checked.

        Remembered whatever comes of it: a vote that is older and comes later is not cast.
        """

    def votes(self, run_id: str) -> Sequence[Vote]:
        """Votes now, oldest first."""

    def approve(self, run_id: str, digest: str, steps: Sequence[Step], entry: AuditEntry | None = None) -> bool:
        """PENDING → APPROVED in one conditional update, with its checklist; False when someone else was first."""

    def end(
        self,
        run_id: str,
        state: RunState,
        problem: str = "",
        *,
        expect: frozenset[RunState],
        fence: int | None = None,
        entry: AuditEntry | None = None,
    ) -> bool:
        """Move to a closed or parked state if it is in one of `expect`; False otherwise.

        Raises:
            PermanentError: ``fenced-off`` when `fence` is given and another owner has taken over.
        """

    def replan(
        self, run_id: str, plan: Plan, expires_at: datetime, fence: int, entries: Mapping[str, AuditEntry] | None = None
    ) -> None:
        """RUNNING → PENDING with a new plan; votes for another one go.

        Args:
            run_id: which run.
            plan: what would be done now; the same one where only votes have gone.
            expires_at: until when people may vote.
            fence: the owner's.
            entries: people whose votes no longer count and go as well, each with what the audit log is to say.

        Raises:
            PermanentError: ``fenced-off`` when another owner has taken over.
        """

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

    def visitors(self, within_s: float) -> Sequence[str]:
        """Who has opened the Home tab in that time: user ids of `home` requests."""

    def pulse(self) -> str:
        """A fingerprint of open runs, their steps and votes, follow-ups, freezes, chores. It changes when they do;
        progress within a step is left out.
        """

    def expired_runs(self) -> Sequence[str]:
        """Ids of pending runs past their time."""

    def resume(self, run_id: str, entry: AuditEntry | None = None) -> bool:
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

    def remember(self, run_id: str, fence: int, key: str, data: Mapping[str, Any]) -> None:
        """Note what a step that is under way must remember, and leave everything else of it as it is.

        Raises:
            PermanentError: ``fenced-off``.
        """

    def record_progress(self, run_id: str, fence: int, key: str, progress: Progress) -> None:
        """Note how far a step is."""

    def audit(self, run_id: str, actor: str, event: str, details: Mapping[str, Any]) -> None:
        """Append to the hash-chained audit log."""

    def events(self, run_id: str | None = None) -> Iterator["AuditEvent"]:
        """The audit log, oldest first."""

    def freeze(self, environment: str, user_id: str, reason: str, entry: AuditEntry | None = None) -> None:
        """Nobody starts a run there."""

    def unfreeze(self, environment: str, entry: AuditEntry | None = None) -> bool:
        """Allow runs again. Whether it was frozen."""

    def frozen(self, environment: str) -> str | None:
        """Who froze it, since when and why, as a sentence; None when it is not."""
