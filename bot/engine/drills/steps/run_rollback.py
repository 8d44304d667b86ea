"""Opens a drill's runs without votes, and waits for the runner to execute them."""

from bot.domain.runs import Run, RunState, StepState
from bot.engine.approvals.voting import show
from bot.engine.drills.execution import DrillExecution
from bot.engine.drills.steps import keys
from bot.engine.kinds import preview
from bot.engine.runs.open_run import Asker, find_own, open_pending
from bot.errors import PermanentError
from bot.planning.facts import PlanRequest
from bot.planning.kinds import build_checklist
from bot.ports import AuditEntry

REQUESTER = "backstop"
POLL_S = 1.0
MAX_PLANS = 4
"""The first, and three that followed because something moved."""
STALL_S = 3600.0
"""A run whose checklist has not moved for so long is no longer waited for."""
_UNDER_WAY = frozenset({RunState.APPROVED, RunState.RUNNING})
_PENDING = frozenset({RunState.PENDING})


def carry_out(execution: DrillExecution, key: str, request: PlanRequest) -> Run:
    """Open a run for a plan request, and wait for its end. Called again, it finds the same run.

    Raises:
        BotError: a refusal of its plan; ``drill-run-stopped``: it did not come to a good end, and nothing more is done
            to it; ``drill-plan-moves``, ``drill-run-stalls``.
    """
    journal, clock, drill = execution.services.journal, execution.services.clock, execution.drill.id
    run_id, found = execution.insist(lambda: find_own(journal, f"{drill}:{key}", lambda run: run.drill == drill))
    if found is None:
        plan = preview(execution.services, request, run_id, drill=True)
        open_pending(execution.services, plan, run_id, Asker(REQUESTER, drill=drill), f"drill {drill}")
    execution.insist(lambda: show(execution.services, run_id))
    seen, since_s = None, clock.monotonic()
    while True:
        run = execution.insist(lambda: journal.runs.find(run_id))
        if run is None:  # pragma: no cover -- runs are never deleted
            raise AssertionError(run_id)
        if run != seen:
            seen, since_s = run, clock.monotonic()
        if run.state is RunState.PENDING:
            _approve(execution, key, run)
        elif run.state not in _UNDER_WAY:
            return _ended(run)
        elif clock.monotonic() - since_s > STALL_S:
            execution.insist(lambda: journal.runs.request_cancel(run_id, REQUESTER))
            raise PermanentError(
                "drill-run-stalls", *_left(run, "makes no progress; it stops as soon as it safely can")
            )
        execution.tell(key, *_pace(run))
        clock.sleep(POLL_S)


def _approve(execution: DrillExecution, key: str, run: Run) -> None:
    """Nobody's votes are needed; yet a plan that will not hold still is not chased for ever."""
    journal, digest = execution.services.journal, run.plan.digest
    known = list(execution.data(key).get(keys.DIGESTS, []))
    if known[-1:] != [digest]:
        known.append(digest)
        execution.remember(key, {**execution.data(key), keys.DIGESTS: known})
    if len(known) > MAX_PLANS:
        problem = f"its plan changed {MAX_PLANS} times before it could start"
        ended = AuditEntry(REQUESTER, "run-ended", {"state": RunState.CANCELLED.value, "problem": problem})
        execution.insist(lambda: journal.runs.end(run.id, RunState.CANCELLED, problem, expect=_PENDING, entry=ended))
        execution.insist(lambda: show(execution.services, run.id))
        raise PermanentError("drill-plan-moves", *_left(run, "was given up: " + problem))
    entry = AuditEntry(REQUESTER, "approved", {"digest": digest, "drill": execution.drill.id})
    if execution.insist(lambda: journal.runs.approve(run.id, digest, build_checklist(run.plan.kind), entry)):
        execution.insist(lambda: execution.services.queue.defer_run(run.id))
        execution.insist(lambda: show(execution.services, run.id))


def _ended(run: Run) -> Run:
    if run.state is not RunState.SUCCEEDED:
        raise PermanentError("drill-run-stopped", *_left(run, f"is {run.state}: {run.problem}"))
    return run


def _left(run: Run, how: str) -> tuple[str, str]:
    """A sentence on a run that is left as it is, and where to look."""
    hint = f"Its thread says more; what it left is yours to decide: /rollback status {run.environment}."
    return f"Run {run.id} of the drill {how.rstrip('.')}.", hint


def _pace(run: Run) -> tuple[str, None]:
    done = sum(step.state in {StepState.DONE, StepState.SKIPPED} for step in run.steps)
    now = next((step.title for step in run.steps if step.state is StepState.RUNNING), "about to start")
    return f"run {run.id}, {done} of {len(run.steps)} steps: {now}", None
