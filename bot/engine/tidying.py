"""What processes that died left lying about: shadow databases, and scratch directories with people's data in them."""

import shutil
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from bot.domain.runs import OPEN
from bot.engine.keeping import expire_kept
from bot.engine.workplace import Site, Workplace

SCRATCH_PREFIX = "backstop-"
SCRATCH_AGE = timedelta(hours=6)
"""A scratch directory that nobody has written to for so long is nobody's."""


def tidy(workplace: Workplace) -> None:
    """Drop and delete what is nobody's any more, or whose time is over.

    Raises:
        BotError: the journal or a database does not answer; the next round tries again.
    """
    open_runs = {run.id for run in workplace.journal.runs(limit=100) if run.state in OPEN}
    for site in workplace.sites.values():
        site.database.drop_leftovers(open_runs)
        _drop_ended_drills(workplace, site)
    expire_kept(workplace)
    _tidy_scratch(workplace.scratch_dir, workplace.clock.now().timestamp())


def _drop_ended_drills(workplace: Workplace, site: Site) -> None:
    """A drill drops what it has made; where it could not, what it loaded must not lie about for good."""
    for side in site.sides.list() if site.sides else ():
        drill = workplace.drills.drill(side.run_id.partition("-")[0]) if side.kind == "side" else None
        if drill is not None and drill.ended_at is not None and site.sides is not None:
            site.sides.drop(side.name)


def _tidy_scratch(directory: Path, now_s: float) -> None:
    for path in directory.glob(f"{SCRATCH_PREFIX}*"):
        if path.is_dir() and now_s - _written_at_s(path) > SCRATCH_AGE.total_seconds():
            shutil.rmtree(path, ignore_errors=True)


def _written_at_s(directory: Path) -> float:
    """When anything in it was last written: a long dump touches its files, not the directory above them."""
    times = [directory.stat().st_mtime]
    for path in directory.rglob("*"):
        with suppress(FileNotFoundError):
            times.append(path.stat().st_mtime)
    return max(times)
