"""The list of schedules and drills."""

from dataclasses import replace
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from bot.domain.drills import DayRange, DrillKind, Schedule, Standing
from bot.views.drills import drill_list
from tests.views.drills.drills import AT, DAY_BEFORE, DUE, FAILED, PLANNED
from tests.views.samples import read


def test_a_list_of_schedules_and_drills() -> None:
    schedule = Schedule(
        "weekly",
        "staging",
        DrillKind.BUNDLE,
        "0 3 * * 1",
        "Europe/Berlin",
        "prod",
        blackout=(DayRange(date(2026, 12, 20), date(2027, 1, 2)), DayRange(date(2026, 5, 1), date(2026, 5, 1))),
    )
    standing = Standing(
        schedule, DUE, DUE - timedelta(days=1), DUE, DUE.astimezone(ZoneInfo("Europe/Berlin")), DUE, overdue=True
    )
    never = replace(standing, last_passed=None, next_due=None, overdue=False)
    assert read(drill_list.render([standing, never], [FAILED, replace(PLANNED, schedule="", user_id="U0LEADA")])) == (
        "*Schedules*\n"
        "🚨 `weekly` – bundle drill of *staging*, bundles of prod\n"
        f"      next {AT} (Mon 2026-02-16 03:00 Europe/Berlin) · last passed {DAY_BEFORE} · *overdue*\n"
        "      rests on 2026-12-20 to 2027-01-02, 2026-05-01\n"
        "🗓 `weekly` – bundle drill of *staging*, bundles of prod\n"
        "      not due within five years · has never passed\n"
        "      rests on 2026-12-20 to 2027-01-02, 2026-05-01\n"
        "*Drills*\n"
        "❌ Failed `dk3f9a` restore drill of *staging* · `weekly` · ended "
        "<!date^1771207320^{date_short_pretty} {time}|2026-02-16 02:02 UTC>\n"
        "      load-failed: No room.\n"
        f"🗓 Planned `dk3f9a` restore drill of *staging* · asked for by <@U0LEADA> · starts {AT}\n"
        "`/drill help` says what can be done."
    )
    assert drill_list.render([], []).text == "0 schedules, 0 overdue"
