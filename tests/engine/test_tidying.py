"""What dead processes left lying about."""

import os
from pathlib import Path

from bot.engine.tidying import SCRATCH_AGE, tidy
from tests.fakes.process import Process
from tests.fakes.world import World


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
    tidy(world.workplace(Process("one")))
    assert (old.exists(), fresh.exists(), long_dump.exists(), foreign.exists()) == (False, True, True, True)


def test_shadows_of_open_runs_are_kept(tmp_path: Path) -> None:
    world, process = World(tmp_path), Process("one")
    world.submit(process, world.rollback())
    world.work(process)
    world.database.shadows_left = [world.run().id, "rdead2"]
    tidy(world.workplace(process))
    assert world.database.shadows_left == [world.run().id]
