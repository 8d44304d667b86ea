"""How fast messages go out, and how long one waits after a failure."""

import random
from dataclasses import dataclass

from bot.errors import TemporaryError
from bot.ports import BarredError


@dataclass(frozen=True)
class Pace:
    """Slack's limits, and our patience; all in seconds but `burst` and `whispers_at_once`.

    Attributes:
        edit_every_s: a message is edited no more often than this (Slack advises 3).
        window_s, burst: at most `burst` posts of a channel in any window: Slack's 1/s, a small burst allowed.
        poll_s: how late a message goes out when the process that wanted it has no writer.
        stale_after_s: how long a writer that has lost the channel may still be waiting for Slack's answer.
        settle_s: how long what Slack may have taken can take to be seen: a post that timed out, a file in its thread.
        first_delay_s, longest_delay_s: pauses after temporary errors, doubling.
        first_barred_delay_s, longest_barred_delay_s: the same where a person has to let the bot in.
        barred_patience_s: after that long nobody will, and the message is given up.
        ephemerals_at_once: ephemeral messages sent side by side.
        ephemeral_claim_s: how long one of them may take before another writer tries.
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
        """How long to wait after the failure that follows `attempts` others.

        Slack's own word counts if it has given one; a little is added, so that replicas do not come back together.
        """
        jitter = random.uniform(0.5, 1.0)  # noqa: S311 -- spreads load, keeps no secret
        if error.retry_after_s is not None:
            return error.retry_after_s + self.first_delay_s * (jitter - 0.5)
        first_s, longest_s = self.first_delay_s, self.longest_delay_s
        if isinstance(error, BarredError):
            first_s, longest_s = self.first_barred_delay_s, self.longest_barred_delay_s
        return min(longest_s, first_s * 2.0 ** min(attempts, 16)) * jitter
