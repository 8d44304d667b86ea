"""Defines runs: a requested plan, from the request to the closed checklist, and the steps and leases of all work."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from bot.domain.plans import Plan


class RunState(StrEnum):
    """State of a run. When the world moved before the start, it goes back to `PENDING` with a new plan and no
    votes; `VOID` means that what was asked for can no longer be planned at all.
    """

    PENDING = "pending"
    APPROVED = "approved"
    RUNNING = "running"
    PARKED = "parked"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    EXPIRED = "expired"
    VOID = "void"


OPEN = frozenset({RunState.PENDING, RunState.APPROVED, RunState.RUNNING, RunState.PARKED})
"""States in which a run holds its environment: no second one may be asked for."""

NEXT: Mapping[RunState, frozenset[RunState]] = {
    RunState.PENDING: frozenset(
        {RunState.APPROVED, RunState.REJECTED, RunState.EXPIRED, RunState.CANCELLED, RunState.VOID}
    ),
    # decision 26: a rejection before the end of the re-check stops the run
    RunState.APPROVED: frozenset({RunState.RUNNING, RunState.REJECTED, RunState.CANCELLED, RunState.FAILED}),
    RunState.RUNNING: frozenset(
        {
            RunState.SUCCEEDED,
            RunState.FAILED,
            RunState.PARKED,
            RunState.REJECTED,
            RunState.CANCELLED,
            RunState.VOID,
            RunState.PENDING,
        }
    ),
    RunState.PARKED: frozenset({RunState.RUNNING, RunState.APPROVED, RunState.CANCELLED, RunState.FAILED}),
}


class StepState(StrEnum):
    """State of a step. `UNDONE`: it was done and the bot put it back (↺)."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    UNDONE = "undone"
    SKIPPED = "skipped"
    OPEN = "open"
    """Done by people, later: ``Plan fix and re-deployment``."""


class WorkKind(StrEnum):
    """Kinds of work that a process can own by a lease. The values are in the journal."""

    RUN = "run"
    DRILL = "drill"
    JOB = "job"


@dataclass(frozen=True)
class Lease:
    """A process's ownership of a run, a drill or a job.

    Attributes:
        kind, id: of what is owned; a job has its request's id.
        fencing_token: grows by one with every owner; writes with an older one are refused.
    """

    kind: WorkKind
    id: str
    fencing_token: int


@dataclass(frozen=True)
class Progress:
    """Progress of a long step: `done` of `total` in `unit` (``bytes``, ``rows``, ``pods``…)."""

    done: int
    total: int
    unit: str


@dataclass(frozen=True)
class Step:
    """A checklist entry as the journal has it.

    Attributes:
        key: stable name of the step, e.g. ``stop-traffic``.
        position: 0-based place in the checklist.
        title: the procedure's own words.
        state: see `StepState`.
        detail: one short line on the outcome, shown beside the title.
        data: what the step must remember to be probed, repeated or undone, in JSON's types.
        started_at, ended_at: None where it has not.
        attempts: how many times it was started.
        progress: of a long step that is under way.
        signature: the bot's, over the step's state and data; "" while it has never been recorded.
    """

    key: str
    position: int
    title: str
    state: StepState = StepState.WAITING
    detail: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
    started_at: datetime | None = None
    ended_at: datetime | None = None
    attempts: int = 0
    progress: Progress | None = None
    signature: str = ""

    @property
    def elapsed_s(self) -> float | None:
        """Seconds it took; None until it has ended."""
        if self.started_at is None or self.ended_at is None:
            return None
        return (self.ended_at - self.started_at).total_seconds()


def find_step(steps: Iterable[Step], key: str) -> Step:
    """Find a step by key.

    Raises:
        KeyError: there is none.
    """
    for step in steps:
        if step.key == key:
            return step
    raise KeyError(key)


@dataclass(frozen=True)
class Run:
    """A run as the journal has it.

    Attributes:
        id: short, typed by people: ``r`` and five of a–z and 2–9.
        environment, plan: what it is about.
        state: see `RunState`.
        requester: Slack user id, or ``cli:NAME``.
        reason: why, as the requester gave it; "" if not asked for.
        channel: the incident channel its card is in.
        created_at, expires_at: of the request.
        started_at, ended_at: None where it has not.
        fencing_token: grows by one with every owner.
        cancel_requested_by: user who asked to stop it; "" for nobody.
        problem: reference and sentence of what stopped it; "" while nothing did.
        steps: the checklist, in order; empty until approved.
        drill: id of the drill it belongs to: it needs no votes then, and never runs in production; "" for people's.
        log_head: its newest event in the audit log, e.g. ``1234·a1b2c3d4``; "" where there is none.
        request_id: of the request that opened it; "" for a drill's.
        signature: the bot's, over what was asked for; "" where an earlier version opened it.
    """

    id: str
    environment: str
    plan: Plan
    state: RunState
    requester: str
    reason: str
    channel: str
    created_at: datetime
    expires_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    fencing_token: int = 0
    cancel_requested_by: str = ""
    problem: str = ""
    steps: tuple[Step, ...] = ()
    drill: str = ""
    log_head: str = ""
    request_id: str = ""
    signature: str = ""

    @property
    def asker(self) -> str:
        """The requester as a sentence names them: a mention, ``cli:NAME`` as it is, or the drill."""
        if self.drill:
            return f"drill {self.drill}"
        return self.requester if self.requester.startswith("cli:") else f"<@{self.requester}>"

    @property
    def lease(self) -> Lease:
        """The lease of its newest owner."""
        return Lease(WorkKind.RUN, self.id, self.fencing_token)

    def step(self, key: str) -> Step:
        """Find a step by key.

        Raises:
            KeyError: the checklist has no such step.
        """
        return find_step(self.steps, key)


_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"


def run_id_of(request_id: str, salt: int = 0) -> str:
    """Name the run that a request asks for: ``r`` and five letters people can type, the same for the same request.

    A request that is dealt with twice, because somebody died in between, finds its own run instead of a second one.
    Five letters are few: of 2,200 runs two have met with a chance of 7 %. One that finds
    another's run takes the next salt.
    """
    wanted = f"{request_id}\n{salt}" if salt else request_id
    number = int.from_bytes(hashlib.sha256(wanted.encode()).digest()[:8], "big")
    letters = []
    for _ in range(5):
        number, place = divmod(number, len(_LETTERS))
        letters.append(_LETTERS[place])
    return "r" + "".join(letters)


class TransitionError(ValueError):
    """A state change the rules do not know."""
