"""Escalates a run: posts what people need to take over."""

from collections.abc import Callable
from typing import TypeVar

from bot.domain.planned import PlannedRestore
from bot.domain.plans import SwapPlan
from bot.domain.runs import Run
from bot.domain.server_log import summarise
from bot.engine.context import EnvironmentServices, Services
from bot.errors import BotError
from bot.planning import checklist
from bot.planning.kinds import is_past_return, is_retired
from bot.ports import Escalation

LOG_LINES = 20
T = TypeVar("T")


def escalate(services: Services, run: Run) -> None:
    """Post log lines, the backup's state, possible points in time to recover to, and whom to call.

    A port that does not answer is reported, never raised.
    """
    # decision 18: posted lines go into the audit log for the report, since a log read later has other last lines.
    env = services.env(run.environment)
    found = Escalation(
        problem=run.problem,
        database_logs=_or(lambda: _logs(env), {}),
        backup=_or(lambda: _backup(services, run), "the bucket does not answer"),
        recovery=_or(lambda: list(env.database.recovery_options()), ["the database does not answer"]),
        contacts=env.environment.escalation_contacts,
    )
    services.announcer.escalate(run, found)
    details = {"problem": found.problem, "logs": found.database_logs, "backup": found.backup}
    services.journal.audit.append(run.id, "backstop", "escalated", {**details, "recovery": list(found.recovery)})


def _logs(env: EnvironmentServices) -> dict[str, str]:
    read = f"kubectl -n {env.environment.workloads.namespace} logs"
    logs = env.cluster.database_logs(LOG_LINES)
    return {pod: summarise(text, f"{read} {pod} --tail=200") for pod, text in logs.items()}


def _backup(services: Services, run: Run) -> str:
    if isinstance(run.plan, SwapPlan) and not is_retired(run):
        return _kept(services, run, run.plan.restore)
    if not run.steps:
        return "no emergency backup: the run had not started"
    name = run.step(checklist.BACKUP).data.get("backup", "")
    if not name:
        return "no emergency backup was taken"
    found = services.env(run.environment).store.find(name)
    if found is None:
        return f"{name} is NOT in the bucket"
    tables = found.manifest.tables if found.manifest else ()
    return f"{name} is in the bucket: {found.stored.size_bytes:,} bytes, {len(tables)} tables"


def _kept(services: Services, run: Run, come: PlannedRestore) -> str:
    names = {side.name for side in services.env(run.environment).sides.list()}
    if not come.outgoing:
        old = "there was no database before, so none is kept"
    elif come.outgoing in names:
        old = f"the database from before is kept as {come.outgoing}"
    elif is_past_return(run):
        old = f"the database from before ({come.outgoing}) is gone: dropped after its time, or swapped back"
    else:
        old = "nothing was swapped yet"
    loaded = f"; {come.incoming} is loaded beside the live one" if come.incoming in names else ""
    return old + loaded + (f"; the bundle is {come.backup}" if come.backup else "")


def _or(ask: Callable[[], T], otherwise: T) -> T:
    try:
        return ask()
    except BotError:
        return otherwise
