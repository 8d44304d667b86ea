"""Handles people's requests about drills: start one now, skip or postpone one, show them."""

import itertools
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from bot.domain.drills import OPEN_DRILLS, Drill, DrillKind, DrillState, drill_id_of
from bot.engine.approvals.authorization import check_approver
from bot.engine.context import Services
from bot.engine.drills.alerts import standings
from bot.engine.drills.scheduler import announce, show_drill
from bot.engine.drills.start import busy, find_schedule, order, resting
from bot.engine.requests import ListDrills, PostponeDrill, ShowDrill, SkipDrill, StartDrill
from bot.errors import PermanentError
from bot.planning.schedule import LONGEST_POSTPONEMENT
from bot.ports import Audience

MAX_SHOWN = 10


def find_drill(services: Services, drill_id: str) -> Drill:
    """Read a drill.

    Raises:
        PermanentError: ``unknown-drill``.
    """
    drill = services.drills.drill(drill_id)
    if drill is None:
        raise PermanentError("unknown-drill", f"There is no drill {drill_id[:60]}.", "/drill list shows them.")
    return drill


def start_now(services: Services, audience: Audience, request: StartDrill) -> str:
    """Start a drill; returns a sentence for the person who requested it.

    Raises:
        PermanentError: ``drill-in-production``, ``not-an-approver``, ``environment-busy``.
    """
    environment, wanted = request.environment, request.drill
    env = services.env(environment)
    if env.environment.production:
        raise _in_production(services, environment)
    check_approver(services, audience.user_id, env.environment)
    drill_id, found = _find_own(services, audience.request_id, environment, wanted)
    if found is None:
        _check_idle(services, environment, drill_id)
        _plan_now(services, audience.user_id, environment, wanted, drill_id)
    drill = find_drill(services, drill_id)
    announce(services, drill_id)
    order(services, drill)
    return f"Drill {drill_id} ({wanted}) of {environment} begins; its message in the channel shows how far it is."


def _find_own(services: Services, key: str, environment: str, kind: DrillKind) -> tuple[str, Drill | None]:
    """Give the id of the drill that this request asks for, and the drill where it is planned already."""
    for salt in itertools.count():
        drill_id = drill_id_of("", key, salt)
        drill = services.drills.drill(drill_id)
        if drill is None or (drill.schedule, drill.environment, drill.kind) == ("", environment, kind):
            return drill_id, drill
    raise AssertionError  # pragma: no cover -- count() does not end


def _plan_now(services: Services, user_id: str, environment: str, kind: DrillKind, drill_id: str) -> None:
    alike = (item for item in services.schedules if (item.environment, item.kind) == (environment, kind))
    source = next((item.source for item in alike), environment)
    now = services.clock.now()
    details = {"drill": drill_id, "environment": environment, "kind": kind.value, "bundle_of": source}
    services.journal.audit.append("", user_id, "drill-asked-for", details)
    services.drills.plan(Drill(drill_id, "", environment, kind, source, now, now, user_id=user_id))


def _check_idle(services: Services, environment: str, drill_id: str) -> None:
    why = busy(services, environment, drill_id)
    if why:
        raise PermanentError("environment-busy", why, "Ask again when it is over: /drill list, /rollback status.")


def _in_production(services: Services, environment: str) -> PermanentError:
    others = sorted(name for name, env in services.envs.items() if not env.environment.production)
    instead = f"Type /drill {others[0]} now. " if others else ""
    return PermanentError(
        "drill-in-production",
        f"{environment} is production, and no drill runs there.",
        f"{instead}Its bundles are proven by a drill elsewhere that has bundle_of = {environment}, or by "
        f"/backups {environment} verify latest 3.",
    )


def skip(services: Services, audience: Audience, request: SkipDrill) -> str:
    """Leave a planned drill out; returns a sentence for the person who requested it.

    Raises:
        PermanentError: ``unknown-drill``, ``not-an-approver``, ``drill-started``, ``drill-ended``.
    """
    drill_id, user_id = request.drill_id, audience.user_id
    drill = find_drill(services, drill_id)
    check_approver(services, user_id, services.env(drill.environment).environment)
    closed = services.drills.close(drill_id, DrillState.SKIPPED, f"Skipped by <@{user_id}>", user_id)
    show_drill(services, drill_id)
    now = find_drill(services, drill_id)
    if not closed and (now.state, now.user_id) != (DrillState.SKIPPED, user_id):
        raise _too_late(now)
    _note(services, user_id, "drill-skipped", {"drill": drill_id, "environment": drill.environment})
    return f"Drill {drill_id} is skipped: it does not start."


def postpone(services: Services, audience: Audience, request: PostponeDrill) -> str:
    """Put a planned drill off; returns a sentence for the person who requested it.

    Raises:
        PermanentError: ``unknown-drill``, ``not-an-approver``, ``drill-started``, ``drill-ended``, ``not-later``,
            ``postponed-too-far``.
    """
    drill_id, user_id = request.drill_id, audience.user_id
    drill = find_drill(services, drill_id)
    check_approver(services, user_id, services.env(drill.environment).environment)
    later = drill.due_at + timedelta(seconds=request.by_s)
    start = datetime.fromisoformat(request.start_at) if request.start_at else later
    if drill.state is DrillState.PLANNED and start > drill.start_at:
        _check_start(services, drill, start)
    moved = services.drills.postpone(drill_id, start, user_id)
    show_drill(services, drill_id)
    now = find_drill(services, drill_id)
    if not moved and now.state is not DrillState.PLANNED:
        raise _too_late(now)
    if not moved and (now.start_at, now.user_id) != (start, user_id):
        raise _not_later(now, start)
    details = {"drill": drill_id, "environment": drill.environment, "start_at": start.isoformat()}
    _note(services, user_id, "drill-postponed", details)
    return f"Drill {drill_id} is postponed: it starts at {_time(start)}."


def _note(services: Services, user_id: str, event: str, details: Mapping[str, str]) -> None:
    """Audit what has been done, once: also where the process that did it died before it could."""
    noted = (entry for entry in services.journal.audit.events("") if entry.event == event)
    if not any((entry.actor, entry.details) == (user_id, details) for entry in noted):
        services.journal.audit.append("", user_id, event, details)


def _check_start(services: Services, drill: Drill, start: datetime) -> None:
    schedule = find_schedule(services, drill)
    if start <= services.clock.now():
        raise PermanentError("not-later", f"{_time(start)} is over.", "Postpone it by more.")
    if start > drill.due_at + LONGEST_POSTPONEMENT:
        raise PermanentError(
            "postponed-too-far", "A drill is postponed by a week at the most.", f"/drill skip {drill.id}"
        )
    following = services.calendar.next_due(schedule, drill.due_at) if schedule else None
    if following is not None and start >= following:
        raise PermanentError(
            "postponed-too-far",
            f"The next drill of {drill.schedule} is due at {_time(following)}.",
            f"Postpone it by less, or leave it out: /drill skip {drill.id}",
        )
    why = resting(services, drill, start)
    if why:
        raise PermanentError("postponed-too-far", why, f"Postpone it by less, or leave it out: /drill skip {drill.id}")


def _not_later(drill: Drill, start: datetime) -> PermanentError:
    who = f", as put off by <@{drill.user_id}>" if drill.user_id else ""
    return PermanentError(
        "not-later",
        f"Drill {drill.id} starts at {_time(drill.start_at)} already{who}, and that is not before {_time(start)}.",
        "Nothing was changed.",
    )


def _too_late(drill: Drill) -> PermanentError:
    if drill.state in OPEN_DRILLS:
        return PermanentError(
            "drill-started",
            f"Drill {drill.id} has started already.",
            "It ends by itself; its message shows how far it is.",
        )
    who = f" by <@{drill.user_id}>" if drill.state is DrillState.SKIPPED and drill.user_id else ""
    return PermanentError("drill-ended", f"Drill {drill.id} was {drill.state}{who}; nothing of it is left to start.")


def answer_list(services: Services, audience: Audience, request: ListDrills) -> None:
    """Show schedules, and planned and recent drills."""
    environment = request.environment
    if environment:
        services.env(environment)
    found = [item for item in standings(services) if environment in ("", item.schedule.environment)]
    drills = services.drills.drills(environment or None, MAX_SHOWN)
    services.answers.drill_list(audience, found, drills)


def answer_show(services: Services, audience: Audience, request: ShowDrill) -> None:
    """Show one drill.

    Raises:
        PermanentError: ``unknown-drill``.
    """
    services.answers.drill_details(audience, find_drill(services, request.drill_id))


def _time(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
