"""`/drill report`: what drills have taught, as a text and as a picture."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace

from bot.domain.drill_reports import Overdue, RestoreForecast
from bot.domain.drills import Drill, DrillKind
from bot.engine.context import EnvironmentServices, Services
from bot.engine.drills.alerts import standings
from bot.engine.preview.facts import grounds, look_back
from bot.engine.preview.swap import choose_backup
from bot.errors import BotError, PermanentError
from bot.planning.drill_evidence import restore_forecast
from bot.planning.drill_report import chart_of, report_of
from bot.planning.forecast import restore_estimate
from bot.planning.restore import LATEST
from bot.ports import Audience

HISTORY = 1000
_log = logging.getLogger(__name__)


def answer_report(services: Services, audience: Audience, key: str, environment: str) -> None:
    """Post it where it was asked for; "" is all environments.

    Raises:
        PermanentError: ``unknown-environment``; ``not-in-channel`` where nothing can be posted.
        TemporaryError: ``lookup-failed`` where Slack does not say whether something can.
    """
    _check_place(services, audience.channel)
    if environment:
        services.env(environment)
    drills = services.drills.history(environment or None, HISTORY)
    targets = {name: env.environment.targets for name, env in services.envs.items()}
    report = replace(
        report_of(environment, services.clock.now(), drills, targets),
        forecasts=[_forecast(services, env) for env in _in_question(services, environment)] if drills else [],
        overdue=list(_overdue(services, environment)),
        ground=_ground(services, environment),
        truncated=len(drills) >= HISTORY,
    )
    services.announcer.drill_report(audience, key, report, _picture(services, drills))


def _check_place(services: Services, channel: str) -> None:
    """Refuse before anything is drawn: what cannot be posted would be given up in the log, which no asker sees."""
    if not services.directory.is_in(channel):
        raise PermanentError(
            "not-in-channel",
            "I am not in this channel, so I cannot post the report here.",
            "Type /invite @backstop here, then ask again; or ask in a channel that I am in.",
        )


def _ground(services: Services, environment: str) -> str:
    """Where to start a drill: there, unless it is production."""
    if environment and not services.env(environment).environment.production:
        return environment
    return grounds(services).get(DrillKind.RESTORE, "")


def _picture(services: Services, drills: Sequence[Drill]) -> bytes:
    """The PNG; empty where there is nothing to draw, or it cannot be drawn: the text says as much in words."""
    targets = {name: env.environment.targets for name, env in services.envs.items()}
    chart = chart_of(drills, targets)
    if chart is None:
        return b""
    try:
        return services.plotter.draw(chart)
    except BotError as error:
        _log.error("no picture of %d drills: %s", len(drills), error)
        return b""


def _in_question(services: Services, environment: str) -> list[EnvironmentServices]:
    """Whose next restore people want to know about: the one that was asked for, or production."""
    envs = [services.envs[name] for name in sorted(services.envs)]
    return [env for env in envs if env.environment.name == environment or env.environment.production]


def _forecast(services: Services, env: EnvironmentServices) -> RestoreForecast:
    name = env.environment.name
    try:
        backup = choose_backup(env, LATEST)
    except BotError as error:
        return RestoreForecast(name, problem=f"{error.reference}: {error.message}")
    estimate_s = restore_estimate(backup.stored.size_bytes).total_s
    made = restore_forecast(look_back(services), estimate_s, name)
    return RestoreForecast(name, str(backup.name), estimate_s, made)


def _overdue(services: Services, environment: str) -> Iterator[Overdue]:
    for standing in standings(services):
        concerned = environment in {"", standing.schedule.environment, standing.schedule.source}
        if standing.overdue and concerned:
            yield Overdue(standing.schedule.name, standing.last_passed)
