"""The legend names what is in the picture."""

from bot.adapters.plots import palette
from bot.domain.drill_reports import Bar, Chart, Panel
from tests.adapters.plots.charts import chart, texts, words
from tests.fakes.clock import NOON


def legend_of(what: Chart) -> list[str]:
    """The words below the subtitle."""
    found = [text.text for text in texts(what)]
    return found[found.index(what.subtitle) + 1 :]


def test_the_legend_names_what_is_there_and_nothing_else() -> None:
    assert legend_of(chart(12, failed=(3,))) == [
        *palette.WORDS.values(),
        "size of the database",
        "target",
        "drill failed",
    ]
    plain = Panel("x", (Bar(NOON, (("load", 3.0),)),))
    assert legend_of(Chart("t", "s", (plain,))) == ["load"]


def test_a_missed_data_loss_target_is_in_the_legend() -> None:
    bar = Bar(NOON, (("load", 3.0),), data_loss_s=90_000.0)
    assert "over its target" in words(Chart("t", "s", (Panel("x", (bar,), None, 86_400),)))
