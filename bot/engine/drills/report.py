"""Answers `/drill report` with a text and a picture."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace

from bot.domain.drill_reports import Overdue, RestoreForecast
from bot.domain.drills import Drill, DrillKind
from bot.engine.context import EnvironmentServices, Services
from bot.engine.drills.alerts import standings
from bot.engine.preview.facts import grounds, look_back
from bot.engine.preview.swap import choose_backup
from bot.engine.requests import ReportDrills
from bot.errors import BotError, PermanentError
from bot.planning.drill_evidence import restore_forecast
from bot.planning.drill_report import build_chart, build_report
from bot.planning.forecast import restore_estimate
from bot.planning.restore import LATEST
from bot.ports import Audience

HISTORY = 1000
_log = logging.getLogger(__name__)


def answer_report(services: Services, audience: Audience, request: ReportDrills) -> None:
    """Post the report in the channel of the request; "" is all environments.

    Raises:
        PermanentError: ``unknown-environment``; ``not-in-channel`` where nothing can be posted.
        TemporaryError: ``lookup-failed`` where Slack does not say whether something can.
    """
    environment = request.environment
    _check_place(services, audience.channel)
    if environment:
        services.env(environment)
    drills = services.drills.history(environment or None, HISTORY)
    targets = {name: env.environment.targets for name, env in services.envs.items()}
    report = replace(
        build_report(environment, services.clock.now(), drills, targets),
        forecasts=[_forecast(services, env) for env in _forecast_environments(services, environment)] if drills else [],
        overdue=list(_overdue(services, environment)),
        ground=_ground(services, environment),
        truncated=len(drills) >= HISTORY,
    )
    services.answers.drill_report(audience, report, _picture(services, drills))


def _check_place(services: Services, channel: str) -> None:
    # Refused before anything is drawn: a failed delivery would only be in the log, which no requester sees.
    if not services.directory.is_in(channel):
        raise PermanentError(
            "not-in-channel",
            "I am not in this channel, so I cannot post the report here.",
            "Type /invite @backstop here, then ask again; or ask in a channel that I am in.",
        )


def _ground(services: Services, environment: str) -> str:
    """Choose where a drill can start: there, unless it is production."""
    if environment and not services.env(environment).environment.production:
        return environment
    return grounds(services).get(DrillKind.RESTORE, "")


def _picture(services: Services, drills: Sequence[Drill]) -> bytes:
    """Draw the PNG; empty where there is nothing to draw or drawing fails, since the text has the same figures."""
    targets = {name: env.environment.targets for name, env in services.envs.items()}
    chart = build_chart(drills, targets)
    if chart is None:
        return b""
    try:
        return services.plotter.draw(chart)
    except BotError as error:
        _log.error("no picture of %d drills: %s", len(drills), error)
        return b""


def _forecast_environments(services: Services, environment: str) -> list[EnvironmentServices]:
    """The environments whose next restore is forecast: the requested one, and production."""
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
