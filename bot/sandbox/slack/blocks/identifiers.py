"""Finds elements in blocks, and makes up the identifiers an app left out, as Slack does."""

import copy
import secrets
from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]


def find_elements(block: Json) -> Iterator[tuple[str, Json]]:
    """Every element of one block, with its place under the block (``elements/2``, ``accessory``, ``element``)."""
    for name in ("accessory", "element"):
        if isinstance(block.get(name), dict):
            yield name, block[name]
    if block.get("type") == "actions" and isinstance(block.get("elements"), list):
        for index, element in enumerate(block["elements"]):
            if isinstance(element, dict):
                yield f"elements/{index}", element


def actionable_elements(blocks: list[Json]) -> Iterator[tuple[Json, Json]]:
    """Every ``(block, element)`` a person could press, choose or fill in."""
    for block in blocks:
        for _, element in find_elements(block):
            if element.get("type") != "image":
                yield block, element


def with_block_ids(blocks: list[Json]) -> list[Json]:
    """Return a copy in which every block has a ``block_id`` and every element an ``action_id``."""
    stored = copy.deepcopy(blocks)
    for block in stored:
        block.setdefault("block_id", secrets.token_urlsafe(4)[:5])
        for _, element in find_elements(block):
            if element.get("type") != "image":
                element.setdefault("action_id", secrets.token_urlsafe(4)[:5])
    return stored
