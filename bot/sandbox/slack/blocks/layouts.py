"""Checks layout blocks. The table lists those Slack's reference allows for apps; others are an ``unsupported type``."""

from typing import Any

from bot.sandbox.slack.blocks.composition import SLACK_FILE, any_text, plain_text, text_kinds
from bot.sandbox.slack.blocks.elements import ID, IMAGE, IN_ACTIONS, IN_INPUT, IN_SECTION
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
    record,
    string,
    tagged,
    url,
)

MAX_SECTION_TEXT = 3000
MAX_FIELD_TEXT = 2000
MAX_MARKDOWN = 12_000


def _block(name: str, fields: dict[str, Check | Field], *more: Check) -> dict[str, Check]:
    return kind(name, {"block_id": ID, **fields}, *more)


def _has_words(value: Any, pointer: str, problems: Problems) -> None:
    if "text" not in value and "fields" not in value:
        problems.note("must define either `text` or `fields`", pointer)


_STYLE = record(dict.fromkeys(("bold", "italic", "strike", "code", "underline"), boolean))
_BORDER: dict[str, Check | Field] = {"border": integer(0, 1)}
_INLINE = tagged(
    {
        **kind("text", {"text": needed(string(4000)), "style": _STYLE}),
        **kind("link", {"url": needed(url()), "text": string(4000), "unsafe": boolean, "style": _STYLE}),
        **kind("user", {"user_id": needed(ID), "style": _STYLE}),
        **kind("usergroup", {"usergroup_id": needed(ID), "style": _STYLE}),
        **kind("channel", {"channel_id": needed(ID), "style": _STYLE}),
        **kind("broadcast", {"range": needed(one_of("here", "channel", "everyone"))}),
        **kind("emoji", {"name": needed(string(100)), "unicode": string(100), "style": _STYLE}),
        **kind(
            "date",
            {
                "timestamp": needed(integer(0, 9_999_999_999)),
                "format": needed(string(255)),
                "url": url(),
                "fallback": string(255),
            },
        ),
    }
)
_RUN = array(_INLINE, 3000, least=0)
_RICH = tagged(
    {
        **kind("rich_text_section", {"elements": needed(_RUN)}),
        **kind("rich_text_preformatted", {"elements": needed(_RUN), **_BORDER}),
        **kind("rich_text_quote", {"elements": needed(_RUN), **_BORDER}),
        **kind(
            "rich_text_list",
            {
                "style": needed(one_of("bullet", "ordered")),
                "elements": needed(array(tagged(kind("rich_text_section", {"elements": needed(_RUN)})), 3000)),
                "indent": integer(0, 8),
                "offset": integer(0, 10_000),
                **_BORDER,
            },
        ),
    }
)

_RICH_TEXT = _block("rich_text", {"elements": needed(array(_RICH, 3000))})
_CELL = tagged({**kind("raw_text", {"text": needed(string(3000))}), **_RICH_TEXT})
_COLUMN = record({"align": one_of("left", "center", "right"), "is_wrapped": boolean})

COMMON: dict[str, Check] = {
    **_block(
        "section",
        {
            "text": any_text(MAX_SECTION_TEXT),
            "fields": array(any_text(MAX_FIELD_TEXT), 10),
            "accessory": tagged(IN_SECTION),
            "expand": boolean,
        },
        _has_words,
    ),
    **_block("actions", {"elements": needed(array(tagged(IN_ACTIONS), 25))}),
    **_block("context", {"elements": needed(array(tagged({**IMAGE, **text_kinds(MAX_SECTION_TEXT)}), 10))}),
    **_block("divider", {}),
    **_block("header", {"text": needed(plain_text(150))}),
    **_block(
        "image",
        {
            "image_url": url(),
            "slack_file": SLACK_FILE,
            "alt_text": needed(string(2000)),
            "title": plain_text(2000),
        },
        exactly_one("image_url", "slack_file"),
    ),
    **_block(
        "input",
        {
            "label": needed(plain_text(2000)),
            "element": needed(tagged(IN_INPUT)),
            "hint": plain_text(2000),
            "optional": boolean,
            "dispatch_action": boolean,
        },
    ),
    **_RICH_TEXT,
    **_block(
        "video",
        {
            "alt_text": needed(string(2000)),
            "title": needed(plain_text(199)),
            "video_url": needed(url()),
            "thumbnail_url": needed(url()),
            "title_url": url(),
            "description": plain_text(199),
            "author_name": string(49),
            "provider_name": string(50),
            "provider_icon_url": url(),
        },
    ),
}

IN_MESSAGE: dict[str, Check] = {
    **{name: check for name, check in COMMON.items() if name != "input"},
    **_block("markdown", {"text": needed(string(MAX_MARKDOWN))}),
    **_block(
        "table",
        {"rows": needed(array(array(_CELL, 20), 100)), "column_settings": array(_COLUMN, 20)},
    ),
}
IN_VIEW: dict[str, Check] = COMMON
