"""Checks composition objects: text, options, confirmation dialogs. Limits as in Slack's Block Kit reference."""

from bot.sandbox.slack.blocks.grammar import (
    Check,
    array,
    boolean,
    exactly_one,
    integer,
    kind,
    needed,
    one_of,
    record,
    string,
    tagged,
    url,
)

MAX_OPTIONS = 100
MAX_GROUPS = 100


def plain_text(longest: int) -> Check:
    """Accept a ``plain_text`` object."""
    return tagged(kind("plain_text", {"text": needed(string(longest)), "emoji": boolean}))


def any_text(longest: int) -> Check:
    """Accept a ``plain_text`` or ``mrkdwn`` object."""
    return tagged(text_kinds(longest))


def text_kinds(longest: int) -> dict[str, Check]:
    """Both text objects, for tables that mix them with elements."""
    return {
        **kind("plain_text", {"text": needed(string(longest)), "emoji": boolean}),
        **kind("mrkdwn", {"text": needed(string(longest)), "verbatim": boolean}),
    }


CONFIRM = record(
    {
        "title": needed(plain_text(100)),
        "text": needed(any_text(300)),
        "confirm": needed(plain_text(30)),
        "deny": needed(plain_text(30)),
        "style": one_of("primary", "danger"),
    }
)

SELECT_OPTION = record(
    {"text": needed(plain_text(75)), "value": needed(string(150)), "description": plain_text(75)},
)
CHOICE_OPTION = record(  # radio buttons and checkboxes may use mrkdwn
    {"text": needed(any_text(75)), "value": needed(string(150)), "description": any_text(75)},
)
OVERFLOW_OPTION = record(
    {"text": needed(plain_text(75)), "value": needed(string(150)), "description": plain_text(75), "url": url()},
)
OPTIONS = array(SELECT_OPTION, MAX_OPTIONS)
OPTION_GROUPS = array(record({"label": needed(plain_text(75)), "options": needed(OPTIONS)}), MAX_GROUPS)

SUGGESTIONS = record(  # the answer to a block_suggestion; no match is an empty list
    {
        "options": array(SELECT_OPTION, MAX_OPTIONS, least=0),
        "option_groups": array(
            record({"label": needed(plain_text(75)), "options": needed(OPTIONS)}), MAX_GROUPS, least=0
        ),
    },
    exactly_one("options", "option_groups"),
)

DISPATCH_CONFIG = record(
    {"trigger_actions_on": needed(array(one_of("on_enter_pressed", "on_character_entered"), 2))},
)
CONVERSATION_FILTER = record(
    {
        "include": array(one_of("im", "mpim", "private", "public"), 4),
        "exclude_external_shared_channels": boolean,
        "exclude_bot_users": boolean,
    }
)
SLACK_FILE = record({"id": string(255), "url": url()}, exactly_one("id", "url"))
LINES = integer(0, 3000)
