"""Recovers rows that a swap has put aside: writes them as SQL to the bucket, and never applies them.

Rows are patients' data, so they go where backups are, never into a message: the thread gets counts and the key.
"""

from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from bot.domain.jobs import Job, JobKind
from bot.domain.plans import SwapPlan
from bot.domain.row_recovery import Salvage, read_salvage
from bot.domain.runs import Run, RunState
from bot.engine.approvals.authorization import check_steward
from bot.engine.backups.jobs import JobExecution, JobStep, check_no_run, run_job
from bot.engine.context import Services
from bot.engine.requests import RecoverRows
from bot.engine.runs.step_execution import Outcome
from bot.errors import PermanentError
from bot.planning.kinds import is_past_return, is_retired, saved_backup
from bot.ports import Audience, RowRecovery


def salvage(services: Services, audience: Audience, request: RecoverRows) -> str:
    """Compare what a run has put aside with the live database; returns a sentence for the person who requested it.

    Raises:
        BotError: why not; where it had begun, the run's thread shows it too.
    """
    run = services.run(request.run_id)
    check_steward(services, audience.user_id, run)
    kept = _put_aside_by(run)
    row_recovery = _row_recovery(services, run, kept)
    check_no_run(services, run.environment, "", "Compare when it is over: /rollback status.")
    env, step = services.env(run.environment), RecoveryStep(row_recovery, run, kept)
    found = run_job(services, env, audience, step, run.id).salvage or Salvage((), (), 0)
    where = f"the thread of run {run.id} says which tables have them"
    return f"{found.rows:,} rows are written as SQL to {found.key}; {where}."


def _put_aside_by(run: Run) -> str:
    """Find the name of the database that a run has put aside.

    Raises:
        PermanentError: ``nothing-to-salvage``.
    """
    come = run.plan.restore if isinstance(run.plan, SwapPlan) else None
    if is_retired(run):
        raise PermanentError(
            "nothing-to-salvage",
            f"Run {run.id} was a restore in place and put no database aside that could be compared.",
            f"What it replaced is in its emergency backup, {saved_backup(run) or 'which was never taken'}: load that "
            "into a database elsewhere and compare there, or restore it.",
        )
    if come is None or not come.outgoing or run.state is not RunState.SUCCEEDED or not is_past_return(run):
        why = "put no database aside" if come is None or not come.outgoing else f"is {run.state}"
        raise PermanentError(
            "nothing-to-salvage",
            f"Run {run.id} {why}; rows can be looked for after a restore, or its undoing, that has succeeded.",
            "What a rollback of migrations dropped is in its export: the report in its thread says where.",
        )
    return come.outgoing


def _row_recovery(services: Services, run: Run, kept: str) -> RowRecovery:
    env = services.env(run.environment)
    if not any(side.name == kept for side in env.sides.list()):
        raise PermanentError(
            "kept-database-gone",
            f"The database that run {run.id} put aside ({kept}) is gone: dropped after its time, or swapped back.",
            f"What was in it may be in a backup: /backups {run.environment} lists them.",
        )
    return env.row_recovery


class RecoveryStep(JobStep):
    """Compares the kept database with the live one, and writes missing rows as SQL."""

    kind = JobKind.SALVAGE

    def __init__(self, row_recovery: RowRecovery, run: Run, kept: str) -> None:
        self._row_recovery = row_recovery
        self._run = run
        self._kept = kept

    def act(self, execution: JobExecution) -> Outcome:
        """Write the SQL to the bucket, under a name of this attempt's own.

        Raises:
            BotError: it could not be compared or stored.
        """
        at, run = execution.job.begun_at, self._run
        key = f"salvage/{run.id}/{at:%Y%m%d_%H%M%S}.sql.gz"
        head, report = _describe(run, self._kept, at), execution.reporter(self.key)
        with execution.env.store.open_text(key) as write:
            found = self._row_recovery.write_sql(self._kept, head, write, report)
        return Outcome(f"{found.rows:,} rows", asdict(replace(found, key=key)))

    def conclude(self, execution: JobExecution, data: Mapping[str, Any]) -> Job:
        """Return what was found with the job."""
        return replace(execution.job, salvage=read_salvage(data))


def _describe(run: Run, kept: str, at: datetime) -> list[str]:
    """Write the head of the file: its origin, and a warning for people who want to run it."""
    come = run.plan.restore if isinstance(run.plan, SwapPlan) else None
    state = f"{come.created_at:%Y-%m-%d %H:%M:%S} UTC" if come else "unknown"
    return [
        f"Rows of {kept} that the live database of {run.environment} lacks or has otherwise.",
        f"Compared {at:%Y-%m-%d %H:%M:%S} UTC. Run {run.id} put it aside for a state of {state}.",
        "Backstop never runs this. Read it, take out what must not come back, then run it in the live database as the",
        "owner of its tables, without the app's triggers where those must not fire again. It is one transaction.",
        "INSERT: nobody has that key in the live database. The app may have deleted such a row since.",
        "UPDATE: commented out. The app may have changed the row, or given its key to another one: compare first.",
        "It does nothing where the live row has changed since the comparison.",
    ]
