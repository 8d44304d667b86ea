"""What one person is told: refusals, status, overview, help."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain.migrations import DownScript
from bot.domain.runs import RunState, StepState
from bot.errors import PermanentError
from bot.ports import MigrationRow, Overview
from bot.views.kit import command_help
from bot.views.kit.blocks import View, render_error
from bot.views.runs import modals
from bot.views.status import migrations, status
from tests.views.samples import ASKED, RUN, read, running


def test_a_refusal_names_its_reference_what_happened_and_the_way_out() -> None:
    error = PermanentError(
        "no-down-script",
        "017, 016 and 015 have no down script, so a chain to 014 cannot be built.",
        "Restore the newest backup from before it instead: /rollback prod prod_nightly_20260105_020000 (schema 014).",
    )

    view = render_error(error)

    assert read(view) == (
        "✗ *no-down-script*: 017, 016 and 015 have no down script, so a chain to 014 cannot be built.\n"
        "Restore the newest backup from before it instead: /rollback prod prod_nightly_20260105_020000 (schema 014)."
    )
    assert view.text == read(view).replace("*", "")


def test_a_refusal_escapes_what_was_typed() -> None:
    shown = read(render_error(PermanentError("unknown-environment", "There is no environment “<!here>”.")))

    assert shown == "✗ *unknown-environment*: There is no environment “&lt;!here&gt;”."


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


def test_the_overview_shows_versions_the_matrix_and_which_scripts_are_missing() -> None:
    script = DownScript(27, "027_feature_flags", "", "Removes feature flags.", (), (), (), "a" * 64)
    rows = [
        MigrationRow(26, "026_add_version_column", applied=True, script=None),
        MigrationRow(27, "027_feature_flags", applied=True, script=script),
    ]

    shown = read(migrations.render(Overview("prod", 27, "v1.3.0", True, ["v1.3.x needs schema 027–latest"], rows)))

    assert shown == (
        "Migrations of prod\n*prod* – schema 027, app v1.3.0, serving\n"
        "*Which app needs which schema*\n• v1.3.x needs schema 027–latest\n"
        "✅ `027_feature_flags` – Removes feature flags.\n"
        "No down script, so a chain cannot pass them: 026\n"
        "To undo one and everything newer: `/rollback prod 027`"
    )


def test_the_overview_of_a_closed_database_says_that_nothing_is_known() -> None:
    script = DownScript(27, "027_feature_flags", "", "Removes feature flags.", (), (), (), "a" * 64)
    rows = [MigrationRow(27, "027_feature_flags", applied=None, script=script)]
    closed = Overview("prod", None, "v1.3.0", False, [], rows, closed_by="rk3f9a")

    view = migrations.render(closed)

    assert "schema not known now, app v1.3.0, not serving\n🔒 The database is closed, by run `rk3f9a`;" in read(view)
    assert "❔ `027_feature_flags` – Removes feature flags." in read(view)
    assert "not applied" not in read(view)
    assert "To undo one" not in read(view)
    assert "schema 000" not in view.text + read(view)
    assert "and no run holds it" in read(migrations.render(replace(closed, closed_by="")))


def test_help_shows_every_command_with_a_real_environment() -> None:
    shown = read(command_help.render(["staging", "prod"]))

    assert "• `/rollback prod 027` undo migration 027 and everything newer" in shown
    assert "Environments: `prod`, `staging`." in shown


@pytest.mark.parametrize("render", [command_help.render, command_help.render_backups, command_help.render_drills])
def test_no_help_shows_its_own_blanks(render: Callable[[list[str]], View]) -> None:
    shown = read(render(["prod"]))
    assert "{" not in shown
    assert max(len(block["text"]["text"]) for block in render(["x" * 40]).blocks if "text" in block) < 3000


def test_help_names_what_people_look_for() -> None:
    shown = read(command_help.render(["prod"]))
    assert "• `/rollback` a form with lists to choose from\n• `/rollback prod` … already for that environment" in shown
    assert "after undone migrations what they dropped" in shown
    assert "• `/rollback undo RUN --reason why`" in shown
    assert "• `/rollback escalate RUN`" in shown
    assert "One ❌, or Reject, of an approver ends the request." in shown
    assert "• `/backups prod list take`" in read(command_help.render_backups(["prod"]))
    assert "(bundle_of), which may be production's" in read(command_help.render_drills(["prod"]))


def test_the_modal_gives_back_the_link() -> None:
    view = {"state": {"values": {"link": {"link": {"value": " https://example.org/1 "}}}}}

    assert modals.read_link(view) == "https://example.org/1"
    assert modals.read_link({}) == ""
