"""Reads an object's properties and privileges, and writes values short."""

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bot.domain.catalogue import DatabaseObject

Properties = Mapping[str, Any]
GRANTS, OWNER = "grants", "«owner»"
MAX_VALUE = 60


def read_properties(item: "DatabaseObject") -> Properties:
    """Read what an object's definition is made from; empty where it was not read."""
    found: Properties = json.loads(item.properties) if item.properties else {}
    return found


def short_hash(value: object) -> str:
    """Return the first 12 hex digits of a value's sha256; ``none`` for none."""
    if value is None:
        return "none"
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def show_value(value: object) -> str:
    """Write a value on one line, at most `MAX_VALUE` long."""
    if value is None or value == "":
        return "none"
    return clip(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False), MAX_VALUE)


def clip(text: str, most: int) -> str:
    """Cut a text to one line of at most that many characters."""
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1] + "…"


def added_grants(was: list[str], now: list[str]) -> list[str]:
    """List the privileges that are in `now` alone."""
    return [grant for grant in now if grant not in was]


def by_grantee(grants: list[str]) -> dict[str, list[str]]:
    """Sort privileges by role; ``app=SELECTf`` ends with a letter that says if the role may grant it to others."""
    found: dict[str, list[str]] = {}
    for grant in grants:
        grantee, _, privilege = grant.rpartition("=")
        found.setdefault(grantee, []).append(privilege[:-1] + (" (and grant it)" if privilege.endswith("t") else ""))
    return found
