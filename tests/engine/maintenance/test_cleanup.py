"""What dead processes left lying about."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from bot.domain.backups import TableContent
from bot.domain.plans import PlanKind
from bot.domain.runs import Progress, RunState
from bot.engine.backups.create import in_use
from bot.engine.maintenance.cleanup import SCRATCH_AGE, clean_up
from bot.errors import TemporaryError
from bot.planning import checklist
from bot.planning.kinds import build_checklist
from bot.ports import Report
from tests.engine.runs.restoring import bundle
from tests.engine.story import Story
from tests.fakes.clock import NOON
from tests.fakes.process import Process
from tests.fakes.sides import FakeSides
from tests.fakes.store import FakeStore
from tests.fakes.world import World
from tests.views.samples import RUN


def leave(directory: Path, age_s: float, now_s: float) -> Path:
    directory.mkdir()
    file = directory / "toc.dat"
    file.write_bytes(b"patients")
    for path in (file, directory):
        os.utime(path, (now_s - age_s, now_s - age_s))
    return directory


def test_old_scratch_is_deleted_and_fresh_or_foreign_is_kept(tmp_path: Path) -> None:
    world = World(tmp_path)
    now_s, old_s = world.clock.now().timestamp(), SCRATCH_AGE.total_seconds() + 60
    old = leave(tmp_path / "backstop-dump-old", old_s, now_s)
    fresh = leave(tmp_path / "backstop-dump-fresh", 60, now_s)
    long_dump = leave(tmp_path / "backstop-dump-long", old_s, now_s)
    os.utime(long_dump / "toc.dat", (now_s - 60, now_s - 60))
    foreign = leave(tmp_path / "somebody-else", old_s, now_s)
    clean_up(world.services(Process("one")))
    assert (old.exists(), fresh.exists(), long_dump.exists(), foreign.exists()) == (False, True, True, True)


def test_shadows_of_open_runs_are_kept(tmp_path: Path) -> None:
    world, process = World(tmp_path), Process("one")
    world.submit(process, world.rollback())
    world.work(process)
    world.database.shadows_left = [world.run().id, "rdead2"]
    clean_up(world.services(process))
    assert world.database.shadows_left == [world.run().id]


def test_what_a_run_that_goes_on_has_downloaded_is_kept(tmp_path: Path) -> None:
    world, process = World(tmp_path), Process("one")
    world.submit(process, world.rollback())
    world.work(process)
    world.journal.runs.table[world.run().id] = replace(world.run(), state=RunState.RUNNING)
    now_s, old_s = world.clock.now().timestamp(), SCRATCH_AGE.total_seconds() + 60
    used = leave(tmp_path / f"backstop-fetch-{world.run().id}-x1y2", old_s, now_s)
    gone = leave(tmp_path / "backstop-fetch-rdead2-x1y2", old_s, now_s)
    clean_up(world.services(process))
    assert (used.exists(), gone.exists()) == (True, False)
    world.journal.runs.table[world.run().id] = replace(world.run(), state=RunState.PARKED)
    clean_up(world.services(process))
    assert not used.exists()


class Slow(FakeSides):
    """Somebody tidies hours after the bundle was loaded, and nobody has written to the scratch directory since."""

    def __init__(self, world: World) -> None:
        super().__init__(world.database, world.clock)
        self.world = world
        self.seen: list[Path] = []

    def contents(self, name: str, report: Report) -> Sequence[TableContent]:
        self.world.clock.sleep(SCRATCH_AGE.total_seconds() * 2)
        self.seen = list(self.world.scratch.glob("backstop-verify-*"))
        for path in (*self.seen[0].iterdir(), *self.seen):
            os.utime(path, (NOON.timestamp(), NOON.timestamp()))
        clean_up(self.world.services(Process("another")))
        assert name in self.databases
        assert self.seen[0].exists()
        return super().contents(name, report)


def test_what_a_verification_uses_is_kept_however_long_it_takes(world: World, story: Story) -> None:
    sides = world.sides = Slow(world)
    world.store.backups.append(bundle())
    request = world.request("verify", environment="prod", name="latest", level=3)
    story.do(request)
    assert world.announcer.jobs[request.id][-1].problem == ""
    assert [path.exists() for path in sides.seen] == [False]


def test_what_a_verification_has_left_is_dropped_in_the_end(world: World) -> None:
    """Its process died once too often; nothing but its name says whose it was."""
    sides = world.sides = FakeSides(world.database, world.clock)
    left = sides.name("side", "rv3r1f")
    sides.databases[left] = ()
    clean_up(world.services(Process("one")))
    assert list(sides.databases) == [left]
    world.clock.sleep(SCRATCH_AGE.total_seconds() + 60)
    clean_up(world.services(Process("one")))
    assert sides.databases == {}


@pytest.mark.parametrize(
    ("state", "swapping", "stays"), [("parked", False, True), ("failed", False, False), ("cancelled", True, True)]
)
def test_what_a_run_has_loaded_stays_as_long_as_it_may_matter(
    world: World, *, state: str, swapping: bool, stays: bool
) -> None:
    sides = world.sides = FakeSides(world.database, world.clock)
    name = sides.name("side", "r2abcd")
    sides.databases[name] = ()
    steps = tuple(
        replace(step, started_at=NOON if swapping and step.key == checklist.SWAP else None)
        for step in build_checklist(PlanKind.RESTORE)
    )
    world.journal.runs.table["r2abcd"] = replace(RUN, id="r2abcd", state=RunState(state), steps=steps)
    world.clock.sleep(SCRATCH_AGE.total_seconds() * 2)
    clean_up(world.services(Process("one")))
    assert (name in sides.databases) is stays


def test_a_database_that_is_away_keeps_nothing_else_from_being_cleaned_up(tmp_path: Path, world: World) -> None:
    sides = world.sides = FakeSides(world.database, world.clock)
    left = sides.name("side", "rv3r1f")
    sides.databases[left] = ()
    world.clock.sleep(SCRATCH_AGE.total_seconds() + 60)
    old = leave(tmp_path / "backstop-dump-old", SCRATCH_AGE.total_seconds() + 60, world.clock.now().timestamp())
    away, process = TemporaryError("database-unreachable", "It is switched off."), Process("one")
    process.faults |= {"database.drop_leftovers": [away]}
    world.elsewhere["dev"] = FakeStore()  # of it nothing but the bucket answers: anything else is a bug's exception
    clean_up(world.services(process))
    assert (old.exists(), list(sides.databases)) == (False, [])


def test_a_directory_that_is_read_does_not_look_old(tmp_path: Path) -> None:
    read = leave(tmp_path / "backstop-dump-read", 60, NOON.timestamp())
    told: list[Progress] = []
    in_use(read, told.append)(Progress(1, 2, "bytes"))
    assert read.stat().st_mtime > NOON.timestamp()
    assert told == [Progress(1, 2, "bytes")]


def test_answers_are_forgotten_after_a_week(world: World) -> None:
    clean_up(world.services(Process("one")))
    assert world.announcer.forgotten_s == [7 * 86_400.0]
