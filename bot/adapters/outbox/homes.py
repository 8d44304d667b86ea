"""Home tabs: the newest wish of each person's, whichever was shown before."""

from collections.abc import Callable

from psycopg import Connection
from psycopg.rows import DictRow

from bot.adapters.journal.connections import connection
from bot.adapters.outbox.rate_limits import Pace
from bot.adapters.outbox.retries import Retries, give_up
from bot.adapters.outbox.store import PostgresOutbox, one
from bot.errors import PermanentError, TemporaryError
from bot.ports import Chat, Clock

_PLACE = "Home tabs"


class Homes:
    """Publishes Home tabs, one after the other. Publishing twice shows the same, so an unknown outcome is no trouble.

    Args:
        outbox: what is wanted.
        chat: where it goes.
        clock: for Slack's own pauses.
        pace: a tab is set anew no more often than a message is edited.
    """

    def __init__(self, outbox: PostgresOutbox, chat: Chat, clock: Clock, pace: Pace) -> None:
        self._outbox = outbox
        self._chat = chat
        self._clock = clock
        self._pace = pace
        self._silent_until = 0.0
        self._retries = Retries(pace)

    def sweep(self) -> int:
        """Publish what is due; gives how many calls to Slack that took.

        Raises:
            TemporaryError: ``journal-unreachable``.
        """
        calls = 0
        while self._clock.monotonic() >= self._silent_until:
            row = self._outbox.fetch("claim_home", {"claim_s": self._pace.ephemeral_claim_s})
            if row is None:
                break
            note = self._publish(row)
            with connection(self._outbox.pool) as conn:
                note(conn)
            calls += 1
        return calls

    def _publish(self, row: DictRow) -> Callable[[Connection[DictRow]], object]:
        """Call Slack; gives what is to be noted about it."""
        try:
            self._chat.publish_home(row["channel"], row["blocks"])
        except TemporaryError as error:
            if error.retry_after_s is not None:  # the limit is the method's, over all people
                self._silent_until = self._clock.monotonic() + self._pace.delay_s(row["attempts"], error)
            failed = error
            return lambda conn: self._retries.put_off(conn, row, failed, _PLACE)
        except PermanentError as error:
            refused = error
            return lambda conn: give_up(conn, row, refused)
        self._retries.admit(_PLACE)
        return lambda conn: one(conn, "mark_published", {**row, "edit_every_s": self._pace.edit_every_s})
