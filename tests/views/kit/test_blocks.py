"""A refusal shows its reference, its message and the way out."""

from bot.errors import PermanentError
from bot.views.kit.blocks import render_error
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
