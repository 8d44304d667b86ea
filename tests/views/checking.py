"""Checks that Slack accepts a view and that it mentions nobody."""

import re
from collections.abc import Mapping
from typing import Any

from hypothesis import HealthCheck, settings

from bot.sandbox.slack.blocks import surfaces
from bot.views.kit.blocks import View

quick = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)
OURS = re.compile(r"<!date\^\d+\^[^|<>]+\|[^<>]+>|<@[UW][A-Z0-9]+>")


def check(view: View) -> None:
    """Fail on anything Slack would refuse, and on any markup that is not ours."""
    blocks = list(view.blocks)
    assert surfaces.message_problems(blocks) == []
    assert surfaces.characters(blocks) <= 13_200
    assert 0 < len(view.text) <= 4000
    for text in [view.text, *_texts(blocks)]:
        assert not set("<>") & set(OURS.sub("", text))
        assert not re.search(r"&(?!amp;|lt;|gt;)", text)


def _texts(value: Any) -> list[str]:
    if isinstance(value, Mapping):
        return [value["text"]] if isinstance(value.get("text"), str) else [t for v in value.values() for t in _texts(v)]
    return [text for item in value for text in _texts(item)] if isinstance(value, list) else []


def check_markup(blocks: list[Any]) -> None:
    for text in _texts(blocks):
        assert not set("<>") & set(OURS.sub("", text.replace("<#C0INCIDENT>", "")))
        assert not re.search(r"&(?!amp;|lt;|gt;)", text)
