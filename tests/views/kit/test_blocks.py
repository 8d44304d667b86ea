"""A refusal shows its reference, its message and the way out."""

import pytest
from hypothesis import given

from bot.errors import PermanentError
from bot.views.kit.blocks import page, render_error, render_sentence, section
from tests.views import wild
from tests.views.checking import check, quick
from tests.views.samples import read


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


@pytest.mark.parametrize("length", [1, 300, 1000, 2900])
@pytest.mark.parametrize("count", [1, 4, 5, 13, 14, 48, 49, 50, 51, 400])
def test_a_page_ends_where_slack_would_refuse_it(length: int, count: int) -> None:
    view = page("text", [section("x" * length)] * count)

    check(view)
    assert len(view.blocks) >= min(count, 48, 12_000 // (length + len("mrkdwn")))


@quick
@given(wild.words, wild.words, wild.words)
def test_any_refusal_and_note(reference: str, message: str, hint: str) -> None:
    check(render_error(PermanentError(reference, message, hint)))
    check(render_sentence(message))
    check(render_sentence(message))
