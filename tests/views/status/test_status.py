"""The status lists open runs, freezes and follow-ups."""

from dataclasses import replace
from datetime import timedelta

from bot.domain.runs import RunState, StepState
from bot.views.status import status
from tests.views.samples import ASKED, RUN, read, running


def test_status_puts_open_runs_first_and_says_what_is_frozen() -> None:
    old = replace(RUN, id="rold22", state=RunState.SUCCEEDED, ended_at=ASKED + timedelta(minutes=4))

    lines = read(status.render([old, running("export")], {"dev": "frozen by <@U0LEADA>: launch"})).splitlines()

    assert lines[1] == "❄️ *dev* is frozen: frozen by <@U0LEADA>: launch"
    assert lines[2] == "▶️ Running · `rk3f9a` *prod* schema 027 → 026, app v1.3.0 → v1.2.3"
    assert lines[3].endswith("now: Export the data that will be dropped")
    assert lines[4].startswith("✅ Done · `rold22`")


def test_status_leaves_no_frozen_environment_out() -> None:
    frozen = {f"env{number:02d}": "launch" for number in range(23)}

    shown = read(status.render([], frozen))

    assert "❄️ *env19* is frozen: launch\n❄️ … and 3 more are frozen: env20, env21, env22" in shown


def test_status_lists_every_open_follow_up_and_how_to_close_it() -> None:
    done = replace(running("follow-up", StepState.OPEN), state=RunState.SUCCEEDED, ended_at=ASKED)
    many = [replace(done, id=f"r{number:05d}".replace("0", "a").replace("1", "b")) for number in range(200)]

    view = status.render([], {}, (), many)
    shown = read(view)

    assert "*Fix and re-deployment still to be planned* – 200" in shown
    assert f"🔲 `{many[0].id}` *prod* schema 027 → 026, app v1.3.0 → v1.2.3, since " in shown
    assert f"`/rollback close {many[0].id} LINK`" in shown
    rows = [block["elements"][0]["value"] for block in view.blocks if block["type"] == "actions"]
    assert rows == [run.id for run in many[:3]]
    assert "more" in shown.splitlines()[-1]


def test_status_without_runs() -> None:
    assert read(status.render([], {})) == "*Runs*\nThere has been no run yet."
