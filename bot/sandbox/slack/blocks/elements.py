"""Checks block elements: everything people can press, choose or fill in."""

from typing import Any

from bot.sandbox.slack.blocks.composition import (
    CHOICE_OPTION,
    CONFIRM,
    CONVERSATION_FILTER,
    DISPATCH_CONFIG,
    LINES,
    OPTION_GROUPS,
    OPTIONS,
    OVERFLOW_OPTION,
    SELECT_OPTION,
    SLACK_FILE,
    plain_text,
)
from bot.sandbox.slack.blocks.grammar import (
    Check,
    Field,
    Problems,
    array,
    boolean,
    exactly_one,
    integer,
    kind,
    needed,
    one_of,
    string,
    url,
)

ID = string(255)
_DATE = string(10, pattern=r"\d{4}-\d{2}-\d{2}")
_TIME = string(5, pattern=r"([01]\d|2[0-3]):[0-5]\d")
_COMMON: dict[str, Check | Field] = {"action_id": ID, "confirm": CONFIRM, "focus_on_load": boolean}
_PLACEHOLDER: dict[str, Check | Field] = {"placeholder": plain_text(150)}
_OWN_OPTIONS: dict[str, Check | Field] = {"options": OPTIONS, "option_groups": OPTION_GROUPS}


def _initial_is_offered(value: Any, pointer: str, problems: Problems) -> None:
    if "option_groups" in value or not isinstance(value.get("options"), list):
        return
    initial = value.get("initial_options", [value["initial_option"]] if "initial_option" in value else [])
    for option in initial if isinstance(initial, list) else []:
        if option not in value["options"]:
            problems.note("initial option must be one of the options", pointer)


def _select(name: str, single: dict[str, Check | Field], several: dict[str, Check | Field]) -> dict[str, Check]:
    shared = {**_COMMON, **_PLACEHOLDER}
    more = (exactly_one("options", "option_groups"), _initial_is_offered) if name == "static_select" else ()
    return {
        **kind(name, {**shared, **single}, *more),
        **kind(f"multi_{name}", {**shared, **several, "max_selected_items": integer(1, 100)}, *more),
    }


def _text_input(name: str, more: dict[str, Check | Field]) -> dict[str, Check]:
    shared = {"action_id": ID, "focus_on_load": boolean, "dispatch_action_config": DISPATCH_CONFIG}
    return kind(name, {**shared, **_PLACEHOLDER, **more})


_LISTED = {"response_url_enabled": boolean}
SELECTS: dict[str, Check] = {
    **_select(
        "static_select",
        {**_OWN_OPTIONS, "initial_option": SELECT_OPTION},
        {**_OWN_OPTIONS, "initial_options": OPTIONS},
    ),
    **_select(
        "external_select",
        {"min_query_length": LINES, "initial_option": SELECT_OPTION},
        {"min_query_length": LINES, "initial_options": OPTIONS},
    ),
    **_select("users_select", {"initial_user": ID}, {"initial_users": array(ID, 100)}),
    **_select(
        "conversations_select",
        {
            "initial_conversation": ID,
            "default_to_current_conversation": boolean,
            "filter": CONVERSATION_FILTER,
            **_LISTED,
        },
        {
            "initial_conversations": array(ID, 100),
            "default_to_current_conversation": boolean,
            "filter": CONVERSATION_FILTER,
        },
    ),
    **_select("channels_select", {"initial_channel": ID, **_LISTED}, {"initial_channels": array(ID, 100)}),
}

PICKERS: dict[str, Check] = {
    **kind("datepicker", {**_COMMON, **_PLACEHOLDER, "initial_date": _DATE}),
    **kind("timepicker", {**_COMMON, **_PLACEHOLDER, "initial_time": _TIME, "timezone": string(100)}),
    **kind("datetimepicker", {**_COMMON, "initial_date_time": integer(0, 9_999_999_999)}),
    **kind(
        "checkboxes",
        {**_COMMON, "options": needed(array(CHOICE_OPTION, 10)), "initial_options": array(CHOICE_OPTION, 10)},
        _initial_is_offered,
    ),
    **kind(
        "radio_buttons",
        {**_COMMON, "options": needed(array(CHOICE_OPTION, 10)), "initial_option": CHOICE_OPTION},
        _initial_is_offered,
    ),
}

BUTTONS: dict[str, Check] = {
    **kind(
        "button",
        {
            "text": needed(plain_text(75)),
            "action_id": ID,
            "url": url(),
            "value": string(2000),
            "style": one_of("primary", "danger"),
            "confirm": CONFIRM,
            "accessibility_label": string(75),
        },
    ),
    **kind("overflow", {"action_id": ID, "options": needed(array(OVERFLOW_OPTION, 5)), "confirm": CONFIRM}),
}

TEXT_INPUTS: dict[str, Check] = {
    **_text_input(
        "plain_text_input",
        {
            "initial_value": string(3000, shortest=0),
            "multiline": boolean,
            "min_length": LINES,
            "max_length": integer(1, 3000),
        },
    ),
    **_text_input(
        "number_input",
        {
            "is_decimal_allowed": needed(boolean),
            "initial_value": string(100),
            "min_value": string(100),
            "max_value": string(100),
        },
    ),
    **_text_input("email_text_input", {"initial_value": string(3000)}),
    **_text_input("url_text_input", {"initial_value": string(3000)}),
}

IMAGE: dict[str, Check] = kind(
    "image",
    {"image_url": url(), "slack_file": SLACK_FILE, "alt_text": needed(string(2000))},
    exactly_one("image_url", "slack_file"),
)

IN_ACTIONS = {**BUTTONS, **SELECTS, **PICKERS}
IN_SECTION = {**IN_ACTIONS, **IMAGE}
IN_INPUT = {**SELECTS, **PICKERS, **TEXT_INPUTS}
