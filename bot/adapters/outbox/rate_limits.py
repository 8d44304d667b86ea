"""Keeps Slack's rate limits, and retries failed messages later, with backoff."""

import logging
import random
from dataclasses import dataclass

from psycopg import Connection
from psycopg.rows import DictRow

from bot.adapters.journal.audit import append
from bot.adapters.outbox.store import fetch_one
from bot.domain.signing import Keyring
from bot.errors import BotError, TemporaryError
from bot.ports import AuditEntry, BarredError

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Pace:
    """Slack's limits, and our timeouts; all in seconds but `burst` and `ephemerals_at_once`.

    Attributes:
        edit_every_s: a message is edited no more often than this (Slack advises 3).
        window_s, burst: at most `burst` posts per channel in any window: Slack's 1/s, a small burst allowed.
        poll_s: delay of a message whose process has no writer.
        stale_after_s: for how long a writer that has lost the channel may still wait for Slack's answer.
        settle_s: time until something Slack may have taken can be seen: a post that timed out, a file in its thread.
        first_delay_s, longest_delay_s: backoff after temporary errors, doubling.
        first_barred_delay_s, longest_barred_delay_s: the same where a person has to let the bot in.
        barred_patience_s: after that the message is given up.
        ephemerals_at_once: ephemeral messages sent concurrently.
        ephemeral_claim_s: for how long one of them may take before another writer tries.
        ephemeral_late_s: an answer older than this helps nobody (a response_url lives 30 minutes).
    """

    edit_every_s: float = 3.0
    window_s: float = 3.0
    burst: int = 3
    poll_s: float = 0.25
    stale_after_s: float = 10.0
    settle_s: float = 5.0
    first_delay_s: float = 0.5
    longest_delay_s: float = 30.0
    first_barred_delay_s: float = 60.0
    longest_barred_delay_s: float = 300.0
    barred_patience_s: float = 7 * 86_400.0
    ephemerals_at_once: int = 4
    ephemeral_claim_s: float = 60.0
    ephemeral_late_s: float = 1800.0

    def delay_s(self, attempts: int, error: TemporaryError) -> float:
        """Compute the delay after the failure that follows `attempts` others; Slack's own Retry-After wins."""
        jitter = random.uniform(0.5, 1.0)  # noqa: S311 -- spreads replicas' load, keeps no secret
        if error.retry_after_s is not None:
            return error.retry_after_s + self.first_delay_s * (jitter - 0.5)
        first_s, longest_s = self.first_delay_s, self.longest_delay_s
        if isinstance(error, BarredError):
            first_s, longest_s = self.first_barred_delay_s, self.longest_barred_delay_s
        return min(longest_s, first_s * 2.0 ** min(attempts, 16)) * jitter


class Retries:
    """Delays failed messages. It logs once that Slack bars the bot from a place, and once that it is let in again."""

    def __init__(self, pace: Pace, keyring: Keyring) -> None:
        self._pace = pace
        self._keyring = keyring
        self._barred: dict[str, str] = {}

    def delay(
        self, conn: Connection[DictRow], row: DictRow, error: TemporaryError, place: str, *, uncertain: bool = False
    ) -> None:
        """Retry the message later.

        Args:
            conn: the transaction to note it in.
            row: the message; `barred_s` is for how long the bot has been barred from sending it.
            error: why it was not sent.
            place: where it would have gone, for the log.
            uncertain: whether an attempt may have arrived, so that it is searched for before the next.
        """
        barred = isinstance(error, BarredError)
        if barred and row["barred_s"] > self._pace.barred_patience_s:
            self.give_up(conn, row, error)
            return
        delay_s = self._pace.delay_s(row["attempts"], error)
        if uncertain and is_outcome_unknown(error):
            delay_s = max(delay_s, self._pace.settle_s)
        if barred:
            self._bar(place, error)
        else:
            _log.info("message %s: %s; again in %.1f s", row["key"], error.reference, delay_s)
        fetch_one(conn, "delay", {**row, "delay_s": delay_s, "uncertain": uncertain, "barred": barred})

    def give_up(self, conn: Connection[DictRow], row: DictRow, error: BotError) -> None:
        """Note that a message cannot be sent, so that those behind it can (the outbox's dead letters).

        One that somebody else wrote is named in the audit log.
        """
        _log.error("message %s cannot be sent: %s", row["key"], error.reference)
        fetch_one(conn, "give_up", {**row, "problem": f"{error.reference}: {error.message}"})
        if error.reference == "forged-message":
            details = {"key": row["key"][:200], "channel": row["channel"][:200]}
            append(conn, self._keyring, "", AuditEntry("backstop", error.reference, details))

    def admit(self, place: str) -> None:
        """Note that Slack accepted something there."""
        if self._barred.pop(place, None) is not None:
            _log.info("%s: Slack lets the bot in again", place)

    def _bar(self, place: str, error: BotError) -> None:
        if self._barred.get(place) != error.reference:
            self._barred[place] = error.reference
            _log.error("%s: %s What is to be said there waits. %s", place, error.message, error.hint)


def is_outcome_unknown(error: TemporaryError) -> bool:
    """Return whether the failed call may have had its effect: a rate limit and a barred bot mean that it had none."""
    return error.retry_after_s is None and not isinstance(error, BarredError)
