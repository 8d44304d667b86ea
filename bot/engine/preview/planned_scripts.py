"""Reads a plan again with the very scripts that it runs, for people who want to see their SQL."""

from bot.domain.migrations import DownScript
from bot.domain.plans import Plan, SchemaPlan
from bot.engine.context import Services
from bot.errors import PermanentError


def read_planned_scripts(services: Services, run_id: str) -> tuple[Plan, tuple[DownScript, ...]]:
    """Return a run's plan, and those of its scripts whose bytes are still the planned ones, newest first.

    Raises:
        PermanentError: ``unknown-run``.
        BotError: the journal or the scripts cannot be read.
    """
    run = services.journal.runs.find(run_id)
    if run is None:
        raise PermanentError("unknown-run", f"There is no run {run_id[:20]}.", "/rollback status lists the runs.")
    if not isinstance(run.plan, SchemaPlan):
        return run.plan, ()
    loaded = services.scripts.load()
    found = [loaded[script.version] for script in run.plan.scripts if script.version in loaded]
    planned = {script.sha256 for script in run.plan.scripts}
    return run.plan, tuple(script for script in found if script.sha256 in planned)
