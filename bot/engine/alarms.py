"""Raises the alarm where somebody tampers with the state database: in the log, and in the incident channels."""

import logging

from bot.engine.context import Services

_log = logging.getLogger(__name__)


def raise_alarm(services: Services, reference: str, text: str, environment: str = "") -> None:
    """Log it as an error, and post it where people are who are called in an emergency.

    One message per reference, environment and hour, which is edited: a thousand forged rows are one message.

    Args:
        services: all ports.
        reference: of the problem.
        text: what was found, and what to do; without anything that came from a row but ids.
        environment: whose channel; "" or one that is not configured: that of each environment.
    """
    _log.error("%s: %s", reference, text)
    places = [environment] if environment in services.envs else list(services.envs)
    hour = f"{services.clock.now():%Y%m%d%H}"
    for place in places:
        services.announcer.alarm(place, f"{reference}:{hour}", f"{reference}: {text}")
