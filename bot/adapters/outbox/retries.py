"""What becomes of a message that could not be sent: it is tried again later, or given up."""

import logging

from psycopg import Connection
from psycopg.rows import DictRow

from bot.adapters.outbox.rate_limits import Pace
from bot.adapters.outbox.store import one
from bot.errors import BotError, TemporaryError
from bot.ports import BarredError

_log = logging.getLogger(__name__)


class Retries:
    """Puts messages off. That the bot is barred from a place is logged once, until it is let in there again.

    Args:
        pace: for how long.
    """

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._barred: dict[str, str] = {}

    def put_off(
        self, conn: Connection[DictRow], row: DictRow, error: TemporaryError, place: str, *, uncertain: bool = False
    ) -> None:
        """Try again later.

        Args:
            conn: a transaction in which it is noted.
            row: the message; `barred_s` is for how long the bot has been barred from sending it.
            error: why it was not sent.
            place: where it would have gone, for the log.
            uncertain: whether some attempt may have arrived all the same, so that it is looked for before the next.
        """
        barred = isinstance(error, BarredError)
        if barred and row["barred_s"] > self._pace.barred_patience_s:
            give_up(conn, row, error)
            return
        delay_s = self._pace.delay_s(row["attempts"], error)
        if uncertain and outcome_unknown(error):
            delay_s = max(delay_s, self._pace.settle_s)
        if barred:
            self._bar(place, error)
        else:
            _log.info("message %s: %s; again in %.1f s", row["key"], error.reference, delay_s)
        one(conn, "delay", {**row, "delay_s": delay_s, "uncertain": uncertain, "barred": barred})

    def admit(self, place: str) -> None:
        """Slack took something there."""
        if self._barred.pop(place, None) is not None:
            _log.info("%s: Slack lets the bot in again", place)

    def _bar(self, place: str, error: BotError) -> None:
        if self._barred.get(place) != error.reference:
            self._barred[place] = error.reference
            _log.error("%s: %s What is to be said there waits. %s", place, error.message, error.hint)


def outcome_unknown(error: TemporaryError) -> bool:
    """Whether what failed so may have been done: a rate limit and a closed door are Slack's word that it was not."""
    return error.retry_after_s is None and not isinstance(error, BarredError)


def give_up(conn: Connection[DictRow], row: DictRow, error: BotError) -> None:
    """Note that a message cannot be sent, so that those behind it can."""
    _log.error("message %s cannot be sent: %s", row["key"], error.reference)
    one(conn, "give_up", {**row, "problem": f"{error.reference}: {error.message}"})
