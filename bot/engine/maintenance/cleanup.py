"""Removes orphans that dead processes left: side databases, shadows, and scratch directories with people's data."""

import shutil
from collections.abc import Collection
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from bot.domain.drills import DrillState
from bot.domain.runs import OPEN, Run, RunState, run_id_of
from bot.engine.backups.retention import expire_kept
from bot.engine.context import EnvironmentServices, Services
from bot.engine.isolation import by_itself
from bot.planning.checklist import SWAP
from bot.ports import SideFacts

SCRATCH_PREFIX = "backstop-"
SCRATCH_AGE = timedelta(hours=6)
"""A directory without a known user that has not been written to for so long is an orphan."""
ANSWER_AGE = timedelta(days=7)
"""For how long answers that only one person saw are kept."""
_WORKING = frozenset({RunState.APPROVED, RunState.RUNNING})


def clean_up(services: Services) -> None:
    """Drop and delete what is nobody's any more, or whose time is over.

    What fails is logged and left to the next round; it keeps nothing else from being cleaned up.
    """
    with by_itself("scratch directories"):
        _clean_up_scratch(services)
    for name, env in services.envs.items():
        with by_itself(f"shadows of {name}"):
            env.database.drop_leftovers({run.id for run in _open_runs(services)})
        with by_itself(f"side databases of {name}"):
            _drop_sides(services, env)
    expire_kept(services)
    with by_itself("old answers"):
        services.answers.forget_answers(ANSWER_AGE.total_seconds())


def _open_runs(services: Services) -> list[Run]:
    """Every one, however old: an environment has one at the most."""
    newest = [run for run in services.journal.runs.newest(limit=100) if run.state in OPEN]
    active = [services.journal.runs.active(name) for name in services.envs]
    return [*newest, *(run for run in active if run is not None)]


def _asked_for(services: Services) -> set[str]:
    """Under which names requests that are not finished have made something."""
    return {run_id_of(request.id) for request in services.journal.requests.under_way()}


def _drop_sides(services: Services, env: EnvironmentServices) -> None:
    """Drop orphans: their makers drop them, and where that failed, loaded data must not stay permanently."""
    sides = [side for side in env.sides.list() if side.kind == "side"]
    asked_for = _asked_for(services) if sides else ()  # read second: requests come first
    for side in sides:
        with by_itself(side.name):
            if _is_left(services, side, asked_for):
                env.sides.drop(side.name)


def _is_left(services: Services, side: SideFacts, asked_for: Collection[str]) -> bool:
    owner = side.run_id.partition("-")[0]
    if owner in asked_for:
        return False
    drill = services.drills.drill(owner)
    if drill is not None:
        return drill.ended_at is not None
    run = services.journal.runs.find(owner)
    if run is not None:
        # Where a swap has begun, people may need to see what there is: docs/operations.md, "A run is parked".
        return run.state not in OPEN and not any(step.key == SWAP and step.started_at for step in run.steps)
    return services.clock.now() - side.noted_at > SCRATCH_AGE  # a verification's, which leaves no row of its own


def _clean_up_scratch(services: Services) -> None:
    now_s, used = services.clock.now().timestamp(), _users(services)
    for path in services.scratch_dir.glob(f"{SCRATCH_PREFIX}*"):
        with by_itself(path.name):
            old = path.is_dir() and now_s - _written_at_s(path) > SCRATCH_AGE.total_seconds()
            if old and not used.intersection(path.name.split("-")[2:3]):
                shutil.rmtree(path, ignore_errors=True)


def _users(services: Services) -> set[str]:
    """Find users that may be reading a directory named ``backstop-{what}-{user}-…``, however long ago it was written.

    A parked run is not among them: it downloads again when it is retried.
    """
    runs = {run.id for run in _open_runs(services) if run.state in _WORKING}
    drills = {drill.id for drill in services.drills.open_drills() if drill.state is DrillState.RUNNING}
    return runs | drills | _asked_for(services)


def _written_at_s(directory: Path) -> float:
    """Find when anything in it was last written: a long dump touches its files, not the directory above them."""
    times = [directory.stat().st_mtime]
    for path in directory.rglob("*"):
        with suppress(FileNotFoundError):
            times.append(path.stat().st_mtime)
    return max(times)
