"""Modals about a run are read as written, without what PostgreSQL cannot store."""

from typing import Any

from bot.views.runs import modals
from bot.views.runs.modals import CHANGE_BLOCK, MAX_TEXT, WRONG_BLOCK, read_notes


def submitted(**texts: str | None) -> dict[str, Any]:
    return {"state": {"values": {block: {block: {"value": text}} for block, text in texts.items()}}}


def test_both_answers_are_read() -> None:
    view = submitted(**{WRONG_BLOCK: " The flag check\0 ran on every request.\n", CHANGE_BLOCK: "A cache."})

    assert read_notes(view) == ("The flag check ran on every request.", "A cache.")


def test_what_was_left_out_is_empty() -> None:
    assert read_notes(submitted(**{WRONG_BLOCK: None})) == ("", "")
    assert read_notes({}) == ("", "")


def test_a_long_answer_is_cut() -> None:
    assert len(read_notes(submitted(**{WRONG_BLOCK: "x" * (MAX_TEXT + 1)}))[0]) == MAX_TEXT


def test_the_modal_gives_back_the_link() -> None:
    view = {"state": {"values": {"link": {"link": {"value": " https://example.org/1 "}}}}}

    assert modals.read_link(view) == "https://example.org/1"
    assert modals.read_link({}) == ""
