"""What processes that died left lying about: databases nobody uses, and scratch directories with people's data."""

import shutil
from collections.abc import Collection
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from bot.domain.drills import DrillState
from bot.domain.runs import OPEN, Run, RunState, run_id_of
from bot.engine.backups.retention import expire_kept
from bot.engine.context import Site, Workplace
from bot.engine.isolation import by_itself
from bot.planning.checklist import SWAP
from bot.ports import SideFacts

SCRATCH_PREFIX = "backstop-"
SCRATCH_AGE = timedelta(hours=6)
"""What nobody we know of uses, and nobody has written to for so long, is nobody's."""
ANSWER_AGE = timedelta(days=7)
"""For how long answers that only one person saw are kept."""
_WORKING = frozenset({RunState.APPROVED, RunState.RUNNING})


def tidy(workplace: Workplace) -> None:
    """Drop and delete what is nobody's any more, or whose time is over.

    What fails is logged and left to the next round; it keeps nothing else from being tidied.
    """
    with by_itself("scratch directories"):
        _tidy_scratch(workplace)
    for name, site in workplace.sites.items():
        with by_itself(f"shadows of {name}"):
            site.database.drop_leftovers({run.id for run in _open_runs(workplace)})
        with by_itself(f"side databases of {name}"):
            _drop_sides(workplace, site)
    expire_kept(workplace)
    with by_itself("old answers"):
        workplace.announcer.forget_answers(ANSWER_AGE.total_seconds())


def _open_runs(workplace: Workplace) -> list[Run]:
    """Every one, however old: an environment has one at the most."""
    newest = [run for run in workplace.journal.runs(limit=100) if run.state in OPEN]
    active = [workplace.journal.active_run(name) for name in workplace.sites]
    return [*newest, *(run for run in active if run is not None)]


def _asked_for(workplace: Workplace) -> set[str]:
    """Under which names requests that are not finished have made something."""
    return {run_id_of(request.id) for request in workplace.journal.requests_under_way()}


def _drop_sides(workplace: Workplace, site: Site) -> None:
    """Whoever has made one drops it; where that failed, what was loaded must not lie about for good."""
    sides = [side for side in site.sides.list() if side.kind == "side"]
    asked_for = _asked_for(workplace) if sides else ()  # after them: whoever is in the list has asked before
    for side in sides:
        with by_itself(side.name):
            if _is_left(workplace, side, asked_for):
                site.sides.drop(side.name)


def _is_left(workplace: Workplace, side: SideFacts, asked_for: Collection[str]) -> bool:
    owner = side.run_id.partition("-")[0]
    if owner in asked_for:
        return False
    drill = workplace.drills.drill(owner)
    if drill is not None:
        return drill.ended_at is not None
    run = workplace.journal.run(owner)
    if run is not None:
        # Where a swap has begun, people may need to see what there is: docs/operations.md, "A run is parked".
        return run.state not in OPEN and not any(step.key == SWAP and step.started_at for step in run.steps)
    return workplace.clock.now() - side.noted_at > SCRATCH_AGE  # a verification's, which leaves no row of its own


def _tidy_scratch(workplace: Workplace) -> None:
    now_s, used = workplace.clock.now().timestamp(), _users(workplace)
    for path in workplace.scratch_dir.glob(f"{SCRATCH_PREFIX}*"):
        with by_itself(path.name):
            old = path.is_dir() and now_s - _written_at_s(path) > SCRATCH_AGE.total_seconds()
            if old and not used.intersection(path.name.split("-")[2:3]):
                shutil.rmtree(path, ignore_errors=True)


def _users(workplace: Workplace) -> set[str]:
    """Who may be reading a directory named ``backstop-{what}-{user}-…``, however long ago it was written.

    A parked run is not among them: it downloads anew when it goes on.
    """
    runs = {run.id for run in _open_runs(workplace) if run.state in _WORKING}
    drills = {drill.id for drill in workplace.drills.open_drills() if drill.state is DrillState.RUNNING}
    return runs | drills | _asked_for(workplace)


def _written_at_s(directory: Path) -> float:
    """When anything in it was last written: a long dump touches its files, not the directory above them."""
    times = [directory.stat().st_mtime]
    for path in directory.rglob("*"):
        with suppress(FileNotFoundError):
            times.append(path.stat().st_mtime)
    return max(times)
