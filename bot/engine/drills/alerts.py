"""Alerts when a schedule or an environment has had no passed drill for too long (dead man's switch)."""

from collections.abc import Iterator
from datetime import datetime

from bot.domain.drills import OUTDATED_AFTER, Alert, Schedule, Standing
from bot.engine.context import EnvironmentServices, Services
from bot.planning.schedule import deadline


def standings(services: Services) -> list[Standing]:
    """Say where every schedule is that is in force."""
    now = services.clock.now()
    found = (_standing(services, schedule, now) for schedule in services.schedules)
    return [standing for standing in found if standing is not None]


def _standing(services: Services, schedule: Schedule, now: datetime) -> Standing | None:
    book, calendar = services.drills, services.calendar
    listed = book.enlist(schedule.name, schedule.fingerprint, now)
    if listed is None:
        return None
    passed = book.last_passed(schedule.name)
    since = passed or listed.known_since
    first = calendar.next_due(schedule, since)
    until = deadline(schedule, since, calendar.next_due(schedule, first) if first else None)
    ahead = calendar.next_due(schedule, now)
    wall = calendar.wall(schedule, ahead) if ahead else None
    return Standing(schedule, since, passed, ahead, wall, until, until is not None and now > until)


def watch(services: Services, now: datetime) -> None:
    """Raise an alert for whatever is overdue, once per episode, and clear those that hold no more."""
    book, raised = services.drills, {alert.subject: alert for alert in services.drills.alerts()}
    watched = dict(_watched(services, now))
    for subject, (alert, _) in watched.items():
        if alert is not None and raised.get(subject) != alert:
            _relieve(services, raised.get(subject), alert.since if alert.passed else None)
            services.drill_announcer.overdue(alert)
            book.raise_alert(alert)
    live = book.listed(now - OUTDATED_AFTER) if raised else ()
    for subject, alert in raised.items():
        current, passed = watched.get(subject, (None, None))
        if current is None and (subject in watched or _name(subject) not in live):
            _relieve(services, alert, passed)
            book.clear_alert(subject)


def _relieve(services: Services, alert: Alert | None, passed: datetime | None) -> None:
    if alert is not None:
        services.drill_announcer.relieved(alert, passed)


def _watched(services: Services, now: datetime) -> Iterator[tuple[str, tuple[Alert | None, datetime | None]]]:
    """Everything that is watched here: its subject, its alert if it is overdue, and when it last passed."""
    for standing in standings(services):
        subject = f"schedule:{standing.schedule.name}"
        passed = standing.last_passed
        alert = Alert(subject, standing.schedule.environment, standing.since, passed is not None)
        yield subject, (alert if standing.overdue else None, passed)
    for env in services.envs.values():
        demand = env.environment.drill_demand
        if demand is not None:
            yield from _required(services, env, demand.within_s, now)


def _required(
    services: Services, env: EnvironmentServices, within_s: int, now: datetime
) -> Iterator[tuple[str, tuple[Alert | None, datetime | None]]]:
    name = env.environment.name
    subject = f"environment:{name}"
    listed = services.drills.enlist(subject, str(within_s), now)
    if listed is not None:
        passed = services.drills.last_proof(name)
        since = passed or listed.known_since
        alert = Alert(subject, name, since, passed is not None)
        yield subject, (alert if (now - since).total_seconds() > within_s else None, passed)


def _name(subject: str) -> str:
    """The name under which a subject is enlisted."""
    return subject.removeprefix("schedule:")
