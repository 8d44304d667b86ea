"""What drills and runs have shown so far, for a plan."""

from collections.abc import Mapping
from dataclasses import replace

from bot.domain.drills import DrillKind
from bot.engine.context import Services
from bot.planning.facts import Drilled, Facts

_DRILLS = 200
_RUNS = 100
"""More than any forecast uses."""


def with_history(services: Services, facts: Facts, run_id: str, *, drill: bool = False) -> Facts:
    """Add to facts what was learnt.

    Args:
        services: the ports.
        facts: as inspected.
        run_id: the run that the plan is for. Where it is there already, how recent proofs must be is judged as of the
            moment it was asked for.
        drill: whether it is a drill's own run, of which no proof is demanded.
    """
    run = services.journal.runs.find(run_id)
    learnt = look_back(services)
    asked_at = run.created_at if run is not None else learnt.at
    exempt = drill or (run is not None and run.drill != "")
    return replace(facts, drilled=replace(learnt, judged_at=None if exempt else asked_at))


def look_back(services: Services) -> Drilled:
    """Everything that was learnt so far; no proof is demanded of it."""
    book = services.drills
    return Drilled(
        at=services.clock.now(),
        judged_at=None,
        scripts=book.script_proofs(),
        passes=tuple(book.newest_passes()),
        restores=tuple(book.history(limit=_DRILLS, kind=DrillKind.RESTORE)),
        runs=tuple(services.journal.runs.newest(limit=_RUNS)),
        grounds=grounds(services),
    )


def grounds(services: Services) -> Mapping[DrillKind, str]:
    """Where a drill of each kind can be had: where one comes round, else in any environment that is not production."""
    others = sorted(name for name, env in services.envs.items() if not env.environment.production)
    anywhere = dict.fromkeys(DrillKind, others[0]) if others else {}
    return anywhere | {schedule.kind: schedule.environment for schedule in reversed(services.schedules)}
