"""Messages, and writers that bring them to Slack."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from bot.adapters.clock import SystemClock
from bot.adapters.journal.connections import Pool
from bot.adapters.outbox import Pace, PostgresOutbox, Writer
from bot.errors import PermanentError, TemporaryError
from bot.ports import Message
from tests.adapters.outbox.loudspeaker import Loudspeaker

EDIT_S = 0.3
SOON_S = 20.0
QUICK = Pace(
    edit_every_s=EDIT_S, window_s=0.0, poll_s=0.05, stale_after_s=0.05, settle_s=0.02, first_delay_s=0.02,
    longest_delay_s=0.05,
)  # fmt: skip


def limited(retry_after_s: float) -> TemporaryError:
    return TemporaryError("slack-rate-limited", "Slack asks for silence.", retry_after_s=retry_after_s)


LIMITED = limited(0.3)
AWAY = TemporaryError("slack-unreachable", "Slack could not be reached.")
REFUSED = PermanentError("slack-invalid-blocks", "Slack refused it: invalid_blocks.")


def message(key: str, text: str = "", thread: str = "", channel: str = "C1") -> Message:
    return Message(key, channel, text or key, [{"type": "divider"}], thread_key=thread, run_id="raaaaa")


def ephemeral(key: str, text: str = "", response_url: str = "") -> Message:
    return Message(f"answer:{key}", "C1", text or key, user="U1", response_url=response_url)


@contextmanager
def writing(outbox: PostgresOutbox, chat: Loudspeaker, pace: Pace = QUICK, writers: int = 1) -> Iterator[Writer]:
    with ExitStack() as stack:
        made = [Writer(outbox, chat, SystemClock(), pace) for _ in range(writers)]
        for writer in made:
            writer.start()
            stack.callback(writer.stop)
        yield made[0]


def a_writer(outbox: PostgresOutbox, chat: Loudspeaker, pace: Pace = QUICK) -> Writer:
    """One that is swept by hand."""
    return Writer(outbox, chat, SystemClock(), pace)


def problem_of(pool: Pool, key: str) -> str:
    with pool.connection() as connection:
        row = connection.execute("SELECT problem FROM backstop.outbox WHERE key = %s", (key,)).fetchone()
    assert row is not None
    return str(row["problem"] if isinstance(row, dict) else row[0])
