"""A failing item is logged and does not stop the next one."""

import pytest

from bot.engine.isolation import by_itself
from bot.errors import TemporaryError


@pytest.mark.parametrize(
    ("error", "level", "logged"),
    [
        (TemporaryError("storage-unavailable", "It is away.", "Wait."), "WARNING", "prod: storage-unavailable"),
        (ValueError("a bug"), "ERROR", "prod"),
    ],
)
def test_it_is_logged_and_goes_no_further(
    caplog: pytest.LogCaptureFixture, error: Exception, level: str, logged: str
) -> None:
    with by_itself("prod"):
        raise error

    (record,) = caplog.records
    assert (record.levelname, record.getMessage()) == (level, logged)


def test_the_end_of_the_process_is_not_held_back() -> None:
    with pytest.raises(KeyboardInterrupt), by_itself("prod"):
        raise KeyboardInterrupt
