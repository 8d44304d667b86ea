"""Drills: announced, under way, over; missed, overdue."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain.drills import Alert, DrillKind, DrillState, Measurement
from bot.views.buttons import read_postponement
from bot.views.drills import drill
from tests.views.drills.drills import AT, DAY_BEFORE, DUE, FAILED, PLANNED, RUNNING
from tests.views.samples import buttons, read

MEASURED = Measurement("staging_x", 2_000_000, 9_000_000, 1204, (("fetch", 2.0), ("load", 40.0)), 3600.0, 0.4)


PASSED = replace(RUNNING, state=DrillState.PASSED, ended_at=DUE + timedelta(minutes=2), measured=MEASURED)


def test_an_announcement_says_when_and_what_and_can_be_put_off() -> None:
    view = drill.render(PLANNED)
    assert read(view) == (
        "Restore drill of staging\n"
        f"*🗓 Planned*: starts {AT}\n"
        "A backup is taken and restored, the databases are swapped, and the swap is undone. The app of staging is down "
        "for a moment, twice.\n"
        "[Skip] [Postpone by 1 hour | Postpone by 4 hours | Postpone by 1 day]\n"
        f"Drill `dk3f9a` · of schedule `weekly` · due {AT}"
    )
    assert buttons(view) == {"skip_drill": "dk3f9a"}
    (menu,) = (e for block in view.blocks if block["type"] == "actions" for e in block["elements"] if "options" in e)
    starts = [read_postponement(option["value"]) for option in menu["options"]]
    assert starts == [("dk3f9a", (DUE + timedelta(hours=hours)).isoformat()) for hours in (1, 4, 24)]
    assert all(
        element["confirm"] for block in view.blocks if block["type"] == "actions" for element in block["elements"]
    )


def test_a_postponed_one_says_by_whom() -> None:
    text = read(drill.render(replace(PLANNED, user_id="U0LEADA")))
    assert f"starts {AT}, postponed by <@U0LEADA>" in text


def test_under_way_it_has_its_checklist_and_no_buttons() -> None:
    view = drill.render(RUNNING)
    assert "✅ Take a backup – 3.0 s\n▶️ Load it – since" in read(view)
    assert buttons(view) == {}


def test_a_result_says_what_was_measured() -> None:
    text = read(drill.render(PASSED))
    assert "*✅ Passed*\nTime to restore: *42 s* (fetch 2.0 s, load 40 s)" in text
    assert "From `staging_x`, 2.0 MB: 1,204 rows of 9.0 MB" in text
    assert "The app was down for 0.4 s." in text
    assert "A disaster at that moment would have cost 1 h of data." in text
    assert text.endswith("took 2 min")


def test_a_migration_drill_restores_nothing_and_times_no_restore() -> None:
    passed = replace(PASSED, kind=DrillKind.MIGRATION)
    assert "Time on the copy: *42 s*" in read(drill.render(passed))
    assert read(drill.render_start(passed)).endswith("time on the copy 42 s.")
    assert "to restore" not in read(drill.render(passed)) + read(drill.render_start(passed))


@pytest.mark.parametrize(("ahead", "news"), [(timedelta(hours=1), False), (timedelta(hours=1, seconds=1), True)])
def test_a_start_long_after_its_announcement_is_news(ahead: timedelta, news: bool) -> None:  # noqa: FBT001 -- a parameter
    assert drill.is_news(replace(RUNNING, announced_at=DUE - ahead)) is news
    assert not drill.is_news(replace(PLANNED, announced_at=DUE - ahead))


def test_the_news_of_a_start_becomes_the_news_of_its_end() -> None:
    assert read(drill.render_start(RUNNING)) == (
        f"▶️ Running: restore drill `dk3f9a` of *staging*, as announced {DAY_BEFORE}."
    )
    assert read(drill.render_start(PASSED)) == ("✅ Passed: restore drill `dk3f9a` of *staging*, time to restore 42 s.")


def test_a_failure_says_why_and_whom_to_call() -> None:
    assert read(drill.render_failure(FAILED, ["the DBA", "<!channel>"])) == (
        "❌ The restore drill `dk3f9a` of *staging* has failed.\nload-failed: No room.\nCall: the DBA, &lt;!channel&gt;"
    )


def test_missed_ones_are_listed_with_their_reasons() -> None:
    missed = replace(PLANNED, state=DrillState.MISSED, problem="Backstop was down.")
    assert read(drill.render_missed([missed])) == (
        "⚠️ 1 drill of `weekly` in *staging* was missed.\n"
        f"• `dk3f9a`, due {AT}: Backstop was down.\n"
        "`/drill staging now restore` makes up for it."
    )
    many = read(drill.render_missed([missed] * 500))
    assert many.startswith("⚠️ 500 drills of `weekly` in *staging* were missed.")
    assert "… and " in many


@pytest.mark.parametrize(
    ("alert", "what", "since"),
    [
        (
            Alert("schedule:weekly", "staging", DUE, passed=True),
            "a drill of schedule weekly",
            f"The last one passed {AT}.",
        ),
        (
            Alert("environment:prod", "prod", DUE, passed=False),
            "a drill with backups of prod",
            f"No drill has passed since this one is required, {AT}.",
        ),
    ],
)
def test_an_alert_says_since_when_and_whom_to_call(alert: Alert, what: str, since: str) -> None:
    assert read(drill.render_overdue(alert, ["the DBA"])) == (
        f"*🚨 Overdue: {what}*\n{since} Nothing proves now that a rollback would work. `/drill list` shows what "
        "happened to the last ones.\nCall: the DBA"
    )
    assert read(drill.render_relieved(alert, DUE)) == f"✅ No longer overdue: {what}\nA drill passed {AT}."
    assert read(drill.render_relieved(alert, None)) == f"✅ No longer overdue: {what}\nNone is required any more."
