"""Defines drills: rehearsed rollbacks on a schedule, which prove that one would work and how long it takes."""

import hashlib
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from bot.domain.runs import Lease, Step, WorkKind, find_step, run_id_of


class DrillKind(StrEnum):
    """Kinds of drills."""

    RESTORE = "restore"
    """A backup is taken, restored by the executor of real restores, swapped in, and the swap undone."""
    MIGRATION = "migration"
    """The newest bundle is loaded aside; every down script runs on it alone, then all of them as one chain."""
    BUNDLE = "bundle"
    """The newest bundle is loaded aside and compared with its manifest: level 3."""


class DrillState(StrEnum):
    """State of a drill."""

    PLANNED = "planned"
    RUNNING = "running"
    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"
    MISSED = "missed"


OPEN_DRILLS = frozenset({DrillState.PLANNED, DrillState.RUNNING})
TRIED = frozenset({DrillState.PASSED, DrillState.FAILED})
OUTDATED_AFTER = timedelta(minutes=10)
"""How long a configuration that no replica has any more still counts: longer than replicas need to be replaced."""


@dataclass(frozen=True)
class DayRange:
    """Days on which no drill starts, both ends included, in the schedule's own time zone."""

    first: date
    last: date

    def covers(self, day: date) -> bool:
        """Tell if the day is one of them."""
        return self.first <= day <= self.last


@dataclass(frozen=True)
class Schedule:
    """A drill that comes round.

    Attributes:
        name: unique among schedules, small letters, digits and dashes; people type it.
        environment: where it runs; never production.
        kind: what is practised.
        cron: five fields, 0 and 7 are Sunday.
        timezone: IANA name in which `cron` and `blackout` are read.
        bundle_of: whose newest bundle is loaded (`MIGRATION`, `BUNDLE`); that environment's database is not touched.
        jitter_s: each start is put off by up to that many seconds, by the same for every replica.
        blackout: days on which none starts.
        announce_before_s: how long before its start it is announced.
        start_within_s: how late it may start (the bot was down, another run was active); then it is missed.
        overdue_after_s: how old the last pass may be before people are alerted; None: twice its own interval.
    """

    name: str
    environment: str
    kind: DrillKind
    cron: str
    timezone: str = "UTC"
    bundle_of: str = ""
    jitter_s: int = 0
    blackout: tuple[DayRange, ...] = ()
    announce_before_s: int = 0
    start_within_s: int = 3600
    overdue_after_s: int | None = None

    @property
    def source(self) -> str:
        """The environment whose bundle is used."""
        return self.bundle_of or self.environment

    def rests_on(self, day: date) -> bool:
        """Tell if no drill starts on that day."""
        return any(span.covers(day) for span in self.blackout)

    @property
    def fingerprint(self) -> str:
        """sha256, hex, of what is done and when: another one makes it a new schedule of the same name."""
        days = ",".join(f"{span.first}/{span.last}" for span in self.blackout)
        what = (self.environment, self.kind.value, self.source)
        text = "|".join((*what, self.cron, self.timezone, str(self.jitter_s), days))
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Measurement:
    """Measures a drill's time and size.

    Attributes:
        bundle: name of the bundle that was restored.
        bundle_bytes, database_bytes: of the object, and of the database it became.
        rows: in all its tables.
        phases: seconds by phase, in order: ``backup``, ``fetch``, ``load``, ``verify``, ``swap``, ``app``, ``undo``;
            those that a kind does not have are left out.
        data_loss_s: age of the newest restorable bundle when the drill began, i.e. what a disaster at that moment
            would have cost; None if there was none.
        downtime_s: for how long the app was down; None where it was not touched.
        estimated_s: what the plan's own estimate said for the phases of the restore; None if there was none.
    """

    bundle: str = ""
    bundle_bytes: int = 0
    database_bytes: int = 0
    rows: int = 0
    phases: tuple[tuple[str, float], ...] = ()
    data_loss_s: float | None = None
    downtime_s: float | None = None
    estimated_s: float | None = None

    @property
    def restore_s(self) -> float:
        """Seconds from the decision to a restored database that serves: everything but ``backup`` and ``undo``."""
        return sum(seconds for phase, seconds in self.phases if phase not in {"backup", "undo"})


@dataclass(frozen=True)
class Drill:
    """A drill as the journal has it.

    Attributes:
        id: ``d`` and five of a–z and 2–9, from schedule and due time, or from the request: see `drill_id_of`.
        schedule: name of its schedule; "" for one that somebody asked for.
        environment, kind, bundle_of: as in `Schedule`; `bundle_of` is never empty.
        due_at: when the schedule said; with `schedule` it is unique.
        start_at: when it starts: due time, jitter, postponements.
        state: see `DrillState`.
        user_id: who asked for it, skipped or postponed it last; "" for nobody.
        started_at, ended_at: None where it has not.
        announced_at: when it was announced first; None: nobody knows of it yet.
        told_at: when people were informed of its end; None until then.
        fencing_token: grows by one with every owner.
        problem: why it failed (reference and sentence), was missed or skipped (a sentence); "" otherwise.
        steps: its checklist, in order; empty until it starts.
        measured: what it has shown; None until it has.
    """

    id: str
    schedule: str
    environment: str
    kind: DrillKind
    bundle_of: str
    due_at: datetime
    start_at: datetime
    state: DrillState = DrillState.PLANNED
    user_id: str = ""
    started_at: datetime | None = None
    ended_at: datetime | None = None
    announced_at: datetime | None = None
    told_at: datetime | None = None
    fencing_token: int = 0
    problem: str = ""
    steps: tuple[Step, ...] = ()
    measured: Measurement | None = None

    @property
    def lease(self) -> Lease:
        """The lease of its newest owner."""
        return Lease(WorkKind.DRILL, self.id, self.fencing_token)

    def step(self, key: str) -> Step:
        """Find a step by key.

        Raises:
            KeyError: it has no such step.
        """
        return find_step(self.steps, key)


@dataclass(frozen=True)
class Listed:
    """A schedule as the journal knows it.

    Attributes:
        known_since: from then on its due times count.
        planned_to: every due time up to then has its drill.
    """

    known_since: datetime
    planned_to: datetime


@dataclass(frozen=True)
class Standing:
    """State of a schedule.

    Attributes:
        schedule: which.
        since: when it last passed, or since when it is known if it never has.
        last_passed: None if it never has.
        next_due: None when it has no due time within five years.
        next_wall: the same as clocks in its time zone show it.
        deadline: if it has not passed again by then it is overdue; None: it never is.
        overdue: whether it is.
    """

    schedule: Schedule
    since: datetime
    last_passed: datetime | None
    next_due: datetime | None
    next_wall: datetime | None
    deadline: datetime | None
    overdue: bool


@dataclass(frozen=True)
class Alert:
    """Nothing has passed for too long.

    Attributes:
        subject: ``schedule:NAME`` or ``environment:NAME``.
        environment: in whose channel it is said.
        since: the last pass, or since when one is waited for.
        passed: whether `since` is a pass.
    """

    subject: str
    environment: str
    since: datetime
    passed: bool

    @property
    def key(self) -> str:
        """Names the episode: the same for every process that notices it."""
        return f"{self.subject}:{int(self.since.timestamp())}"


@dataclass(frozen=True)
class ScriptProof:
    """A down script that a drill has run, alone and in a chain, with its checks true afterwards.

    Attributes:
        version, sha256: of the script; another text of it is not proven.
        at: when, UTC.
        drill_id: by which drill.
        reversible: whether its up script was run afterwards and led to the same schema; None where there is none.
    """

    version: int
    sha256: str
    at: datetime
    drill_id: str
    reversible: bool | None = None


class Corruption(StrEnum):
    """Damage to the copy of a bundle that a drill presents, which must be refused."""

    CUT = "cut"
    """It ends in the middle, as after a connection or a disk that failed."""
    SHORTENED = "shortened"
    """Members at its end are missing; gzip and tar find nothing wrong."""
    FLIPPED = "flipped"
    """One bit of the stored bytes is another."""
    EDITED = "edited"
    """One byte of one member is another, repacked: gzip and tar find nothing wrong."""


@dataclass(frozen=True)
class ScriptTest:
    """Result of a down script that was run alone.

    Attributes:
        version: of the script.
        problem: what the server or its checks said against it, as a sentence; "" when it passed.
        reversible: whether its up script was run afterwards and led to the same schema; None where it was not run.
        note: what is to be said of the up script; "" for nothing.
    """

    version: int
    problem: str = ""
    reversible: bool | None = None
    note: str = ""


def drill_id_of(schedule: str, wanted: str, salt: int = 0) -> str:
    """Name a drill: the same for the same schedule and due time (ISO 8601, UTC), or for the same request's id.

    `salt` as of `run_id_of`.
    """
    return "d" + run_id_of(f"drill:{schedule}:{wanted}", salt)[1:]
