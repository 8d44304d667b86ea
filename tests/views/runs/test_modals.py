"""Modals about a run are read as they were written."""

from bot.views.runs import modals


def test_the_modal_gives_back_the_link() -> None:
    view = {"state": {"values": {"link": {"link": {"value": " https://example.org/1 "}}}}}

    assert modals.read_link(view) == "https://example.org/1"
    assert modals.read_link({}) == ""
