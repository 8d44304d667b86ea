"""Times and time zones of drills."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.config.cron import check, check_zone
from tests.config.samples import Load, problems, toml

WHEN = "say when: minute, hour, day of month, month, weekday"
BAD_TIMES: list[tuple[dict[str, Any], str]] = [
    ({"cron": ""}, f'drills[0].cron: must be five cron fields, like 0 3 * * 1, is "" — {WHEN}'),
    ({"cron": "0 3 * * 8"}, f'drills[0].cron: must be five cron fields, like 0 3 * * 1, is "0 3 * * 8" — {WHEN}'),
    ({"cron": "60 3 * * 1"}, f'drills[0].cron: must be five cron fields, like 0 3 * * 1, is "60 3 * * 1" — {WHEN}'),
    ({"cron": "0 3 30 2 *"}, f'drills[0].cron: must be a time that comes, in any year, is "0 3 30 2 *" — {WHEN}'),
    (
        {"timezone": "Mars/Base"},
        'drills[0].timezone: must be a time zone\'s name, like Europe/Berlin, is "Mars/Base" — say whose clock that is',
    ),
]


@pytest.mark.parametrize(("change", "problem"), BAD_TIMES)
def test_a_bad_time_of_a_drill_is_refused(read: Load, change: dict[str, Any], problem: str) -> None:
    drill = {"environment": "staging", "cron": "0 3 * * 1", "kind": "restore"} | change
    more = "[[drills]]\n" + "".join(f"{key} = {toml(value)}\n" for key, value in drill.items())
    (found,) = problems(lambda: read(more=more))
    assert found.startswith(problem)


BAD = [
    "",
    "0 3 * *",
    "0 3 * * * *",
    "60 3 * * *",
    "0 24 * * *",
    "0 3 0 * *",
    "0 3 32 * *",
    "0 3 * 13 *",
    "0 3 * * 8",
    "0 3 * * mo",
    "0 3 * * 1-5/0",
    "0 3 * * 1-5/-1",
    "*/0 3 * * *",
    "5-1 3 * * *",
    "0 3 L * *",
    "0 3 * * mon#1",
    "0 3 * * ?",
    "0 3 * * ²",
    "0 3 * * 1,,2",
    "@daily 0 0 0 0",
    "a b c d e",
    "0 3 30 2 *",
    "0 3 31 4,6,9,11 *",
]


@pytest.mark.parametrize("cron", BAD)
def test_what_is_no_cron_or_never_comes_is_refused(cron: str) -> None:
    with pytest.raises(ValueError, match="must be"):
        check(cron)


@given(st.text(max_size=30))
def test_no_text_breaks_the_reading(text: str) -> None:
    for read in (check, check_zone):
        try:
            assert read(text) == text
        except ValueError as error:
            assert str(error).startswith("must be")  # noqa: PT017 -- most drawn texts are bad, some are good
