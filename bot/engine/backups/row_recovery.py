"""Rows that a swap has put aside: looked for, and offered as SQL in the bucket. Nothing is ever applied.

Rows are patients' data, so they go where backups are, never into a message: the thread gets counts and the key.
"""

from dataclasses import replace

from bot.domain.jobs import Job, JobKind, JobState
from bot.domain.plans import SwapPlan
from bot.domain.runs import Run, RunState
from bot.engine.approvals.authorization import check_steward
from bot.engine.backups.jobs import Work, begin
from bot.engine.context import Services
from bot.engine.requests import RecoverRows
from bot.errors import PermanentError
from bot.planning.kinds import is_past_return
from bot.planning.retired import is_retired, saved_in_place
from bot.ports import Audience, RowRecovery

_CHANGING = frozenset({RunState.APPROVED, RunState.RUNNING})


def salvage(services: Services, audience: Audience, request: RecoverRows) -> str:
    """Compare what a run has put aside with the live database; gives a sentence for whoever asked.

    Raises:
        BotError: why not; where it had begun, the run's thread has been told too.
    """
    run = services.run(request.run_id)
    check_steward(services, audience.user_id, run)
    kept = _put_aside_by(run)
    row_recovery = _row_recovery(services, run, kept)
    _check_no_run(services, run.environment)
    work = begin(services, services.env(run.environment), audience, JobKind.SALVAGE, run.id)
    stored_as = f"salvage/{run.id}/{work.job.begun_at:%Y%m%d_%H%M%S}.sql.gz"
    ended = work.perform(lambda: _recovered(work, row_recovery, run, kept, stored_as))
    rows = ended.salvage.rows if ended.salvage else 0
    return f"{rows:,} rows are written as SQL to {stored_as}; the thread of run {run.id} says which tables have them."


def _put_aside_by(run: Run) -> str:
    """The name of the database that a run has put aside.

    Raises:
        PermanentError: ``nothing-to-salvage``.
    """
    come = run.plan.restore if isinstance(run.plan, SwapPlan) else None
    if is_retired(run):
        raise PermanentError(
            "nothing-to-salvage",
            f"Run {run.id} was a restore in place and put no database aside that could be compared.",
            f"What it replaced is in its emergency backup, {saved_in_place(run) or 'which was never taken'}: load that "
            "into a database elsewhere and compare there, or restore it.",
        )
    if come is None or run.state is not RunState.SUCCEEDED or not is_past_return(run):
        why = "put no database aside" if come is None else f"is {run.state}"
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


def _check_no_run(services: Services, environment: str) -> None:
    active = services.journal.runs.active(environment)
    if active is not None and active.state in _CHANGING:
        raise PermanentError(
            "run-under-way",
            f"Run {active.id} is changing {environment} now.",
            "Compare when it is over: /rollback status.",
        )


def _recovered(work: Work, row_recovery: RowRecovery, run: Run, kept: str, key: str) -> Job:
    with work.env.store.open_text(key) as write:
        found = row_recovery.write_sql(kept, _about(work, run, kept), write, work.reporter())
    return replace(work.job, state=JobState.DONE, salvage=replace(found, key=key))


def _about(work: Work, run: Run, kept: str) -> list[str]:
    """The head of the file: what it is, and what to mind before anybody runs it."""
    come = run.plan.restore if isinstance(run.plan, SwapPlan) else None
    state = f"{come.created_at:%Y-%m-%d %H:%M:%S} UTC" if come else "unknown"
    return [
        f"Rows of {kept} that the live database of {run.environment} lacks or has otherwise.",
        f"Compared {work.job.begun_at:%Y-%m-%d %H:%M:%S} UTC. Run {run.id} put it aside for a state of {state}.",
        "Backstop never runs this. Read it, take out what must not come back, then run it in the live database as the",
        "owner of its tables, without the app's triggers where those must not fire again. It is one transaction.",
        "INSERT: nobody has that key in the live database. The app may have deleted such a row since.",
        "UPDATE: commented out. The app may have changed the row, or given its key to another one: compare first.",
        "It does nothing where the live row has changed since the comparison.",
    ]
