"""The help shows every command with a real environment."""

from collections.abc import Callable

import pytest

from bot.views.kit import command_help
from bot.views.kit.blocks import View
from tests.views.samples import read


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
