"""A drill from its begin to its result: stage by stage, whatever process it takes, and nothing is left behind."""

import logging
from collections.abc import Sequence

import stamina

from bot.domain.drills import Drill, DrillState
from bot.domain.runs import Step, StepState
from bot.engine.context import Workplace
from bot.engine.drills.execution import Exercise, patiently
from bot.engine.drills.steps.measurements import measure, proofs_of
from bot.engine.drills.steps.registry import STAGES
from bot.engine.drills.steps.step import Stage
from bot.engine.runs.execution import sentence
from bot.engine.runs.interrupts import OwnershipLostError
from bot.engine.runs.steps.step import Outcome
from bot.errors import BotError, PermanentError, TemporaryError
from bot.planning.refusals import drill_in_production

TRIES = 3
"""Of a stage, where something temporary goes wrong."""
TAKEN_UP_MOST = 5
_PROBLEM = "problem"
_log = logging.getLogger(__name__)


def perform(workplace: Workplace, drill_id: str) -> None:
    """Perform a planned drill, or go on with one whose process died. Done again after its end, it shows the result.

    Raises:
        PermanentError: ``unknown-drill``.
        TemporaryError: ``journal-unreachable``; asked for again, it goes on.
    """
    steps = checklist_of(_known(workplace, drill_id))
    begun = patiently(lambda: workplace.drills.begin(drill_id, steps))
    if begun is not None:
        exercise = Exercise(workplace, begun)
        try:
            _carry(exercise)
        except OwnershipLostError as error:
            _log.warning("drill %s is left to its next owner: %s", drill_id, error)
            return
    patiently(lambda: workplace.announcer.drill(_known(workplace, drill_id)))


def checklist_of(drill: Drill) -> tuple[Step, ...]:
    """The steps of such a drill."""
    return tuple(Step(stage.key, place, stage.title) for place, stage in enumerate(STAGES[drill.kind]))


def _known(workplace: Workplace, drill_id: str) -> Drill:
    drill = patiently(lambda: workplace.drills.drill(drill_id))
    if drill is None:
        raise PermanentError("unknown-drill", f"There is no drill {drill_id[:60]}.", "/drill list shows them.")
    return drill


def _carry(exercise: Exercise) -> None:
    drill = exercise.drill
    exercise.audit("drill-begun" if drill.fence == 1 else "drill-taken-up", kind=drill.kind.value, fence=drill.fence)
    exercise.show()
    stages, refused = _permitted(exercise)
    if not refused and drill.fence > TAKEN_UP_MOST:
        refused = _given_up()
    if refused:
        _refuse(exercise, refused)
    for stage in stages:
        if exercise.drill.step(stage.key).state in {StepState.WAITING, StepState.RUNNING}:
            _pass(exercise, stage)
    _finish(exercise)


def _permitted(exercise: Exercise) -> tuple[Sequence[Stage], BotError | None]:
    """Where a drill may not be, not even its cleaning up is done."""
    try:
        environment = exercise.site.environment
        if environment.production:
            raise drill_in_production(environment.name)
        _ = exercise.source
    except PermanentError as error:
        return [_Nothing(step) for step in exercise.drill.steps], error
    return STAGES[exercise.drill.kind], None


class _Nothing(Stage):
    """A step of a drill that is refused as a whole."""

    def __init__(self, step: Step) -> None:
        self.key, self.title = step.key, step.title

    def act(self, exercise: Exercise) -> Outcome:
        """Leave everything as it is."""
        del exercise
        return Outcome("not done", state=StepState.SKIPPED)


def _given_up() -> BotError:
    return PermanentError(
        "drill-given-up",
        f"Backstop stopped {TAKEN_UP_MOST} times in the middle of this drill, so it is not tried again.",
        "The log of the bot's process says why it stopped; memory or the scratch disk may be too small.",
    )


def _refuse(exercise: Exercise, error: BotError) -> None:
    """Put it down to the step that a process died in, and is not tried again; else to the one that would be next."""
    begun = next((step for step in exercise.drill.steps if step.state is StepState.RUNNING), None)
    following = next((step for step in exercise.drill.steps if step.state is StepState.WAITING), None)
    step = begun or (None if _problem(exercise) else following)
    if step is not None:
        _fail(exercise, step.key, error)


def _pass(exercise: Exercise, stage: Stage) -> None:
    """Do a stage, or pass it over."""
    needed = () if stage.needs is None else stage.needs
    missing = not all(exercise.is_done(key) for key in needed)
    if missing or (stage.needs is None and _problem(exercise)):
        exercise.record(stage.key, StepState.SKIPPED, "")
        return
    exercise.record(stage.key, StepState.RUNNING)
    try:
        outcome = _tried(exercise, stage)
    except OwnershipLostError:
        raise
    except Exception as error:  # noqa: BLE001 -- a bug must not leave a drill open, nor its databases lying about
        _fail(exercise, stage.key, _named(error))
    else:
        exercise.record(stage.key, outcome.state, outcome.detail, outcome.data)


def _tried(exercise: Exercise, stage: Stage) -> Outcome:
    for attempt in stamina.retry_context(on=TemporaryError, attempts=TRIES, timeout=None, wait_initial=1.0):
        with attempt:
            if attempt.num > 1:
                exercise.must_own(stage.key)
            outcome = stage.act(exercise)
    return outcome


def _fail(exercise: Exercise, key: str, error: BotError) -> None:
    whole = f"{sentence(error)} {error.hint}".strip()
    exercise.record(key, StepState.FAILED, sentence(error), {**exercise.data(key), _PROBLEM: whole})
    exercise.audit("drill-step-failed", key=key, problem=sentence(error))


def _problem(exercise: Exercise) -> str:
    """The first thing that went wrong; "" while nothing has."""
    failed = (step for step in exercise.drill.steps if step.state is StepState.FAILED)
    return str(next((step.data.get(_PROBLEM, step.detail) for step in failed), ""))


def _finish(exercise: Exercise) -> None:
    drill, problem = exercise.drill, _problem(exercise)
    state = DrillState.FAILED if problem else DrillState.PASSED
    measured = None if problem else measure(exercise)
    proofs = proofs_of(exercise)
    exercise.audit("drill-ended", state=state.value, problem=problem)
    book = exercise.workplace.drills
    exercise.insist(lambda: book.finish(drill.id, drill.fence, state, problem, measured, proofs))


def _named(error: Exception) -> BotError:
    if isinstance(error, BotError):
        return error
    _log.error("a stage of a drill broke", exc_info=error)
    return PermanentError(
        "internal-error",
        f"Something in Backstop broke: {type(error).__name__}.",
        "The log of this process has the details.",
    )
