"""What survives of drills, in memory, with the real one's conditions."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.domain.drills import (
    OPEN_DRILLS,
    OUTDATED_AFTER,
    TRIED,
    Alert,
    Drill,
    DrillKind,
    DrillState,
    Listed,
    Measurement,
    ScriptProof,
)
from bot.domain.runs import Lease, Step, WorkKind
from bot.ports import Clock
from tests.fakes.journal import FakeLeases, lease_lost


@dataclass(frozen=True)
class Known:
    """A schedule that has been enlisted."""

    since: datetime
    seen: datetime
    planned_to: datetime


class FakeDrillRepository:
    """A `bot.ports.DrillRepository`."""

    def __init__(self, clock: Clock, leases: FakeLeases | None = None) -> None:
        self._clock = clock
        self.table: dict[str, Drill] = {}
        self.leases = leases or FakeLeases(clock)
        self.leases.tables[WorkKind.DRILL] = self.table
        self.known: dict[tuple[str, str], Known] = {}
        self.raised: dict[str, Alert] = {}
        self._beat: datetime | None = None
        self.proofs: list[ScriptProof] = []

    def enlist(self, name: str, fingerprint: str, now: datetime) -> Listed | None:
        of_name = {key[1]: known for key, known in self.known.items() if key[0] == name}
        newest = min(of_name, key=lambda print_: (-of_name[print_].since.timestamp(), print_), default=None)
        last = of_name[newest].seen if newest is not None else None
        anew = last is None or (self._beat is not None and last < self._beat - OUTDATED_AFTER)
        since = now if anew or last is None else last + timedelta(microseconds=1)
        known = of_name.get(fingerprint)
        if known is None or anew or fingerprint != newest:
            if known is not None and fingerprint != newest and last is not None and last >= now - OUTDATED_AFTER:
                return None
            known = Known(since, now, since)
        self.known[name, fingerprint] = replace(known, seen=max(known.seen, now))
        return Listed(known.since, known.planned_to)

    def listed(self, since: datetime) -> Collection[str]:
        return {name for (name, _), known in self.known.items() if known.seen >= since}

    def advance(self, name: str, fingerprint: str, planned_to: datetime) -> None:
        known = self.known[name, fingerprint]
        self.known[name, fingerprint] = replace(known, planned_to=max(known.planned_to, planned_to))

    def beat(self, now: datetime) -> None:
        self._beat = max(self._beat or now, now)

    def last_beat(self) -> datetime | None:
        return self._beat

    def plan(self, drill: Drill) -> bool:
        twins = (
            d for d in self.table.values() if d.schedule and (d.schedule, d.due_at) == (drill.schedule, drill.due_at)
        )
        if drill.id in self.table or next(twins, None) is not None:
            return False
        self.table[drill.id] = drill
        return True

    def drill(self, drill_id: str) -> Drill | None:
        return self.table.get(drill_id)

    def drills(self, environment: str | None = None, limit: int = 10) -> Sequence[Drill]:
        found = [d for d in self.table.values() if environment in (None, d.environment)]
        return sorted(found, key=lambda d: (-d.due_at.timestamp(), d.id))[:limit]

    def open_drills(self) -> Sequence[Drill]:
        return sorted((d for d in self.table.values() if d.state in OPEN_DRILLS), key=lambda d: (d.start_at, d.id))

    def note_announced(self, drill_id: str) -> None:
        drill = self.table.get(drill_id)
        if drill is not None and drill.announced_at is None:
            self.table[drill_id] = replace(drill, announced_at=self._clock.now())

    def postpone(self, drill_id: str, start_at: datetime, user_id: str) -> bool:
        drill = self.table.get(drill_id)
        if drill is None or drill.start_at >= start_at:
            return False
        return self._change(drill_id, start_at=start_at, user_id=user_id)

    def close(self, drill_id: str, state: DrillState, problem: str, user_id: str = "") -> bool:
        who = {"user_id": user_id} if user_id else {}
        return self._change(drill_id, state=state, problem=problem, ended_at=self._clock.now(), **who)

    def miss(self, problems: Mapping[str, str]) -> None:
        for drill_id, problem in problems.items():
            self.close(drill_id, DrillState.MISSED, problem)

    def untold(self) -> Sequence[Drill]:
        ended = [d for d in self.table.values() if d.state not in OPEN_DRILLS and d.told_at is None]
        return sorted(ended, key=lambda d: (d.due_at, d.id))

    def note_reported(self, drill_ids: Sequence[str]) -> None:
        for drill_id in drill_ids:
            self.table[drill_id] = replace(self.table[drill_id], told_at=self._clock.now())

    def _change(self, drill_id: str, **changes: object) -> bool:
        drill = self.table.get(drill_id)
        if drill is None or drill.state is not DrillState.PLANNED:
            return False
        self.table[drill_id] = replace(drill, **changes)  # type: ignore[arg-type] # names and types are the callers'
        return True

    def take(self, drill_id: str, steps: Sequence[Step], owner: str, lease_s: float) -> Drill | None:
        drill = self.table.get(drill_id)
        if drill is None or drill.state not in OPEN_DRILLS:
            return None
        if drill.state is DrillState.PLANNED and drill.start_at > self._clock.now():
            return None
        token = self.leases.take(WorkKind.DRILL, drill_id, owner, lease_s)
        if token is None:
            return None
        taken = replace(
            drill,
            state=DrillState.RUNNING,
            fencing_token=token,
            started_at=drill.started_at or self._clock.now(),
            steps=drill.steps or tuple(steps),
        )
        self.table[drill_id] = taken
        return taken

    def finish(
        self,
        lease: Lease,
        state: DrillState,
        problem: str = "",
        measured: Measurement | None = None,
        proofs: Sequence[ScriptProof] = (),
    ) -> None:
        drill = self.leases.check(lease)
        if drill.state is not DrillState.RUNNING:
            raise lease_lost(lease)
        ended = {"state": state, "problem": problem, "measured": measured, "ended_at": self._clock.now()}
        self.table[drill.id] = replace(drill, **ended)
        self.leases.release(WorkKind.DRILL, drill.id)
        self.proofs += proofs

    def history(
        self, environment: str | None = None, limit: int = 1000, kind: DrillKind | None = None
    ) -> Sequence[Drill]:
        tried = [d for d in self.table.values() if d.state in TRIED and kind in (None, d.kind)]
        wanted = [d for d in tried if environment in (None, d.environment, d.bundle_of)]
        return sorted(wanted, key=lambda d: (-(d.ended_at or d.due_at).timestamp(), d.id))[:limit]

    def newest_passes(self) -> Sequence[Drill]:
        newest: dict[tuple[DrillKind, str], Drill] = {}
        for drill in reversed(self.history()):
            if drill.state is DrillState.PASSED:
                newest[drill.kind, drill.bundle_of] = drill
        return [drill for drill in self.history() if drill in newest.values()]

    def restored(self, bundle: str) -> Drill | None:
        for drill in self.history():
            fits = drill.state is DrillState.PASSED and drill.kind is not DrillKind.MIGRATION
            if fits and drill.measured and drill.measured.bundle == bundle:
                return drill
        return None

    def last_passed(self, schedule: str) -> datetime | None:
        passed = [d for d in self.table.values() if d.schedule == schedule and d.state is DrillState.PASSED]
        return max((d.ended_at for d in passed if d.ended_at), default=None)

    def last_proof(self, environment: str) -> datetime | None:
        passed = [d for d in self.table.values() if d.state is DrillState.PASSED]
        proofs = [d.ended_at for d in passed if environment in (d.environment, d.bundle_of)]
        return max((at for at in proofs if at), default=None)

    def alerts(self) -> Sequence[Alert]:
        return [self.raised[subject] for subject in sorted(self.raised)]

    def raise_alert(self, alert: Alert) -> None:
        self.raised[alert.subject] = alert

    def clear_alert(self, subject: str) -> None:
        self.raised.pop(subject, None)

    def script_proofs(self) -> Mapping[str, ScriptProof]:
        return {proof.sha256: proof for proof in sorted(self.proofs, key=lambda proof: proof.at)}
