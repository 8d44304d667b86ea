"""Parses label and field selectors, from query parameters and from objects."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from bot.sandbox.cluster import statuses

Labels = Mapping[str, str]
Matcher = Callable[[Labels], bool]

LABEL_VALUE = re.compile(r"(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
LABEL_KEY = re.compile(r"(?:[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")

_SET = re.compile(r"(?P<key>\S+)\s+(?P<op>in|notin)\s*\((?P<values>[^()]*)\)")
_EQUAL = re.compile(r"(?P<key>[^\s!=]+)\s*(?P<op>==|!=|=)\s*(?P<value>[^\s=!]*)")
_SPLIT = re.compile(r",(?![^()]*\))")


def parse_labels(text: str) -> Matcher:
    """Read ``app=x,tier in (a, b),!held``.

    Raises:
        ApiError: 400, malformed.
    """
    if not text.strip():
        return lambda _labels: True
    requirements = [_requirement(part.strip()) for part in _SPLIT.split(text)]
    return lambda labels: all(holds(labels) for holds in requirements)


def _requirement(text: str) -> Matcher:
    if found := _SET.fullmatch(text):
        values = {value.strip() for value in found["values"].split(",")}
        return _build(_key(found["key"]), "In" if found["op"] == "in" else "NotIn", values)
    if found := _EQUAL.fullmatch(text):
        return _build(_key(found["key"]), "NotIn" if found["op"] == "!=" else "In", {_value(found["value"])})
    if text.startswith("!"):
        return _build(_key(text[1:].strip()), "DoesNotExist", set())
    return _build(_key(text), "Exists", set())


def _key(text: str) -> str:
    if not LABEL_KEY.fullmatch(text):
        raise statuses.bad_request(f"unable to parse requirement: found '{text}', expected: a label key")
    return text


def _value(text: str) -> str:
    if not LABEL_VALUE.fullmatch(text):
        raise statuses.bad_request(f'unable to parse requirement: values[0]: Invalid value: "{text}"')
    return text


def _build(key: str, operator: str, values: set[str]) -> Matcher:
    match operator:
        case "In":
            return lambda labels: labels.get(key) in values
        case "NotIn":
            return lambda labels: labels.get(key) not in values
        case "Exists":
            return lambda labels: key in labels
        case _:
            return lambda labels: key not in labels


def of_object(selector: Mapping[str, Any]) -> Matcher:
    """Read a LabelSelector object (`matchLabels`, `matchExpressions`)."""
    parts = [_build(key, "In", {value}) for key, value in selector.get("matchLabels", {}).items()]
    rules = selector.get("matchExpressions", [])
    parts += [_build(rule["key"], rule["operator"], set(rule.get("values", []))) for rule in rules]
    return lambda labels: all(holds(labels) for holds in parts)


def to_text(selector: Mapping[str, Any]) -> str:
    """Write a LabelSelector object as `Scale.status.selector` has it."""
    parts = [f"{key}={value}" for key, value in sorted(selector.get("matchLabels", {}).items())]
    for rule in selector.get("matchExpressions", []):
        key, values = rule["key"], ",".join(rule.get("values", []))
        words = {"In": f"{key} in ({values})", "NotIn": f"{key} notin ({values})", "Exists": key}
        parts.append(words.get(rule["operator"], f"!{key}"))
    return ",".join(parts)


_FIELDS = ("metadata.name", "metadata.namespace", "status.phase", "spec.nodeName", "involvedObject.name", "type")


def parse_fields(text: str) -> Callable[[Mapping[str, Any]], bool]:
    """Read ``metadata.name=x,status.phase!=Running``.

    Raises:
        ApiError: 400, malformed or a field that cannot be selected by.
    """
    checks = [_field(part) for part in text.split(",") if part.strip()]
    return lambda obj: all(holds(obj) for holds in checks)


def _field(text: str) -> Callable[[Mapping[str, Any]], bool]:
    found = _EQUAL.fullmatch(text.strip())
    if not found:
        raise statuses.bad_request(f"invalid selector: '{text}'; can't understand '{text}'")
    if found["key"] not in _FIELDS:
        raise statuses.bad_request(f"field label not supported: {found['key']}")
    path, wanted, negated = found["key"].split("."), found["value"], found["op"] == "!="
    return lambda obj: (_dig(obj, path) == wanted) != negated


def _dig(obj: Any, path: list[str]) -> str:
    for key in path:
        obj = obj.get(key, {}) if isinstance(obj, Mapping) else {}
    return obj if isinstance(obj, str) else ""
