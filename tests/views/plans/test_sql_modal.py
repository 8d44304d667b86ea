"""A plan's SQL in a modal, within Slack's limits."""

from dataclasses import replace

import pytest

from bot.domain.migrations import DownScript, Effect, Statement
from bot.domain.planned import PlannedScript
from bot.sandbox.slack.blocks import surfaces
from bot.views.plans import sql_modal
from tests.domain.plans import RESTORE
from tests.views.samples import PLAN

SHA256 = "ab" * 32


def scripts(*statements: str) -> tuple[DownScript, ...]:
    parsed = tuple(Statement(sql, line, Effect.DROPS) for line, sql in enumerate(statements, 1))
    return (DownScript(27, "027_feature_flags", "x", "", (), (), parsed, SHA256),)


def text(modal: dict[str, object]) -> str:
    return str(modal["blocks"])


def test_each_statement_is_shown_with_the_script_s_hash() -> None:
    modal = sql_modal.render(PLAN, scripts("DROP TABLE a", "UPDATE b SET x = '<!channel>' WHERE y < 3"))

    assert "DROP TABLE a;\\nUPDATE b SET x = '&lt;!channel&gt;' WHERE y &lt; 3;" in text(modal).replace("\\\\n", "\\n")
    assert SHA256 in text(modal)
    assert "gone: table `public.feature_flags`" in text(modal)
    assert surfaces.view_problems(modal, "modal") == []


def test_a_script_that_is_another_now_is_not_shown() -> None:
    assert "another than the planned one, or gone" in text(sql_modal.render(PLAN, ()))


@pytest.mark.parametrize(
    "statement", ["SELECT '" + "&" * 40_000 + "'", "SELECT 1\n" * 40_000, "```\n" * 3000, "\u202e\0\x07SELECT 1"]
)
def test_whatever_a_script_holds_slack_takes_it(statement: str) -> None:
    many = replace(PLAN, scripts=tuple(PlannedScript(27, "027_feature_flags", SHA256, "", 1) for _ in range(40)))
    modal = sql_modal.render(many, scripts(statement))

    assert surfaces.view_problems(modal, "modal") == []
    assert len(text(modal)) < 250_000


def test_what_does_not_fit_is_said() -> None:
    assert "The rest does not fit here" in text(sql_modal.render(PLAN, scripts("SELECT 1;\n" * 40_000)))


def test_a_plan_without_scripts_says_so() -> None:
    assert "runs no script" in text(sql_modal.render(RESTORE, ()))
