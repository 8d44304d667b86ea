"""Collects facts for a plan, read-only: from the environment, and from what drills and runs have shown so far."""

from collections.abc import Mapping
from dataclasses import replace

from bot.domain.backups import BackupSearch
from bot.domain.catalogue import DatabaseFacts
from bot.domain.drills import DrillKind
from bot.domain.migrations import DownScript, can_run
from bot.domain.runs import Progress
from bot.engine.context import EnvironmentServices, Services
from bot.planning.facts import Drilled, Facts


def inspect(services: Services, env: EnvironmentServices, own_run: str = "", *, undoing: int | None = None) -> Facts:
    """Observe an environment.

    Args:
        services: the ports.
        env: the environment.
        own_run: a run that may hold the environment without being in the way.
        undoing: the oldest migration that a chain is to undo; None for a plan without a chain, which no invalid script
            may stop.

    Raises:
        BotError: an observation failed; a plan is never made from half the facts.
    """
    name = env.environment.name
    active = services.journal.runs.active(name)
    database = env.database.inspect()
    scripts = services.scripts.load() if undoing is not None else {}
    instead = _instead(env, database, scripts, undoing)
    return Facts(
        environment=env.environment,
        database=database,
        cluster=env.cluster.inspect(),
        scripts=scripts,
        matrix=services.matrix,
        backups=(instead.found,) if instead.found is not None else (),
        backups_searched=instead.looked_at if instead.looked_at < instead.total else 0,
        frozen=services.journal.freezes.frozen(name),
        active=active if active is not None and active.id != own_run else None,
        missing_rights=tuple(env.cluster.missing_rights()),
        obstacles=env.database.obstacles(),
    )


def _instead(
    env: EnvironmentServices, database: DatabaseFacts, scripts: Mapping[int, DownScript], undoing: int | None
) -> BackupSearch:
    """Find the bundle to suggest where the chain lacks a script."""
    # Only then: a bucket may be large.
    applied = {migration.version for migration in database.applied}
    if undoing is None or all(can_run(scripts, version) for version in applied if version >= undoing):
        return BackupSearch(None, 0, 0)
    return env.store.newest_before(undoing)


def unheard(progress: Progress) -> None:
    """Ignore progress: nobody watches a preview."""
    del progress


_DRILLS = 200
_RUNS = 100
"""More than any forecast uses."""


def with_history(services: Services, facts: Facts, run_id: str, *, drill: bool = False) -> Facts:
    """Add to the facts what drills and runs have shown.

    Args:
        services: the ports.
        facts: as inspected.
        run_id: the run that the plan is for.
        drill: it is a drill's own run, of which no proof is demanded.
    """
    # decision 24: the age of proofs is judged at the moment of the request, also when the run is planned again.
    run = services.journal.runs.find(run_id)
    learnt = look_back(services)
    asked_at = run.created_at if run is not None else learnt.at
    exempt = drill or (run is not None and run.drill != "")
    return replace(facts, drilled=replace(learnt, judged_at=None if exempt else asked_at))


def look_back(services: Services) -> Drilled:
    """Collect everything that drills and runs have shown; no recent proof is demanded of it."""
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
    """Choose an environment for a drill of each kind: that of a schedule, else any that is not production."""
    others = sorted(name for name, env in services.envs.items() if not env.environment.production)
    anywhere = dict.fromkeys(DrillKind, others[0]) if others else {}
    return anywhere | {schedule.kind: schedule.environment for schedule in reversed(services.schedules)}
