"""Starts drills: checks for obstacles, submits the request, and handles it."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from bot.domain.drills import TRIED, Drill, DrillState, Schedule
from bot.engine.approvals.signatures import sign_request
from bot.engine.context import Services
from bot.engine.requests import PerformDrill, Submission, defer, write
from bot.errors import BotError, PermanentError, TemporaryError
from bot.planning.schedule import DEFAULT_WITHIN_S, last_start
from bot.ports import Audience

LONGEST = timedelta(hours=24)
"""A drill that is taken up again after that is given up."""
DrillRunner = Callable[[Services, str], None]
_log = logging.getLogger(__name__)


def find_schedule(services: Services, drill: Drill) -> Schedule | None:
    """Find a drill's schedule; None for one that somebody asked for, or when it is configured no more."""
    return next((item for item in services.schedules if item.name == drill.schedule), None)


def within_s(services: Services, drill: Drill) -> int:
    """Return how late it may start."""
    schedule = find_schedule(services, drill)
    return schedule.start_within_s if schedule else DEFAULT_WITHIN_S


def hindrance(services: Services, drill: Drill) -> str:
    """Say why it must not start now, as a sentence; "" when nothing is in its way."""
    return busy(services, drill.environment, drill.id) or resting(services, drill, services.clock.now())


def busy(services: Services, environment: str, drill_id: str) -> str:
    """Say what else goes on in an environment, or that it is frozen."""
    frozen = services.journal.freezes.frozen(environment)
    if frozen is not None:
        return frozen
    run = services.journal.runs.active(environment)
    if run is not None and run.drill != drill_id:
        return f"Run {run.id} is open in {environment}."
    for other in services.drills.open_drills():
        if other.state is DrillState.RUNNING and other.environment == environment and other.id != drill_id:
            return f"Drill {other.id} is running in {environment}."
    return ""


def resting(services: Services, drill: Drill, at: datetime) -> str:
    """Say that a moment is on a day on which its schedule rests."""
    schedule = find_schedule(services, drill)
    day = services.calendar.wall(schedule, at).date() if schedule else None
    if schedule is None or day is None or not schedule.rests_on(day):
        return ""
    return f"{day} is a day on which {schedule.name} rests."


def order(services: Services, drill: Drill) -> None:
    """Persist the request for a drill, then queue it; asked for again, it is the same request."""
    start = drill.start_at.isoformat()
    nobody = Audience("", "", request_id=f"drill:{drill.id}:{start}")
    request = write(Submission(nobody, PerformDrill(drill.id, start)))
    request = sign_request(services.keyring, request, services.clock.now())
    if services.journal.requests.accept(request):
        defer(services.queue, request)


def carry_out(services: Services, request: PerformDrill, perform: DrillRunner) -> None:
    """Have a drill performed, unless it was skipped or postponed meanwhile. It never stays begun with nobody at it.

    Raises:
        TemporaryError: it must be tried again.
    """
    drill = services.drills.drill(request.drill_id)
    if drill is None or not _is_wanted(services, drill, request.start_at):
        return
    try:
        perform(services, drill.id)
        _check_left(services, drill.id)
    except TemporaryError as error:
        if drill.started_at is None or services.clock.now() - drill.started_at < LONGEST:
            raise
        give_up(services, drill.id, str(error))
    except PermanentError as error:
        if error.reference == "fenced-off":  # its new owner goes on
            _check_left(services, drill.id)
        else:
            give_up(services, drill.id, str(error))
    except Exception as error:  # noqa: BLE001 -- a bug must not leave a drill open for ever, nor be silent
        _log.exception("drill %s", drill.id)
        give_up(services, drill.id, f"internal-error: {type(error).__name__}; the log has more.")


def _check_left(services: Services, drill_id: str) -> None:
    """See that a drill is not left under way, as by a performer that could not reach the journal or has lost its lease.

    Another process that performs it holds its request, so trying again disturbs nobody.

    Raises:
        TemporaryError: ``drill-left``.
    """
    drill = services.drills.drill(drill_id)
    if drill is not None and drill.state is DrillState.RUNNING:
        raise TemporaryError("drill-left", f"Drill {drill_id} was left in the middle.", "It is taken up again.")


def _is_wanted(services: Services, drill: Drill, start_at: str) -> bool:
    """Tell if it is to start now.

    Raises:
        TemporaryError: ``drill-waits``.
    """
    if drill.state is DrillState.RUNNING or drill.state in TRIED:  # one that has ended is shown once more
        return True
    moved = drill.start_at.isoformat() != start_at
    late = services.clock.now() > last_start(drill, within_s(services, drill))
    if drill.state is not DrillState.PLANNED or moved or late:
        return False
    early = services.clock.now() < drill.start_at  # by this replica's clock: another one has ordered it
    waits = "Its time has not come." if early else hindrance(services, drill)
    if waits:
        raise TemporaryError("drill-waits", f"Drill {drill.id} cannot start yet. {waits}")
    return True


def give_up(services: Services, drill_id: str, problem: str) -> None:
    """End a drill that its performer has left open.

    Raises:
        TemporaryError: ``drill-left``: a living owner of another process keeps it, and may die as well.
    """
    taken = services.drills.take(drill_id, (), services.owner, 0.0)
    try:
        if taken is not None:
            services.drills.finish(taken.lease, DrillState.FAILED, problem)
    except BotError as error:
        if error.reference != "fenced-off":
            raise
    _check_left(services, drill_id)
