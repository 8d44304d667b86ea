"""The end of kept databases: announced in time whatever happened before, and never under somebody who reads one."""

from datetime import timedelta

import pytest

from bot.domain.runs import Run
from bot.engine.backups.retention import ANNOUNCED, BEGUN, DROPPED
from bot.engine.maintenance.cleanup import clean_up
from bot.errors import PermanentError, TemporaryError
from tests.engine.runs.restoring import restore
from tests.engine.story import Story
from tests.fakes.process import Process
from tests.fakes.sides import FakeSides
from tests.fakes.world import World

DAY_S = 86_400.0
STUCK = PermanentError("database-refused", 'Dropping the database failed: it is used by subscription "s".', "Grant.")


@pytest.fixture
def run(story: Story, sides: FakeSides) -> Run:
    del sides
    return restore(story)


def clean_up_by(world: World, process: Process | None = None) -> None:
    clean_up(world.services(process or Process("tidy")))


def said(world: World, run: Run, key: str) -> str:
    assert world.sides is not None
    return world.announcer.notes.get((run.id, f"{key}-{world.sides.name('kept', run.id)}"), "")


def audited(world: World, run: Run) -> list[str]:
    return [event.event for event in world.journal.audit.events(run.id) if event.event.startswith("kept-database-")]


def test_a_notice_that_is_late_is_a_whole_one(world: World, sides: FakeSides, run: Run) -> None:
    world.clock.sleep(30 * DAY_S)  # the bot was down
    clean_up_by(world)
    end = world.clock.now() + timedelta(days=1)
    assert f"will be dropped after {end:%Y-%m-%d %H:%M} UTC" in said(world, run, "announced")
    world.clock.sleep(DAY_S - 60)
    clean_up_by(world)
    assert list(sides.databases) == [sides.name("kept", run.id)]
    world.clock.sleep(61)
    clean_up_by(world)
    assert sides.databases == {}
    assert audited(world, run) == [ANNOUNCED, BEGUN, DROPPED]


def test_a_status_says_the_end_that_was_announced(story: Story, world: World, run: Run) -> None:
    del run
    world.clock.sleep(30 * DAY_S)
    clean_up_by(world)
    story.do(world.request("status", environment=""))
    (kept,) = world.announcer.kept[-1]
    assert kept.until == world.clock.now() + timedelta(days=1)


def test_an_end_that_is_put_off_is_announced_again(world: World, sides: FakeSides, run: Run) -> None:
    world.clock.sleep(6.5 * DAY_S)
    clean_up_by(world)
    name = sides.name("kept", run.id)
    later = sides.noted_at[name] = sides.noted_at[name] + timedelta(days=3)
    clean_up_by(world)
    until = later + timedelta(days=7)
    assert f"after {until:%Y-%m-%d %H:%M} UTC" in said(world, run, "announced")
    world.clock.sleep(DAY_S)
    clean_up_by(world)
    assert list(sides.databases) == [name]


@pytest.mark.parametrize("kind", ["salvage", "undo"])
def test_none_is_dropped_while_it_is_being_read(world: World, sides: FakeSides, run: Run, kind: str) -> None:
    world.clock.sleep(6.5 * DAY_S)
    clean_up_by(world)
    world.clock.sleep(DAY_S)
    request = world.request(kind, run_id=run.id)
    world.journal.requests.accept(request)
    with world.journal.requests.claim(request.id) as claim:
        clean_up_by(world)
        assert list(sides.databases) == [sides.name("kept", run.id)]
        assert claim is not None
        claim.finish()
    clean_up_by(world)
    assert sides.databases == {}


def test_one_that_cannot_be_dropped_is_reported_once(world: World, sides: FakeSides, run: Run) -> None:
    world.clock.sleep(6.5 * DAY_S)
    clean_up_by(world)
    world.clock.sleep(DAY_S)
    process = Process("tidy")
    process.faults["sides.drop"] = [STUCK, STUCK, TemporaryError("database-unreachable", "It is away.")]
    for _ in range(3):
        clean_up_by(world, process)
    assert audited(world, run) == [ANNOUNCED, BEGUN]
    assert said(world, run, "stuck").startswith(f"The kept database {sides.name('kept', run.id)} of run {run.id}")
    assert 'subscription "s"' in said(world, run, "stuck")
    assert said(world, run, "dropped") == ""
    clean_up_by(world, process)
    assert audited(world, run) == [ANNOUNCED, BEGUN, DROPPED]


def test_one_that_cannot_be_dropped_keeps_no_other(world: World, sides: FakeSides, run: Run) -> None:
    another = sides.name("undone", run.id)
    sides.databases[another], sides.noted_at[another] = (), sides.noted_at[sides.name("kept", run.id)]
    world.clock.sleep(6.5 * DAY_S)
    clean_up_by(world)
    world.clock.sleep(DAY_S)
    process = Process("tidy")
    process.faults["sides.drop"] = [STUCK]
    clean_up_by(world, process)
    assert list(sides.databases) == [sides.name("kept", run.id)]


def test_an_announcement_that_is_not_noted_is_made_again(world: World, sides: FakeSides, run: Run) -> None:
    """People are told rather twice than not at all, and nothing is dropped by an end that nobody wrote down."""
    world.clock.sleep(6.5 * DAY_S)
    process = Process("tidy")
    process.faults["journal.audit.append"] = [TemporaryError("journal-unreachable", "It is away.")]
    clean_up_by(world, process)
    assert (said(world, run, "announced") != "", audited(world, run)) == (True, [])
    world.clock.sleep(DAY_S)
    clean_up_by(world, process)
    assert audited(world, run) == [ANNOUNCED]
    assert list(sides.databases) == [sides.name("kept", run.id)]
    world.clock.sleep(DAY_S + 60)
    clean_up_by(world, process)
    assert audited(world, run) == [ANNOUNCED, BEGUN, DROPPED]
