"""Times and time zones of drills."""

from typing import Any

import pytest

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
