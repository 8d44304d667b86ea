"""A year of drills in a world whose replicas come, go and die at any port call, with people and outages on top.

Time is the fake clock's: it jumps to shortly after the next moment at which something may happen.
"""

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from bot.domain.drills import OPEN_DRILLS, Drill, DrillState, Schedule
from bot.domain.runs import Lease, Step
from bot.engine.approvals.signatures import sign_run
from bot.engine.context import Services
from bot.engine.drills.scheduler import tick
from bot.engine.maintenance.sweeper import REQUEST_AGE_S, sweep
from bot.engine.operations import Operations
from bot.errors import TemporaryError
from bot.planning.schedule import last_start
from tests.adapters.samples import make_run
from tests.fakes.directory import ENGINEER, LEAD_A, LEAD_B
from tests.fakes.drills import FakeDrillRepository
from tests.fakes.keyring import KEYRING
from tests.fakes.process import Killed, Process
from tests.fakes.world import ENVIRONMENT, World, submission

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
ROLLOUT = 5 * MINUTE
"""How long replicas of an older configuration may live beside those of a newer one."""
PLACES = ("staging", "dev")


class CountingBook(FakeDrillRepository):
    """Counts what happens to each drill, even if the process that did it died."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.starts: Counter[str] = Counter()
        self.finishes: Counter[str] = Counter()

    def take(self, drill_id: str, *args: Any) -> Drill | None:
        before, begun = self.table[drill_id], super().take(drill_id, *args)
        self.starts[drill_id] += begun is not None and before.state is DrillState.PLANNED
        return begun

    def finish(self, lease: Lease, *args: Any, **kwargs: Any) -> None:
        super().finish(lease, *args, **kwargs)
        self.finishes[lease.id] += 1


@dataclass
class Replica:
    """A process, and the configuration it was started with."""

    process: Process
    schedules: tuple[Schedule, ...]
    ends_at: datetime | None = None


@dataclass(frozen=True)
class Mischief:
    """How much goes wrong, as chances at each step."""

    death: float = 0.0
    outage: float = 0.0
    freeze: float = 0.0
    run: float = 0.0
    person: float = 0.0
    failure: float = 0.0
    hiccup: float = 0.0


@dataclass
class Year:
    """A simulation under way.

    Attributes:
        overdue: says, independently, whether a schedule must have an alert now.
        faults: what went against a promise, as found on the way.
        beats: when a replica with the newest configuration had dealt with everything, and that configuration.
    """

    scratch: Path
    seed: int
    mischief: Mischief
    overdue: Callable[["Year", Schedule], bool]
    faults: list[str] = field(default_factory=list)
    beats: list[tuple[datetime, tuple[Schedule, ...]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)  # noqa: S311 -- a seed, not a secret
        self.world = World(self.scratch)
        self.book = CountingBook(self.world.clock)
        self.world.drills = self.book
        self.schedules: tuple[Schedule, ...] = ()
        self.replicas: list[Replica] = []
        self._calendar = self.world.calendar
        self._born = self._asked = 0
        self._ends: dict[str, datetime] = {}
        self._hiccups: dict[str, datetime] = {}

    @property
    def now(self) -> datetime:
        return self.world.clock.now()

    def configure(self, *schedules: Schedule) -> None:
        """Deploy a configuration: replicas that have the old one go in the minutes to come."""
        if self.schedules:
            self._start().process.name += ", catching up"
            self._work(self.replicas[-1])
        self.schedules = schedules
        for old in self.replicas:
            old.ends_at = self.now + self.dice.uniform(0.1, 0.8) * ROLLOUT
        self._ends.pop("outage", None)
        self._work(self._start())

    def live_until(self, end: datetime) -> None:
        while self.now < end:
            self.world.clock.sleep(self._pause_s(end))
            self._trouble()
            self._come_and_go()
            for replica in self.dice.sample(self.replicas, len(self.replicas)):
                self._maybe_doom(replica)
                self._work(replica)

    def settle(self) -> None:
        """Let one sound replica bring everything that is due to its end."""
        self.mischief, self._ends = Mischief(), {}
        self.world.journal.freezes.known.clear()
        self.world.journal.runs.table.clear()
        self.replicas = []
        self._start()
        self.live_until(self.now + 3 * HOUR)

    def _start(self) -> Replica:
        self._born += 1
        self.replicas.append(Replica(Process(f"replica {self._born}"), self.schedules))
        return self.replicas[-1]

    def _pause_s(self, end: datetime) -> float:
        drills = [drill for drill in self.book.table.values() if drill.state in OPEN_DRILLS]
        if any(drill.start_at <= self.now for drill in drills):
            return self.dice.uniform(20, 400)
        ahead = [drill.start_at for drill in drills] + list(self._ends.values())
        ahead += [replica.ends_at for replica in self.replicas if replica.ends_at]
        for schedule in self.schedules:
            for after in (self.now, self.now + timedelta(seconds=schedule.announce_before_s)):
                due = self._calendar.next_due(schedule, after)
                ahead += [due - (after - self.now)] if due else []
        until = min([at for at in ahead if at > self.now] + [end, self.now + 12 * HOUR])
        return max(0.0, (until - self.now).total_seconds()) + self.dice.uniform(0.1, 8)

    def _chance(self, chance: float) -> bool:
        return self.dice.random() < chance

    def _trouble(self) -> None:
        for what in [name for name, at in self._ends.items() if at <= self.now]:
            self._fix(what)
        place = self.dice.choice(PLACES)
        if self._chance(self.mischief.freeze) and f"freeze {place}" not in self._ends:
            self.world.journal.freezes.freeze(place, LEAD_B, "the heat")
            self._ends[f"freeze {place}"] = self.now + self.dice.uniform(0.1, 6) * HOUR
        if self._chance(self.mischief.run) and f"run {place}" not in self._ends:
            self._asked += 1
            run = make_run(f"r{self._asked}", place, self.now)
            self.world.journal.runs.open(sign_run(KEYRING, replace(run, expires_at=self.now + DAY)))
            self._ends[f"run {place}"] = self.now + self.dice.uniform(0.1, 3) * HOUR
        if self._chance(self.mischief.outage) and "outage" not in self._ends:
            self.replicas.clear()
            self._ends["outage"] = self.now + self.dice.uniform(0.01, 5) * DAY
        if self._chance(self.mischief.person) and self.replicas:
            self._person()

    def _fix(self, what: str) -> None:
        del self._ends[what]
        kind, _, place = what.partition(" ")
        if kind == "freeze":
            self.world.journal.freezes.unfreeze(place)
        elif kind == "run":
            run = self.world.journal.runs.active(place)
            assert run is not None
            del self.world.journal.runs.table[run.id]

    def _person(self) -> None:
        planned = [drill for drill in self.book.open_drills() if drill.announced_at]
        if not planned:
            return
        drill, user = self.dice.choice(planned), self.dice.choice((LEAD_A, LEAD_B, ENGINEER))
        hours = self.dice.choice((1, 4, 24))
        start = (drill.start_at + hours * HOUR).isoformat() if self._chance(0.5) else ""
        more = {"start_at": start, "by_s": 3600 * hours} if self._chance(0.6) else {}
        kind = "drill-postpone" if more else "drill-skip"
        request = self.world.request(kind, user, drill_id=drill.id, **more)
        replica = self.dice.choice(self.replicas)
        self._maybe_doom(replica)
        self._survive(replica, lambda services: Operations(services, self.perform).submit(submission(request)))

    def _come_and_go(self) -> None:
        self.replicas = [r for r in self.replicas if not r.process.dead and (r.ends_at is None or r.ends_at > self.now)]
        if "outage" in self._ends:
            return
        if len(self.replicas) > 1 and self._chance(0.05):
            self.replicas.pop(0)
        if not self.replicas or (len(self.replicas) < 3 and self._chance(0.05)):
            self._start()

    def _maybe_doom(self, replica: Replica) -> None:
        if self._chance(self.mischief.death):
            process = replica.process
            process._kill_at = len(process.calls) + self.dice.randint(1, 30)
            process._after = self._chance(0.5)

    def _work(self, replica: Replica) -> None:
        """One look of the scheduler, the sweep's, and whatever they found to do; then look at what they left."""
        at, free = self.now, {place for place in PLACES if not self._busy(place)}
        sound = self._survive(replica, lambda services: self._tick(services, at))
        sound = sound and self._survive(replica, self._drain) and self._survive(replica, sweep)
        sound = sound and self._survive(replica, self._drain)
        if sound and replica.schedules == self.schedules:
            self._look_for_idleness(at, free)

    def _tick(self, services: Services, at: datetime) -> None:
        if not tick(services):
            self.faults.append(f"{at}: a tick failed")
        if services.schedules != self.schedules:
            return
        self.beats.append((at, services.schedules))
        for schedule in services.schedules:
            raised = f"schedule:{schedule.name}" in self.book.raised
            if raised != self.overdue(self, schedule):
                self.faults.append(f"{at}: {schedule.name} is wrongly {'' if raised else 'not '}overdue")

    def _drain(self, services: Services) -> None:
        queue = self.world.queue
        while queue.requests:
            Operations(services, self.perform).handle(queue.requests.pop(0))

    def _survive(self, replica: Replica, act: Callable[[Services], object]) -> bool:
        """Whether it did; its process is gone otherwise."""
        if replica.process.dead:
            return False
        try:
            act(self.services(replica))
        except Killed:
            return False
        return True

    def services(self, replica: Replica) -> Services:
        base = self.world.services(replica.process)
        places = {
            name: replace(
                base.envs["prod"],
                environment=replace(ENVIRONMENT, name=name, production=name == "prod"),
            )
            for name in ("prod", *PLACES)
        }
        return replace(base, envs=places, schedules=replica.schedules)

    def perform(self, services: Services, drill_id: str) -> None:
        """Stand in for the real performer: what it promises is what `bot.ports.DrillBook` is there for."""
        before = self.book.table[drill_id]
        self._hiccup(drill_id)
        if before.state is DrillState.PLANNED:
            self._check_start(before)
        drill = services.drills.take(drill_id, (Step("only", 0, "The only step"),), "another", 0.0)
        if drill is None:
            return
        services.drill_announcer.drill(drill)
        self.world.clock.sleep(self.dice.uniform(60, 1200))
        self._hiccup(drill_id)
        state = DrillState.FAILED if self._chance(self.mischief.failure) else DrillState.PASSED
        services.drills.finish(drill.lease, state, "x: It did." if state is DrillState.FAILED else "")
        ended = services.drills.drill(drill_id)
        assert ended is not None
        services.drill_announcer.drill(ended)

    def _hiccup(self, drill_id: str) -> None:
        if self._chance(self.mischief.hiccup):
            self._hiccups[drill_id] = self.now
            raise TemporaryError("database-unreachable", "It hiccups.")

    def _check_start(self, drill: Drill) -> None:
        busy, rests = self._busy(drill.environment), self._rests(drill)
        schedule = next(item for item in self.schedules if item.name == drill.schedule)
        untimely = not drill.start_at <= self.now <= last_start(drill, schedule.start_within_s)
        if busy or rests or untimely:
            self.faults.append(f"{self.now}: {drill.id} starts though busy={busy} rests={rests} untimely={untimely}")

    def _busy(self, place: str) -> bool:
        running = [d for d in self.book.table.values() if d.state is DrillState.RUNNING and d.environment == place]
        journal = self.world.journal
        return place in journal.freezes.known or journal.runs.active(place) is not None or bool(running)

    def _rests(self, drill: Drill) -> bool:
        schedule = next(item for item in self.schedules if item.name == drill.schedule)
        return schedule.rests_on(self._calendar.wall(schedule, self.now).date())

    def _look_for_idleness(self, at: datetime, free: set[str]) -> None:
        """After a sound look nothing stays planned that could have started then, or that is too late to."""
        for drill in self.book.open_drills():
            schedule = next((item for item in self.schedules if item.name == drill.schedule), None)
            if schedule is None or drill.state is not DrillState.PLANNED:
                continue
            if at > last_start(drill, schedule.start_within_s):
                self.faults.append(f"{self.now}: {drill.id} should have been given up at {at}")
            elif drill.start_at <= at and drill.environment in free and not self._held_up(drill, at):
                self.faults.append(f"{self.now}: {drill.id} could have started at {at}")

    def _held_up(self, drill: Drill, at: datetime) -> bool:
        """By something else there, or because its first try went wrong and the sweep is yet to find it."""
        request = self.world.journal.requests.kept.get(f"drill:{drill.id}:{drill.start_at.isoformat()}")
        fresh = self.now - timedelta(seconds=REQUEST_AGE_S + 1)
        hiccup = self._hiccups.get(drill.id)
        tried = request is not None and (request.accepted_at > fresh or (hiccup is not None and hiccup >= at))
        waits = tried and request is not None and not request.finished
        return waits or self._busy(drill.environment) or self._rests(drill)
