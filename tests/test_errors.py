"""An error reads as its reference, what happened, and the way out."""

import pytest

from bot.errors import BotError, PermanentError, TemporaryError


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (PermanentError("no-way", "There is none.", "Take another."), "no-way: There is none. Take another."),
        (TemporaryError("away", "It is away."), "away: It is away."),
    ],
)
def test_it_reads_as_a_line(error: BotError, text: str) -> None:
    assert str(error) == text


def test_a_temporary_one_says_when_to_retry() -> None:
    assert TemporaryError("limited", "Too many.", retry_after_s=7.0).retry_after_s == 7.0
    assert TemporaryError("away", "It is away.").retry_after_s is None
