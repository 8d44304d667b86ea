"""Bounds the attempts at a request whose handler dies in the middle, and tells the person who made it."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from bot.engine import requests
from bot.engine.context import Services
from bot.engine.drills.start import give_up
from bot.errors import BotError
from bot.ports import Claim, Request

MAX_ATTEMPTS = 3
MAX_JOB_ATTEMPTS = 2 * MAX_ATTEMPTS
"""Jobs and drills have a bound of their own, and end with their own message: it must come first."""
_log = logging.getLogger(__name__)


class Suspects:
    """Lets one interrupted request at a time be handled in this process, so that one which kills takes no other along.

    Jobs and drills take an hour, so they are let through.
    """

    def __init__(self) -> None:
        self._busy = threading.Lock()

    @contextmanager
    def admit(self, claim: Claim) -> Iterator[bool]:
        """Admit a request, or tell that it must wait for the next sweep."""
        if not claim.interrupted or _is_job(claim.request):
            yield True
            return
        admitted = self._busy.acquire(blocking=False)
        try:
            yield admitted
        finally:
            if admitted:
                self._busy.release()


def max_attempts(request: Request) -> int:
    """Return after how many attempts that ended with their process it is given up."""
    return MAX_JOB_ATTEMPTS if _is_job(request) else MAX_ATTEMPTS


def give_up_request(services: Services, claim: Claim) -> None:
    """Finish a request that kills its handlers, without touching what it is about; its person hears of it."""
    # decision 36: one command must not keep the bot down for every environment.
    stored, audience = claim.request, requests.read_audience(claim.request)
    error = _given_up(claim)
    _log.error("request %s (%s) is given up after %d attempts", stored.id, stored.kind, claim.interrupted)
    details = {"request": stored.id, "kind": stored.kind, "attempts": claim.interrupted}
    services.journal.audit.append("", audience.user_id or "backstop", "request-given-up", details)
    if stored.kind == requests.PerformDrill.kind:
        give_up(services, str(stored.payload["drill_id"]), str(error))
    elif stored.kind == requests.OpenHome.kind:
        services.home_tabs.no_home(audience.user_id, error)
    else:
        services.answers.refuse(audience, error)
    claim.finish(str(error))


def announce_again(services: Services, claim: Claim) -> None:
    """Tell a request's person that its handler has died, and that it begins again."""
    audience = requests.read_audience(claim.request)
    if not audience.user_id or claim.request.kind == requests.OpenHome.kind:
        return  # a drill's message says so itself; a Home tab is only opened once more
    # Under a key of its own, because the answer would replace it.
    again = replace(audience, request_id=f"{audience.request_id}:again:{claim.interrupted}")
    services.answers.tell(
        again,
        f"Backstop stopped in the middle of your request ({claim.request.kind}). It begins again now: "
        f"attempt {claim.interrupted + 1} of {max_attempts(claim.request)}.",
    )


def _given_up(claim: Claim) -> BotError:
    return BotError(
        "request-given-up",
        f"Backstop stopped {claim.interrupted} times in the middle of this request ({claim.request.kind}), so it is "
        "not tried again.",
        "A part of it may be done: look at /rollback status. The log of the bot's process says why it stopped; it may "
        "have too little memory. Remove the cause before you ask again.",
    )


def _is_job(request: Request) -> bool:
    request_type = requests.REQUEST_TYPES.get(request.kind)
    return request_type is not None and request_type.is_job
