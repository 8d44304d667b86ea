"""Checks whole surfaces: messages of 50 blocks, modals and Home tabs of 100."""

from collections.abc import Iterator
from typing import Any

from bot.sandbox.slack.blocks.composition import plain_text
from bot.sandbox.slack.blocks.elements import ID
from bot.sandbox.slack.blocks.grammar import Check, Field, Problems, array, boolean, kind, needed, string, tagged
from bot.sandbox.slack.blocks.identifiers import find_elements
from bot.sandbox.slack.blocks.layouts import IN_MESSAGE, IN_VIEW

MAX_MESSAGE_BLOCKS = 50
MAX_VIEW_BLOCKS = 100
MAX_MESSAGE_CHARACTERS = 13_200  # measured by others; Slack names no figure

_MESSAGE = array(tagged(IN_MESSAGE), MAX_MESSAGE_BLOCKS, least=0)
_VIEW_BLOCKS: Check = array(tagged(IN_VIEW), MAX_VIEW_BLOCKS, least=0)
_SHARED: dict[str, Check | Field] = {
    "blocks": needed(_VIEW_BLOCKS),
    "private_metadata": string(3000, shortest=0),
    "callback_id": string(255, shortest=0),
    "external_id": string(255, shortest=0),
}


def _unique_ids(blocks: Any, pointer: str, problems: Problems) -> None:
    seen: set[str] = set()
    for index, block in enumerate(blocks if isinstance(blocks, list) else []):
        if not isinstance(block, dict):
            continue
        name = block.get("block_id")
        if isinstance(name, str) and name in seen:
            problems.note(f"`block_id` {name} already exists", f"{pointer}/{index}/block_id")
        seen.add(str(name))
        _unique_actions(block, f"{pointer}/{index}", problems)


def _unique_actions(block: dict[str, Any], pointer: str, problems: Problems) -> None:
    # Slack wants an action_id to be unique in its block, not in the message: a list of rows may repeat one.
    seen: set[str] = set()
    for place, element in find_elements(block):
        name = element.get("action_id")
        if isinstance(name, str) and name in seen:
            problems.note(f"`action_id` {name} already exists", f"{pointer}/{place}/action_id")
        seen.add(str(name))


def _submit_for_input(view: Any, pointer: str, problems: Problems) -> None:
    if "submit" in view or not isinstance(view.get("blocks"), list):
        return
    for index, block in enumerate(view["blocks"]):
        if isinstance(block, dict) and block.get("type") == "input":
            problems.note("must define `submit` to use an `input` block in modals", f"{pointer}/blocks/{index}/input")


def _view_ids(view: Any, pointer: str, problems: Problems) -> None:
    _unique_ids(view.get("blocks"), f"{pointer}/blocks", problems)


_MODAL = kind(
    "modal",
    {
        **_SHARED,
        "title": needed(plain_text(24)),
        "submit": plain_text(24),
        "close": plain_text(24),
        "clear_on_close": boolean,
        "notify_on_close": boolean,
        "submit_disabled": boolean,
        "id": ID,
    },
    _submit_for_input,
    _view_ids,
)
_HOME = kind("home", {**_SHARED, "title": plain_text(24)}, _view_ids)


def message_problems(blocks: Any) -> list[str]:
    """List what Slack would refuse in a message's blocks; empty when they are fine."""
    problems = Problems()
    _MESSAGE(blocks, "/blocks", problems)
    _unique_ids(blocks, "/blocks", problems)
    return problems.lines()


def view_problems(view: Any, *kinds: str) -> list[str]:
    """List what Slack would refuse in a view of one of these ``kinds`` (modal, home)."""
    problems = Problems()
    table = {**_MODAL, **_HOME}
    tagged({name: table[name] for name in kinds})(view, "/view", problems)
    return problems.lines()


def characters(blocks: Any) -> int:
    """All text of the blocks, in characters: what counts towards ``msg_blocks_too_long``."""
    return sum(len(text) for text in _texts(blocks))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key == "text" and isinstance(item, str):
                yield item
            else:
                yield from _texts(item)
