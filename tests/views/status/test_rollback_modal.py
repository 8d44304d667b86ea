"""The rollback modal is one that Slack opens, whatever is in its lists."""

from hypothesis import given
from hypothesis import strategies as st

from bot.ports import (
    Choices,
)
from bot.sandbox.slack.blocks import composition, surfaces
from bot.sandbox.slack.blocks.grammar import Problems
from bot.views.kit.blocks import render_sentence
from bot.views.status import rollback_modal
from tests.views import wild
from tests.views.checking import check_markup, quick


@quick
@given(st.dictionaries(wild.configured, st.booleans(), min_size=1, max_size=130), st.data())
def test_any_modal(environments: dict[str, bool], data: st.DataObject) -> None:
    picked = data.draw(st.sampled_from(["", "gone", *environments]))
    view = rollback_modal.render(
        rollback_modal.Origin("C0INCIDENT", "https://hooks.slack.com/" + "x" * 100, picked), environments
    )

    assert surfaces.view_problems(view, "modal") == []
    element = view["blocks"][0]["element"]
    assert ("initial_option" in element) == (picked in environments)
    if picked in environments:
        assert element["initial_option"] in element["options"]
    assert rollback_modal.Origin.of(view).environment == picked


@quick
@given(wild.choices, wild.words)
def test_any_list_of_choices(choices: Choices, typed: str) -> None:
    groups = rollback_modal.options(choices, typed)

    problems = Problems()
    composition.SUGGESTIONS({"option_groups": groups}, "", problems)
    assert problems.lines() == []
    offered = [option for group in groups for option in group["options"]]
    assert len(offered) <= rollback_modal.MAX_OPTIONS
    check_markup(offered)


def test_what_a_submitted_command_is_answered_with_is_a_modal() -> None:
    assert surfaces.view_problems(rollback_modal.render_reply(render_sentence("Looking at prod.")), "modal") == []
