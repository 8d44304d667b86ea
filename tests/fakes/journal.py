"""A journal in memory, with the real one's conditions: every change looks at state, fence and lease first."""

import json
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from bot.domain.approvals import Choice, Retracted, Retraction, Vote
from bot.domain.audit import ORIGIN, Records, sign_event
from bot.domain.jobs import JobHolder, JobKind
from bot.domain.runs import (
    NEXT,
    OPEN,
    Lease,
    Progress,
    Run,
    RunState,
    Step,
    StepState,
    TransitionError,
    WorkKind,
    find_step,
)
from bot.errors import PermanentError
from bot.planning.checklist import RECHECK
from bot.planning.kinds import is_recheck_ahead
from bot.ports import AuditEntry, AuditEvent, Clock, Journal, Request
from bot.ports.journal import HANDLED, Count
from tests.fakes.keyring import KEYRING

_BY_OTHER_WAYS = frozenset({RunState.PENDING, RunState.APPROVED, RunState.RUNNING})
_ENDED = frozenset({StepState.DONE, StepState.FAILED, StepState.UNDONE, StepState.SKIPPED})


@dataclass
class Kept:
    """A request and what became of it."""

    request: Request
    accepted_at: datetime
    finished: bool = False
    held: bool = False
    problem: str = ""
    interrupted: int = 0
    handled: bool = False
    logged: AuditEntry | None = None


class FakeClaim:
    """A `bot.ports.Claim`. Its line of the log is kept with the request: stories read the log of what was done."""

    def __init__(self, kept: Kept) -> None:
        self.request = kept.request
        self.interrupted = kept.interrupted
        self.handled = kept.handled
        self._kept = kept

    def finish(self, problem: str = "", entry: AuditEntry | None = None) -> None:
        self._kept.finished, self._kept.problem = True, problem
        self._kept.handled = self._kept.handled or (entry is not None and entry.event == HANDLED)
        self._kept.logged = entry


class FakeRequests:
    """A `bot.ports.journal.Requests`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.kept: dict[str, Kept] = {}

    def accept(self, request: Request) -> bool:
        if request.id in self.kept:
            return False
        stored = replace(request, payload=json.loads(json.dumps(dict(request.payload))))
        self.kept[request.id] = Kept(stored, self._clock.now())
        return True

    def claim(self, request_id: str) -> AbstractContextManager[FakeClaim | None]:
        return self._claim(request_id)

    @contextmanager
    def _claim(self, request_id: str) -> Iterator[FakeClaim | None]:
        kept = self.kept.get(request_id)
        if kept is None or kept.finished or kept.held:
            yield None
            return
        kept.held = True
        try:
            yield FakeClaim(kept)
        except BaseException as error:
            kept.interrupted += not isinstance(error, Exception)  # only a kill is none
            raise
        finally:
            kept.held = False

    def unfinished(self, older_than_s: float) -> Sequence[Request]:
        limit = self._clock.now() - timedelta(seconds=older_than_s)
        free = [kept for kept in self.kept.values() if not kept.finished and not kept.held]
        return [kept.request for kept in free if kept.accepted_at <= limit]

    def under_way(self) -> Sequence[Request]:
        return [kept.request for kept in self.kept.values() if not kept.finished]


class FakeAudit:
    """A `bot.ports.journal.Audit`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.log: list[AuditEvent] = []

    def append(self, run_id: str, actor: str, event: str, details: Mapping[str, Any]) -> None:
        previous = self.log[-1].digest if self.log else ORIGIN
        plain = json.loads(json.dumps(dict(details)))
        at = self._clock.now()
        made = AuditEvent(len(self.log) + 1, at, run_id, actor, event, plain, previous, "")
        self.log.append(sign_event(made, KEYRING))

    def events(self, run_id: str | None = None) -> Iterator[AuditEvent]:
        return iter([event for event in self.log if run_id is None or event.run_id == run_id])

    def head(self) -> AuditEvent | None:
        return self.log[-1] if self.log else None

    def find(self, sequence: int) -> AuditEvent | None:
        return next((event for event in self.log if event.sequence == sequence), None)

    def records(self) -> Records:
        return Records(len(self.log), self._clock.now())

    def add(self, run_id: str, entry: AuditEntry | None) -> None:
        if entry is not None:
            self.append(run_id, entry.actor, entry.event, entry.details)


class FakeFreezes:
    """A `bot.ports.journal.Freezes`."""

    def __init__(self, audit: FakeAudit) -> None:
        self._audit = audit
        self.known: dict[str, str] = {}

    def freeze(self, environment: str, user_id: str, reason: str, entry: AuditEntry | None = None) -> None:
        self.known[environment] = f"<@{user_id}> froze {environment}: {reason}"
        self._audit.add("", entry)

    def unfreeze(self, environment: str, entry: AuditEntry | None = None) -> bool:
        thawed = self.known.pop(environment, None) is not None
        self._audit.add("", entry if thawed else None)
        return thawed

    def frozen(self, environment: str) -> str | None:
        return self.known.get(environment)


class FakeLeases:
    """A `bot.ports.journal.Leases` over the tables of everything that can be owned."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        self.tables: dict[WorkKind, dict[str, Any]] = {}
        self.until: dict[tuple[WorkKind, str], float] = {}
        self.owners: dict[tuple[WorkKind, str], str] = {}

    def take(self, kind: WorkKind, work_id: str, owner: str, lease_s: float) -> int | None:
        """The next fencing token; None while another owner's lease runs."""
        place, now = (kind, work_id), self._clock.monotonic()
        again = kind is not WorkKind.RUN and self.owners.get(place) == owner
        if self.until.get(place, now) > now and not again:
            return None
        self.until[place], self.owners[place] = now + lease_s, owner
        return int(self.tables[kind][work_id].fencing_token) + 1

    def release(self, kind: WorkKind, work_id: str) -> None:
        self.until.pop((kind, work_id), None)

    def renew(self, lease: Lease, lease_s: float) -> None:
        self.check(lease)
        if (lease.kind, lease.id) not in self.until:
            raise lease_lost(lease)
        self.until[lease.kind, lease.id] = self._clock.monotonic() + lease_s

    def check(self, lease: Lease) -> Any:
        owned = self.tables[lease.kind].get(lease.id)
        if owned is None or owned.fencing_token != lease.fencing_token:
            raise lease_lost(lease)
        return owned

    def record_step(
        self,
        lease: Lease,
        key: str,
        state: StepState,
        detail: str = "",
        data: Mapping[str, Any] | None = None,
        signature: str = "",
    ) -> None:
        with self._lock:
            step, now = self._step(lease, key), self._clock.now()
            self._put_step(
                lease,
                replace(
                    step,
                    state=state,
                    detail=detail,
                    data=step.data if data is None else json.loads(json.dumps(dict(data))),
                    progress=None,
                    attempts=step.attempts + (state is StepState.RUNNING),
                    started_at=_started(step, state, now),
                    ended_at=now if state in _ENDED else None,
                    signature=signature,
                ),
            )

    def remember(self, lease: Lease, key: str, data: Mapping[str, Any], signature: str = "") -> None:
        with self._lock:
            kept = json.loads(json.dumps(dict(data)))
            self._put_step(lease, replace(self._step(lease, key), data=kept, signature=signature))

    def record_progress(self, lease: Lease, key: str, progress: Progress | None, detail: str | None = None) -> None:
        with self._lock:
            step = self._step(lease, key)
            self._put_step(lease, replace(step, progress=progress, detail=step.detail if detail is None else detail))

    def _step(self, lease: Lease, key: str) -> Step:
        try:
            return find_step(self.check(lease).steps, key)
        except KeyError:
            raise PermanentError("unknown-step", f"No step {key}.") from None

    def _put_step(self, lease: Lease, step: Step) -> None:
        owned = self.check(lease)
        steps = tuple(step if old.key == step.key else old for old in owned.steps)
        self.tables[lease.kind][lease.id] = replace(owned, steps=steps)


@dataclass(frozen=True)
class OwnedJob:
    """What survives of a job."""

    steps: tuple[Step, ...]
    fencing_token: int = 0


class FakeJobs:
    """A `bot.ports.journal.Jobs`."""

    def __init__(self, clock: Clock, requests: FakeRequests, leases: FakeLeases) -> None:
        self._clock = clock
        self._requests = requests
        self._leases = leases
        self.table: dict[str, OwnedJob] = {}
        leases.tables[WorkKind.JOB] = self.table
        self.holders: dict[tuple[str, str], JobHolder] = {}

    def hold(self, environment: str, kind: JobKind, request_id: str, user_id: str) -> JobHolder:
        place = (environment, kind.value)
        holder = self.holders.get(place)
        if holder is None or self._requests.kept[holder.request_id].finished:
            holder = JobHolder(request_id, user_id, self._clock.now())
        self.holders[place] = holder
        return holder

    def take(self, request_id: str, steps: Sequence[Step], owner: str, lease_s: float) -> Lease | None:
        job = self.table.setdefault(request_id, OwnedJob(tuple(steps)))
        token = self._leases.take(WorkKind.JOB, request_id, owner, lease_s)
        if token is None:
            return None
        self.table[request_id] = replace(job, fencing_token=token)
        return Lease(WorkKind.JOB, request_id, token)

    def steps(self, request_id: str) -> Sequence[Step]:
        return self.table[request_id].steps


class FakeRuns:
    """A `bot.ports.journal.Runs`."""

    def __init__(self, clock: Clock, audit: FakeAudit, leases: FakeLeases) -> None:
        self._clock = clock
        self._audit = audit
        self._leases = leases
        self.table: dict[str, Run] = {}
        leases.tables[WorkKind.RUN] = self.table
        self.ballots: dict[str, dict[str, Vote]] = {}

    def open(self, run: Run, entry: AuditEntry | None = None) -> None:
        other = self.active(run.environment)
        if other is not None:
            raise PermanentError("another-run-active", f"{run.environment} already has a run: {other.id}.")
        assert run.id not in self.table, "a primary key is not overwritten"
        self.table[run.id] = run
        self.ballots[run.id] = {}
        self._audit.add(run.id, entry)

    def find(self, run_id: str) -> Run | None:
        return self.table.get(run_id)

    def newest(self, environment: str | None = None, limit: int = 10) -> Sequence[Run]:
        wanted = [run for run in self.table.values() if environment in {None, run.environment}]
        return sorted(wanted, key=lambda run: run.created_at, reverse=True)[:limit]

    def open_follow_ups(self, environment: str | None = None) -> Sequence[Run]:
        def is_open(run: Run) -> bool:
            return any(step.state is StepState.OPEN for step in run.steps)

        wanted = [run for run in self.table.values() if environment in {None, run.environment} and is_open(run)]
        return sorted(wanted, key=lambda run: (run.created_at, run.id))

    def count(self) -> Mapping[str, int]:
        return Counter(run.state.value for run in self.table.values())

    def active(self, environment: str) -> Run | None:
        return next((r for r in self.table.values() if r.environment == environment and r.state in OPEN), None)

    def approve(self, run_id: str, digest: str, steps: Sequence[Step], entry: AuditEntry | None = None) -> bool:
        run = self.table[run_id]
        late = run.expires_at <= self._clock.now()
        if run.state is not RunState.PENDING or run.plan.digest != digest or late:
            return False
        self.put(run, state=RunState.APPROVED, steps=tuple(steps))
        self._audit.add(run_id, entry)
        return True

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
        legal = {before for before in expect if state in NEXT.get(before, ()) and state not in _BY_OTHER_WAYS}
        if not legal:
            raise TransitionError(f"a run cannot end as {state} from {', '.join(sorted(expect))}")
        run = self.table[run_id]
        if fencing_token is not None:
            self._leases.check(Lease(WorkKind.RUN, run_id, fencing_token))
        if run.state not in legal:
            return False
        ended_at = None if state is RunState.PARKED else self._clock.now()
        token = run.fencing_token + (fencing_token is None and run.state is RunState.RUNNING)
        self._leases.release(WorkKind.RUN, run_id)
        self.put(run, state=state, problem=problem, ended_at=ended_at, fencing_token=token)
        self._audit.add(run_id, entry)
        return True

    def replan(
        self,
        lease: Lease,
        asked: Run,
        entries: Mapping[str, AuditEntry] | None = None,
        entry: AuditEntry | None = None,
    ) -> bool:
        run_id, run, plan = lease.id, self._leases.check(lease), asked.plan
        if run.state is not RunState.RUNNING:
            raise lease_lost(lease)
        if run.cancel_requested_by:
            return False
        self._leases.release(WorkKind.RUN, run_id)
        signed = {"expires_at": asked.expires_at, "signature": asked.signature}
        self.put(run, state=RunState.PENDING, plan=plan, steps=(), started_at=None, **signed)
        self._audit.add(run_id, entry)
        kept = {user: vote for user, vote in self.ballots[run_id].items() if vote.digest == plan.digest}
        self.ballots[run_id] = kept
        for user_id, line in (entries or {}).items():
            kept.pop(user_id, None)
            self._audit.add(run_id, line)
        return True

    def take(self, run_id: str, owner: str, lease_s: float) -> Run | None:
        run = self.table.get(run_id)
        if run is None or run_id not in self.unowned():
            return None
        token = self._leases.take(WorkKind.RUN, run_id, owner, lease_s)
        if token is None:
            return None
        started_at = run.started_at or self._clock.now()
        return self.put(run, state=RunState.RUNNING, fencing_token=token, started_at=started_at)

    def unowned(self) -> Sequence[str]:
        now, until = self._clock.monotonic(), self._leases.until
        states = {run.id: run.state for run in self.table.values()}
        ended = {run_id for run_id in states if until.get((WorkKind.RUN, run_id), now + 1) <= now}
        return [i for i, s in states.items() if s is RunState.APPROVED or (s is RunState.RUNNING and i in ended)]

    def now(self) -> datetime:
        return self._clock.now()

    def expired(self) -> Sequence[str]:
        pending = [run for run in self.table.values() if run.state is RunState.PENDING]
        return [run.id for run in pending if run.expires_at <= self._clock.now()]

    def resume(self, run_id: str, entry: AuditEntry | None = None) -> bool:
        run = self.table[run_id]
        if run.state is not RunState.PARKED:
            return False
        self.put(run, state=RunState.APPROVED, problem="")
        self._audit.add(run_id, entry)
        return True

    def adopt(self, run: Run, votes: Sequence[Vote], entry: AuditEntry) -> None:
        self.put(self.table[run.id], signature=run.signature, steps=run.steps)
        self.ballots[run.id] = {vote.user_id: vote for vote in votes}
        self._audit.add(run.id, entry)

    def request_cancel(self, run_id: str, user_id: str) -> None:
        run = self.table[run_id]
        if run.state in OPEN and not run.cancel_requested_by:
            self.put(run, cancel_requested_by=user_id)

    def put(self, run: Run, **changes: Any) -> Run:
        self.table[run.id] = replace(run, **changes)
        return self.table[run.id]


class FakeVotes:
    """A `bot.ports.journal.Votes`."""

    def __init__(self, runs: FakeRuns, audit: FakeAudit) -> None:
        self._runs = runs
        self._audit = audit
        self._lock = threading.Lock()
        self._retractions: dict[tuple[str, str, Choice, str], Decimal] = {}

    def cast(self, run_id: str, vote: Vote, count: Count, entry: AuditEntry | None = None) -> RunState | None:
        with self._lock:
            self._check_open(run_id, vote)
            return self._count(run_id, count) if self._record(run_id, vote, entry) else None

    def decide(self, run_id: str, digest: str, count: Count) -> RunState | None:
        with self._lock:
            run = self._runs.table[run_id]
            if run.state is not RunState.PENDING or run.plan.digest != digest or run_id in self._runs.expired():
                return None
            return self._count(run_id, count)

    def _check_open(self, run_id: str, vote: Vote) -> None:
        run = self._runs.table[run_id]
        stops = vote.choice is Choice.REJECT and run.state in {RunState.APPROVED, RunState.RUNNING}
        if run.state is not RunState.PENDING and not stops:
            raise PermanentError("not-pending", f"Run {run_id} takes no votes.")
        if run.plan.digest != vote.digest:
            raise PermanentError("vote-stale", f"The plan of run {run_id} has just become another one.")
        if stops and not is_recheck_ahead(run):
            raise PermanentError("vote-closed", f"Run {run_id} is under way; it was too late to reject it.")
        if run_id in self._runs.expired():
            raise PermanentError("request-expired", f"Nobody decided on run {run_id} in time.")

    def _count(self, run_id: str, count: Count) -> RunState:
        run, verdict = self._runs.table[run_id], count(self.current(run_id))
        untouched = all(step.state is StepState.WAITING for step in run.steps)
        if run.state is RunState.RUNNING or not untouched:
            self._runs.request_cancel(
                run_id, next(v.user_id for v in self.current(run_id) if v.choice is Choice.REJECT)
            )
        elif verdict.state is RunState.REJECTED:
            self._runs.end(run_id, verdict.state, verdict.problem, expect=frozenset({run.state}), entry=verdict.entry)
        elif verdict.state is RunState.APPROVED:
            self._runs.approve(run_id, run.plan.digest, verdict.steps, verdict.entry)
        return self._runs.table[run_id].state

    def _record(self, run_id: str, vote: Vote, entry: AuditEntry | None) -> bool:
        taken_back = self._retractions.get((run_id, vote.user_id, vote.choice, vote.digest[:12]))
        if vote.how == "reaction" and taken_back is not None and taken_back >= vote.event_ts:
            return False
        old = self._runs.ballots[run_id].get(vote.user_id)
        same_plan = old is not None and old.digest == vote.digest
        if old is not None and same_plan and old.event_ts > vote.event_ts and vote.choice is not Choice.REJECT:
            return False
        if old is None or replace(old, at=vote.at, signature=vote.signature) != vote:
            self._runs.ballots[run_id][vote.user_id] = vote
            self._audit.add(run_id, entry)
        return True

    def withdraw(self, run_id: str, retraction: Retraction, entry: AuditEntry | None = None) -> Retracted:
        run = self._runs.table[run_id]
        key = (run_id, retraction.user_id, retraction.choice, retraction.short_digest)
        self._retractions[key] = max(retraction.event_ts, self._retractions.get(key, Decimal(0)))
        vote = self._runs.ballots[run_id].get(retraction.user_id)
        if vote is None or vote.how != "reaction" or vote.event_ts > retraction.event_ts or run.state not in OPEN:
            return Retracted.NOTHING
        if (vote.choice, vote.digest[:12]) != (retraction.choice, retraction.short_digest):
            return Retracted.NOTHING
        counted_again = any(step.key == RECHECK and step.state is StepState.WAITING for step in run.steps)
        if run.state is not RunState.PENDING and not counted_again:
            return Retracted.TOO_LATE
        del self._runs.ballots[run_id][retraction.user_id]
        self._audit.add(run_id, entry)
        return Retracted.DONE

    def current(self, run_id: str) -> Sequence[Vote]:
        return sorted(self._runs.ballots[run_id].values(), key=lambda vote: (vote.at, vote.user_id))


class FakeActivity:
    """A `bot.ports.journal.Activity`."""

    def __init__(self, journal: "FakeJournal", clock: Clock) -> None:
        self._journal = journal
        self._clock = clock

    def visitors(self, within_s: float) -> Sequence[str]:
        limit = self._clock.now() - timedelta(seconds=within_s)
        seen = [
            kept
            for kept in self._journal.requests.kept.values()
            if kept.request.kind == "home" and kept.accepted_at > limit
        ]
        return sorted({str(kept.request.payload["user_id"]) for kept in seen})

    def pulse(self) -> str:
        open_runs = [
            (run.id, run.state, run.plan.digest, run.problem)
            for run in self._journal.runs.table.values()
            if run.state in OPEN
        ]
        steps = [(run.id, step.key, step.state) for run in self._journal.runs.table.values() for step in run.steps]
        jobs = [
            (holder.request_id, self._journal.requests.kept[holder.request_id].finished)
            for holder in self._journal.jobs.holders.values()
        ]
        return repr((open_runs, steps, self._journal.runs.ballots, self._journal.freezes.known, jobs))


class FakeJournal(Journal):
    """A `bot.ports.Journal`."""

    requests: FakeRequests
    runs: FakeRuns
    leases: FakeLeases
    votes: FakeVotes
    jobs: FakeJobs
    audit: FakeAudit
    freezes: FakeFreezes
    activity: FakeActivity

    def __init__(self, clock: Clock) -> None:
        requests, audit, leases = FakeRequests(clock), FakeAudit(clock), FakeLeases(clock)
        runs = FakeRuns(clock, audit, leases)
        super().__init__(
            requests=requests,
            runs=runs,
            leases=leases,
            votes=FakeVotes(runs, audit),
            jobs=FakeJobs(clock, requests, leases),
            audit=audit,
            freezes=FakeFreezes(audit),
            activity=FakeActivity(self, clock),
        )


def _started(step: Step, state: StepState, now: datetime) -> datetime | None:
    if state is StepState.WAITING:
        return None
    return now if state is StepState.RUNNING else step.started_at


def lease_lost(lease: Lease) -> PermanentError:
    return PermanentError("fenced-off", f"This process no longer owns {lease.kind} {lease.id}.")
