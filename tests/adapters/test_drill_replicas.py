"""Several replicas on the real journal, outbox and queue, all looking at once: each drill once, each message once."""

import random
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from bot.adapters.journal import PostgresDrillRepository, PostgresJournal
from bot.adapters.journal.connections import Pool
from bot.adapters.outbox import PostgresOutbox
from bot.adapters.outbox.announcer import SlackDrillAnnouncer
from bot.adapters.schedule.calendar import CronCalendar
from bot.domain.drills import DayRange, Drill, DrillKind, DrillState, Schedule, drill_id_of
from bot.domain.environments import Environment
from bot.domain.runs import Step
from bot.engine.context import Services
from bot.engine.drills.scheduler import tick
from bot.engine.maintenance.sweeper import sweep
from bot.engine.operations import Operations
from tests.adapters.samples import NOON, StoppedClock
from tests.fakes.keyring import KEYRING
from tests.fakes.process import Process
from tests.fakes.queue import FakeQueue
from tests.fakes.world import ENVIRONMENT, World

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
PLACES = ("staging", "dev")
SCHEDULES = (
    Schedule(
        "nightly",
        "staging",
        DrillKind.BUNDLE,
        "30 2 * * *",
        "Europe/Berlin",
        "prod",
        jitter_s=300,
        announce_before_s=3600,
        blackout=(DayRange(NOON.date() + 10 * DAY, NOON.date() + 11 * DAY),),
    ),
    Schedule("weekly", "dev", DrillKind.RESTORE, "0 3 * * 1", announce_before_s=86_400),
)
STEPS = (Step("only", 0, "The only step"),)


class SafeQueue(FakeQueue):
    """A queue that several threads take from."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()

    def defer_request(self, request_id: str) -> None:
        with self._lock:
            super().defer_request(request_id)

    def take(self) -> str | None:
        with self._lock:
            return self.requests.pop(0) if self.requests else None


@dataclass
class Replicas:
    """As many as there are threads, with one clock that only the test moves."""

    services: Services
    clock: StoppedClock
    queue: SafeQueue
    threads: ThreadPoolExecutor
    performed: Counter[str]

    def look(self, replicas: int = 3) -> None:
        together = threading.Barrier(replicas)
        for done in [self.threads.submit(self._look, together) for _ in range(replicas)]:
            done.result()

    def _look(self, together: threading.Barrier) -> None:
        together.wait(10)
        assert tick(self.services)
        sweep(self.services)
        while (request_id := self.queue.take()) is not None:
            Operations(self.services, self._perform).handle(request_id)

    def _perform(self, services: Services, drill_id: str) -> None:
        drill = services.drills.take(drill_id, STEPS, "another", 0.0)
        if drill is not None:
            self.performed[drill_id] += 1
            services.drills.finish(drill.lease, DrillState.PASSED)


@pytest.fixture
def replicas(pool: Pool, clock: StoppedClock, journal: PostgresJournal, tmp_path: Path) -> Replicas:
    base = World(tmp_path).services(Process("any"))
    environments: dict[str, Environment] = {
        name: replace(ENVIRONMENT, name=name, production=False, incident_channel=f"C0{name.upper()}") for name in PLACES
    }
    envs = {name: replace(base.envs["prod"], environment=environments[name]) for name in PLACES}
    queue = SafeQueue()
    services = replace(
        base,
        envs=envs,
        journal=journal,
        queue=queue,
        drill_announcer=SlackDrillAnnouncer(PostgresOutbox(pool, KEYRING), environments),
        clock=clock,
        drills=PostgresDrillRepository(pool, clock),
        calendar=CronCalendar(),
        schedules=SCHEDULES,
    )
    with ThreadPoolExecutor(3) as threads:
        return Replicas(services, clock, queue, threads, Counter())


def outbox(pool: Pool) -> list[tuple[str, str]]:
    with pool.connection() as connection:
        found = connection.execute("SELECT key, text FROM backstop.outbox ORDER BY position").fetchall()
    return [(row["key"], row["text"]) for row in found]


def test_a_month_over_a_change_of_the_clocks(pool: Pool, replicas: Replicas, clock: StoppedClock) -> None:
    dice = random.Random(7)  # noqa: S311 -- a seed, not a secret
    calendar = CronCalendar()
    replicas.threads = ThreadPoolExecutor(3)
    down = (NOON + 20 * DAY, NOON + 23 * DAY)
    try:
        while clock.at < NOON + 32 * DAY:
            replicas.look()
            ahead = [calendar.next_due(item, clock.at) for item in SCHEDULES]
            ahead += [at - HOUR for at in ahead if at]
            ahead += [drill.start_at for drill in replicas.services.drills.open_drills()]
            clock.at = min(at for at in ahead if at and at > clock.at) + timedelta(seconds=dice.uniform(0.1, 5))
            if down[0] < clock.at < down[1]:
                clock.at = down[1]
        clock.at += 2 * HOUR
        replicas.look()
        replicas.look()
    finally:
        replicas.threads.shutdown()
    drills = replicas.services.drills.drills(limit=1000)
    found = Counter((drill.schedule, drill.due_at) for drill in drills if drill.due_at <= clock.at)
    wanted = {(item.name, due) for item in SCHEDULES for due in calendar.due_between(item, NOON, clock.at)}
    assert found == Counter(wanted)
    assert len(wanted) > 30
    ended = [drill for drill in drills if drill.due_at <= clock.at]
    missed = [drill for drill in ended if drill.state is DrillState.MISSED]
    assert {drill.due_at for drill in missed} == {
        due for item in SCHEDULES for due in calendar.due_between(item, down[0], down[1] - HOUR)
    }
    assert replicas.performed == Counter(drill.id for drill in ended if drill.state is DrillState.PASSED)
    assert len(missed) + len(replicas.performed) == len(ended)
    _check_messages(pool, {drill.id: drill.state for drill in ended}, [drill.id for drill in missed])


def _check_messages(pool: Pool, ended: dict[str, DrillState], missed: list[str]) -> None:
    said = outbox(pool)
    cards = {key.removeprefix("drill:"): text for key, text in said if key.startswith("drill:")}
    for drill_id, state in ended.items():
        if state is DrillState.PASSED:
            assert cards[drill_id].startswith("✅ Passed"), drill_id
        else:
            assert cards.get(drill_id, "⚠️ Missed").startswith("⚠️ Missed"), drill_id
    together = [text for key, text in said if key.startswith("drills-missed:")]
    assert sum(int(text.split()[1]) for text in together) == len(missed)


def test_all_see_the_same_due_drills_at_the_same_moment(pool: Pool, replicas: Replicas, clock: StoppedClock) -> None:
    replicas.threads = ThreadPoolExecutor(3)
    often = replace(SCHEDULES[1], cron="* * * * *", announce_before_s=120)
    schedules = tuple(replace(often, name=f"often-{number}") for number in range(3))
    replicas.services = replace(replicas.services, schedules=schedules)
    try:
        for _ in range(15):
            replicas.look()
            clock.at += timedelta(minutes=1)
        replicas.look()
    finally:
        replicas.threads.shutdown()
    assert max(replicas.performed.values()) == 1
    drills = replicas.services.drills.drills(limit=10_000)
    assert len(drills) == len({(drill.schedule, drill.due_at) for drill in drills}) == 3 * 17
    cards = [key for key, _ in outbox(pool) if key.startswith("drill:")]
    assert sorted(cards) == sorted(f"drill:{drill.id}" for drill in drills)


def test_many_replicas_at_one_moment_all_do_everything(replicas: Replicas, clock: StoppedClock) -> None:
    """Due, announced, started, told and, after a pause, missed: every tick of every replica succeeds."""
    replicas.threads = ThreadPoolExecutor(8)
    often = replace(SCHEDULES[1], cron="* * * * *", announce_before_s=120, start_within_s=60)
    replicas.services = replace(replicas.services, schedules=(often, replace(often, name="also")))
    try:
        for minutes in (1, 1, 1, 12, 1, 12, 1):
            replicas.look(8)
            clock.at += timedelta(minutes=minutes)
    finally:
        replicas.threads.shutdown()
    assert max(replicas.performed.values()) == 1
    states = {drill.state for drill in replicas.services.drills.drills(limit=10_000)}
    assert {DrillState.PASSED, DrillState.MISSED} <= states


def test_replicas_that_change_the_same_drills_in_any_order_do_not_lock_each_other_out(
    replicas: Replicas, clock: StoppedClock
) -> None:
    book, schedule = replicas.services.drills, SCHEDULES[0]
    dues = [NOON + number * timedelta(minutes=1) for number in range(150)]
    drills = [_drill(schedule, due) for due in dues]
    together = threading.Barrier(8)

    def change(number: int) -> None:
        dice = random.Random(number)  # noqa: S311 -- a seed, not a secret
        mixed = dice.sample(drills, len(drills))
        together.wait(10)
        book.enlist(schedule.name, schedule.fingerprint, clock.now())
        for drill in mixed:
            book.plan(drill)
        book.advance(schedule.name, schedule.fingerprint, dues[-1])
        together.wait(60)
        book.miss({drill.id: "why" for drill in mixed})
        together.wait(10)
        book.note_reported([drill.id for drill in mixed])
        book.beat(clock.now())

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(change, range(8)))
    assert book.untold() == []
    assert {drill.state for drill in book.drills(limit=1000)} == {DrillState.MISSED}


def _drill(schedule: Schedule, due: datetime) -> Drill:
    drill_id = drill_id_of(schedule.name, due.isoformat())
    return Drill(drill_id, schedule.name, schedule.environment, schedule.kind, schedule.source, due, due)
