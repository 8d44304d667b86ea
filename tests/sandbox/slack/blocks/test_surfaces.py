"""What Slack refuses in blocks and views, as a table: each row breaks one thing and names the reason."""

from typing import Any

import pytest

from bot.sandbox.slack.blocks import message_problems, view_problems, with_block_ids
from bot.sandbox.slack.blocks.surfaces import characters
from tests.sandbox.slack.desk import actions, button, modal, section, text_input

PLAIN = {"type": "plain_text", "text": "x"}
OPTION = {"text": PLAIN, "value": "v"}
CONFIRM = {"title": PLAIN, "text": {"type": "mrkdwn", "text": "sure?"}, "confirm": PLAIN, "deny": PLAIN}
DIVIDER = {"type": "divider"}


def plain(length: int) -> dict[str, str]:
    return {"type": "plain_text", "text": "x" * length}


def select(**more: Any) -> dict[str, Any]:
    return {"type": "static_select", "action_id": "s", "options": [OPTION], **more}


ACCEPTED = {
    "nothing": [],
    "longest section": [section("x" * 3000)],
    "fields": [{"type": "section", "fields": [PLAIN] * 10}],
    "header": [{"type": "header", "text": plain(150)}],
    "25 elements": [actions(*[button(f"b{i}") for i in range(25)])],
    "button with everything": [
        actions(button(style="danger", url="https://example.org", confirm=CONFIRM, accessibility_label="x"))
    ],
    "longest button": [actions(button("a" * 255, "v" * 2000, text=plain(75)))],
    "context": [{"type": "context", "elements": [{"type": "mrkdwn", "text": "x"}] * 10}],
    "divider": [DIVIDER] * 50,
    "image": [{"type": "image", "image_url": "https://example.org/a.png", "alt_text": "a"}],
    "select": [actions(select(placeholder=plain(150), initial_option=OPTION, confirm=CONFIRM))],
    "option groups": [
        actions({"type": "static_select", "action_id": "s", "option_groups": [{"label": PLAIN, "options": [OPTION]}]})
    ],
    "external select": [actions({"type": "external_select", "action_id": "e", "min_query_length": 0})],
    "overflow": [section(accessory={"type": "overflow", "action_id": "o", "options": [OPTION] * 5})],
    "choices": [
        actions(
            {"type": "checkboxes", "action_id": "c", "options": [OPTION]},
            {"type": "radio_buttons", "action_id": "r", "options": [OPTION]},
            {"type": "datepicker", "action_id": "d", "initial_date": "2026-01-05"},
        )
    ],
    "rich text": [
        {
            "type": "rich_text",
            "elements": [
                {"type": "rich_text_section", "elements": [{"type": "text", "text": "x", "style": {"bold": True}}]},
                {"type": "rich_text_preformatted", "elements": [{"type": "text", "text": "SELECT 1"}]},
            ],
        }
    ],
    "same action in two blocks": [actions(button("verify", "a")), actions(button("verify", "b"))],
}


@pytest.mark.parametrize("blocks", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_blocks_slack_accepts(blocks: list[Any]) -> None:
    assert message_problems(blocks) == []


REFUSED: dict[str, tuple[list[Any], str]] = {
    "51 blocks": ([DIVIDER] * 51, "no more than 50 items allowed [json-pointer:/blocks]"),
    "unknown block": ([{"type": "banner"}], "unsupported type: banner [json-pointer:/blocks/0/type]"),
    "no type": ([{}], "missing required field: type [json-pointer:/blocks/0]"),
    "no object": (["x"], "must provide an object [json-pointer:/blocks/0]"),
    "unknown field": ([DIVIDER | {"colour": "red"}], "invalid additional property: colour [json-pointer:/blocks/0]"),
    "section of 3001": ([section("x" * 3001)], "must be less than 3001 characters [json-pointer:/blocks/0/text/text]"),
    "empty section": ([section("")], "must be more than 0 characters [json-pointer:/blocks/0/text/text]"),
    "bare section": ([{"type": "section"}], "must define either `text` or `fields` [json-pointer:/blocks/0]"),
    "11 fields": (
        [{"type": "section", "fields": [PLAIN] * 11}],
        "no more than 10 items allowed [json-pointer:/blocks/0/fields]",
    ),
    "field of 2001": (
        [{"type": "section", "fields": [plain(2001)]}],
        "must be less than 2001 characters [json-pointer:/blocks/0/fields/0/text]",
    ),
    "text as a string": (
        [{"type": "section", "text": "x"}],
        "must provide an object [json-pointer:/blocks/0/text]",
    ),
    "header of 151": (
        [{"type": "header", "text": plain(151)}],
        "must be less than 151 characters [json-pointer:/blocks/0/text/text]",
    ),
    "header in mrkdwn": (
        [{"type": "header", "text": {"type": "mrkdwn", "text": "x"}}],
        "unsupported type: mrkdwn [json-pointer:/blocks/0/text/type]",
    ),
    "26 elements": (
        [actions(*[button(f"b{i}") for i in range(26)])],
        "no more than 25 items allowed [json-pointer:/blocks/0/elements]",
    ),
    "no elements": ([actions()], "no less than 1 items allowed [json-pointer:/blocks/0/elements]"),
    "button text of 76": (
        [actions(button(text=plain(76)))],
        "must be less than 76 characters [json-pointer:/blocks/0/elements/0/text/text]",
    ),
    "button value of 2001": (
        [actions(button(value="v" * 2001))],
        "must be less than 2001 characters [json-pointer:/blocks/0/elements/0/value]",
    ),
    "action_id of 256": (
        [actions(button("a" * 256))],
        "must be less than 256 characters [json-pointer:/blocks/0/elements/0/action_id]",
    ),
    "block_id of 256": (
        [DIVIDER | {"block_id": "b" * 256}],
        "must be less than 256 characters [json-pointer:/blocks/0/block_id]",
    ),
    "green button": (
        [actions(button(style="green"))],
        "must be one of: primary, danger [json-pointer:/blocks/0/elements/0/style]",
    ),
    "bad url": (
        [actions(button(url="example"))],
        "must be a valid URL [json-pointer:/blocks/0/elements/0/url]",
    ),
    "confirm without deny": (
        [actions(button(confirm={k: v for k, v in CONFIRM.items() if k != "deny"}))],
        "missing required field: deny [json-pointer:/blocks/0/elements/0/confirm]",
    ),
    "confirm text of 301": (
        [actions(button(confirm=CONFIRM | {"text": plain(301)}))],
        "must be less than 301 characters [json-pointer:/blocks/0/elements/0/confirm/text/text]",
    ),
    "same action twice in a block": (
        [actions(button("a"), button("a"))],
        "`action_id` a already exists [json-pointer:/blocks/0/elements/1/action_id]",
    ),
    "same block_id twice": (
        [DIVIDER | {"block_id": "b"}, DIVIDER | {"block_id": "b"}],
        "`block_id` b already exists [json-pointer:/blocks/1/block_id]",
    ),
    "11 in context": (
        [{"type": "context", "elements": [PLAIN] * 11}],
        "no more than 10 items allowed [json-pointer:/blocks/0/elements]",
    ),
    "button in context": (
        [{"type": "context", "elements": [button()]}],
        "unsupported type: button [json-pointer:/blocks/0/elements/0/type]",
    ),
    "101 options": (
        [actions(select(options=[OPTION] * 101))],
        "no more than 100 items allowed [json-pointer:/blocks/0/elements/0/options]",
    ),
    "option value of 151": (
        [actions(select(options=[OPTION | {"value": "v" * 151}]))],
        "must be less than 151 characters [json-pointer:/blocks/0/elements/0/options/0/value]",
    ),
    "option in mrkdwn": (
        [actions(select(options=[{"text": {"type": "mrkdwn", "text": "x"}, "value": "v"}]))],
        "unsupported type: mrkdwn [json-pointer:/blocks/0/elements/0/options/0/text/type]",
    ),
    "options and groups": (
        [actions(select(option_groups=[{"label": PLAIN, "options": [OPTION]}]))],
        "must define only one of `options` or `option_groups` [json-pointer:/blocks/0/elements/0]",
    ),
    "initial option not offered": (
        [actions(select(initial_option=OPTION | {"value": "other"}))],
        "initial option must be one of the options [json-pointer:/blocks/0/elements/0]",
    ),
    "6 in overflow": (
        [section(accessory={"type": "overflow", "action_id": "o", "options": [OPTION] * 6})],
        "no more than 5 items allowed [json-pointer:/blocks/0/accessory/options]",
    ),
    "11 checkboxes": (
        [actions({"type": "checkboxes", "action_id": "c", "options": [OPTION] * 11})],
        "no more than 10 items allowed [json-pointer:/blocks/0/elements/0/options]",
    ),
    "no such date": (
        [actions({"type": "datepicker", "action_id": "d", "initial_date": "5 Jan 2026"})],
        "must match pattern",
    ),
    "image without alt_text": (
        [{"type": "image", "image_url": "https://example.org/a.png"}],
        "missing required field: alt_text [json-pointer:/blocks/0]",
    ),
    "text input in actions": (
        [actions({"type": "plain_text_input", "action_id": "t"})],
        "unsupported type: plain_text_input [json-pointer:/blocks/0/elements/0/type]",
    ),
    "input in a message": ([text_input()], "unsupported type: input [json-pointer:/blocks/0/type]"),
    "boolean as text": (
        [{"type": "section", "text": {"type": "plain_text", "text": "x", "emoji": "yes"}}],
        "must be a boolean [json-pointer:/blocks/0/text/emoji]",
    ),
    "number as text": (
        [{"type": "section", "text": {"type": "plain_text", "text": 7}}],
        "must be a string [json-pointer:/blocks/0/text/text]",
    ),
    "null accessory": ([section(accessory=None)], "must provide an object [json-pointer:/blocks/0/accessory]"),
}


@pytest.mark.parametrize(("blocks", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_blocks_slack_refuses(blocks: list[Any], reason: str) -> None:
    assert reason in "\n".join(message_problems(blocks))


REFUSED_VIEWS: dict[str, tuple[dict[str, Any], str]] = {
    "101 blocks": (modal(*[DIVIDER] * 101), "no more than 100 items allowed [json-pointer:/view/blocks]"),
    "title of 25": (
        modal(DIVIDER, title=plain(25)),
        "must be less than 25 characters [json-pointer:/view/title/text]",
    ),
    "input without submit": (
        {k: v for k, v in modal(text_input()).items() if k != "submit"},
        "must define `submit` to use an `input` block in modals [json-pointer:/view/blocks/0/input]",
    ),
    "metadata of 3001": (
        modal(DIVIDER, private_metadata="x" * 3001),
        "must be less than 3001 characters [json-pointer:/view/private_metadata]",
    ),
    "home as a modal": ({"type": "home", "blocks": []}, "unsupported type: home [json-pointer:/view/type]"),
    "unknown field": (modal(colour="red"), "invalid additional property: colour [json-pointer:/view]"),
    "button as an input": (
        modal(text_input(element=button())),
        "unsupported type: button [json-pointer:/view/blocks/0/element/type]",
    ),
}


@pytest.mark.parametrize(("view", "reason"), REFUSED_VIEWS.values(), ids=REFUSED_VIEWS.keys())
def test_views_slack_refuses(view: dict[str, Any], reason: str) -> None:
    assert reason in view_problems(view, "modal")


def test_a_modal_and_a_home_slack_accepts() -> None:
    assert view_problems(modal(text_input(), callback_id="c", notify_on_close=True), "modal") == []
    assert view_problems({"type": "home", "blocks": [DIVIDER] * 100}, "home") == []


def test_all_problems_are_reported_at_once() -> None:
    assert len(message_problems([{"type": "header", "text": plain(151)}, {"type": "banner"}])) == 2


def test_missing_ids_are_made_up_and_given_ones_kept() -> None:
    sent = [actions(button("mine"), block_id="here"), DIVIDER]

    stored = with_block_ids(sent)

    assert stored[0]["block_id"] == "here"
    assert stored[0]["elements"][0]["action_id"] == "mine"
    assert stored[1]["block_id"]
    assert "block_id" not in DIVIDER


def test_all_text_of_the_blocks_counts() -> None:
    assert characters([section("x" * 10), actions(button())]) == 12
