"""`/drill report`: what drills have taught, as a text and as a picture."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace

from bot.domain.drill_reports import Overdue, RestoreForecast
from bot.domain.drills import Drill, DrillKind
from bot.engine.context import Site, Workplace
from bot.engine.drills.alerts import standings
from bot.engine.preview.history import grounds, look_back
from bot.engine.preview.swap import choose_backup
from bot.errors import BotError, PermanentError
from bot.planning.drill_evidence import restore_forecast
from bot.planning.drill_report import chart_of, report_of
from bot.planning.estimate import restore_estimate
from bot.planning.restore import LATEST
from bot.ports import Audience

HISTORY = 1000
_log = logging.getLogger(__name__)


def answer_report(workplace: Workplace, audience: Audience, key: str, environment: str) -> None:
    """Post it where it was asked for; "" is all environments.

    Raises:
        PermanentError: ``unknown-environment``; ``not-in-channel`` where nothing can be posted.
        TemporaryError: ``lookup-failed`` where Slack does not say whether something can.
    """
    _check_place(workplace, audience.channel)
    if environment:
        workplace.site(environment)
    drills = workplace.drills.history(environment or None, HISTORY)
    targets = {name: site.environment.targets for name, site in workplace.sites.items()}
    report = replace(
        report_of(environment, workplace.clock.now(), drills, targets),
        forecasts=[_forecast(workplace, site) for site in _in_question(workplace, environment)] if drills else [],
        overdue=list(_overdue(workplace, environment)),
        ground=_ground(workplace, environment),
        truncated=len(drills) >= HISTORY,
    )
    workplace.announcer.drill_report(audience, key, report, _picture(workplace, drills))


def _check_place(workplace: Workplace, channel: str) -> None:
    """Refuse before anything is drawn: what cannot be posted would be given up in the log, which no asker sees."""
    if not workplace.directory.is_in(channel):
        raise PermanentError(
            "not-in-channel",
            "I am not in this channel, so I cannot post the report here.",
            "Type /invite @backstop here, then ask again; or ask in a channel that I am in.",
        )


def _ground(workplace: Workplace, environment: str) -> str:
    """Where to start a drill: there, unless it is production."""
    if environment and not workplace.site(environment).environment.production:
        return environment
    return grounds(workplace).get(DrillKind.RESTORE, "")


def _picture(workplace: Workplace, drills: Sequence[Drill]) -> bytes:
    """The PNG; empty where there is nothing to draw, or it cannot be drawn: the text says as much in words."""
    targets = {name: site.environment.targets for name, site in workplace.sites.items()}
    chart = chart_of(drills, targets)
    if chart is None:
        return b""
    try:
        return workplace.plotter.draw(chart)
    except BotError as error:
        _log.error("no picture of %d drills: %s", len(drills), error)
        return b""


def _in_question(workplace: Workplace, environment: str) -> list[Site]:
    """Whose next restore people want to know about: the one that was asked for, or production."""
    sites = [workplace.sites[name] for name in sorted(workplace.sites)]
    return [site for site in sites if site.environment.name == environment or site.environment.production]


def _forecast(workplace: Workplace, site: Site) -> RestoreForecast:
    name = site.environment.name
    try:
        backup = choose_backup(site, LATEST)
    except BotError as error:
        return RestoreForecast(name, problem=f"{error.reference}: {error.message}")
    estimate_s = restore_estimate(backup.stored.size_bytes).total_s
    made = restore_forecast(look_back(workplace), estimate_s, name)
    return RestoreForecast(name, str(backup.name), estimate_s, made)


def _overdue(workplace: Workplace, environment: str) -> Iterator[Overdue]:
    for standing in standings(workplace):
        concerned = environment in {"", standing.schedule.environment, standing.schedule.source}
        if standing.overdue and concerned:
            yield Overdue(standing.schedule.name, standing.last_passed)
