"""How fast messages go out, and how long one waits after a failure."""

import random
from dataclasses import dataclass

from bot.errors import TemporaryError


@dataclass(frozen=True)
class Pace:
    """Slack's limits, and our patience; all in seconds but `burst` and `whispers_at_once`.

    Attributes:
        edit_every_s: a message is edited no more often than this (Slack advises 3).
        window_s, burst: at most `burst` posts of a channel in any window: Slack's 1/s, a small burst allowed.
        poll_s: how late a message goes out when the process that wanted it has no writer.
        stale_after_s: how long a writer that has lost the channel may still be waiting for Slack's answer.
        file_settle_s: how long a file that Slack has taken may take to show in its thread.
        first_delay_s, longest_delay_s: pauses after temporary errors, doubling.
        whispers_at_once: ephemeral messages sent side by side.
        whisper_claim_s: how long one of them may take before another writer tries.
        whisper_late_s: an answer older than this helps nobody (a response_url lives 30 minutes).
    """

    edit_every_s: float = 3.0
    window_s: float = 3.0
    burst: int = 3
    poll_s: float = 0.25
    stale_after_s: float = 10.0
    file_settle_s: float = 5.0
    first_delay_s: float = 0.5
    longest_delay_s: float = 30.0
    whispers_at_once: int = 4
    whisper_claim_s: float = 60.0
    whisper_late_s: float = 1800.0

    def delay_s(self, attempts: int, error: TemporaryError) -> float:
        """How long to wait after the failure that follows `attempts` others.

        Slack's own word counts if it has given one; a little is added, so that replicas do not come back together.
        """
        jitter = random.uniform(0.5, 1.0)  # noqa: S311 -- spreads load, keeps no secret
        if error.retry_after_s is not None:
            return error.retry_after_s + self.first_delay_s * (jitter - 0.5)
        return min(self.longest_delay_s, self.first_delay_s * 2.0 ** min(attempts, 16)) * jitter
