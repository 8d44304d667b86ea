"""Checks JSON that people wrote with a small grammar.

A check looks at one value and notes what is wrong with it, with the JSON pointer of the place, in the words Slack uses.
All problems of a payload are collected, as Slack does, instead of stopping at the first.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Problems:
    """Problems of one payload: ``(reason, pointer)`` in the order found."""

    found: list[tuple[str, str]] = field(default_factory=list)

    def note(self, reason: str, pointer: str) -> None:
        """Add one problem."""
        self.found.append((reason, pointer))

    def lines(self) -> list[str]:
        """As Slack words them: ``reason [json-pointer:/blocks/0/text]``."""
        return [f"{reason} [json-pointer:{pointer}]" for reason, pointer in self.found]


Check = Callable[[Any, str, Problems], None]


@dataclass(frozen=True)
class Field:
    """One property of an object: its check, and whether it must be there."""

    check: Check
    required: bool = False


def needed(check: Check) -> Field:
    """Return a property that must be there."""
    return Field(check, required=True)


def string(longest: int, shortest: int = 1, pattern: str | None = None) -> Check:
    """Accept text of ``shortest`` to ``longest`` characters, both included."""

    def check(value: Any, pointer: str, problems: Problems) -> None:
        if not isinstance(value, str):
            problems.note("must be a string", pointer)
        elif len(value) < shortest:
            problems.note(f"must be more than {shortest - 1} characters", pointer)
        elif len(value) > longest:
            problems.note(f"must be less than {longest + 1} characters", pointer)
        elif pattern and not re.fullmatch(pattern, value):
            problems.note(f"must match pattern {pattern}", pointer)

    return check


def url(longest: int = 3000) -> Check:
    """Accept an absolute http(s) URL."""
    base = string(longest)

    def check(value: Any, pointer: str, problems: Problems) -> None:
        before = len(problems.found)
        base(value, pointer, problems)
        if len(problems.found) == before and not re.match(r"(https?|slack|mailto):", value):
            problems.note("must be a valid URL", pointer)

    return check


def boolean(value: Any, pointer: str, problems: Problems) -> None:
    """Accept true or false."""
    if not isinstance(value, bool):
        problems.note("must be a boolean", pointer)


def integer(least: int, most: int) -> Check:
    """Accept a whole number of ``least`` to ``most``, both included."""

    def check(value: Any, pointer: str, problems: Problems) -> None:
        if not isinstance(value, int) or isinstance(value, bool):
            problems.note("must be an integer", pointer)
        elif not least <= value <= most:
            problems.note(f"must be between {least} and {most}", pointer)

    return check


def one_of(*values: str) -> Check:
    """Accept one of these words."""

    def check(value: Any, pointer: str, problems: Problems) -> None:
        if value not in values:
            problems.note(f"must be one of: {', '.join(values)}", pointer)

    return check


def array(of: Check, most: int, least: int = 1) -> Check:
    """Accept a list of ``least`` to ``most`` things."""

    def check(value: Any, pointer: str, problems: Problems) -> None:
        if not isinstance(value, list):
            problems.note("must provide an array", pointer)
            return
        if len(value) > most:
            problems.note(f"no more than {most} items allowed", pointer)
        if len(value) < least:
            problems.note(f"no less than {least} items allowed", pointer)
        for index, item in enumerate(value):
            of(item, f"{pointer}/{index}", problems)

    return check


def record(fields: Mapping[str, Check | Field], *more: Check) -> Check:
    """Accept an object with these properties and no others; ``more`` look at it as a whole."""
    wanted = {name: f if isinstance(f, Field) else Field(f) for name, f in fields.items()}
    required = {name for name, f in wanted.items() if f.required}

    def check(value: Any, pointer: str, problems: Problems) -> None:
        if not isinstance(value, dict):
            problems.note("must provide an object", pointer)
            return
        for name, item in value.items():
            if name in wanted:
                wanted[name].check(item, f"{pointer}/{name}", problems)
            else:
                problems.note(f"invalid additional property: {name}", pointer)
        for name in sorted(required - value.keys()):
            problems.note(f"missing required field: {name}", pointer)
        for extra in more:
            extra(value, pointer, problems)

    return check


def tagged(kinds: Mapping[str, Check]) -> Check:
    """Accept an object whose ``type`` picks the check."""

    def check(value: Any, pointer: str, problems: Problems) -> None:
        if not isinstance(value, dict):
            problems.note("must provide an object", pointer)
        elif "type" not in value:
            problems.note("missing required field: type", pointer)
        elif not isinstance(value["type"], str) or value["type"] not in kinds:
            problems.note(f"unsupported type: {value['type']}", f"{pointer}/type")
        else:
            kinds[value["type"]](value, pointer, problems)

    return check


def kind(name: str, fields: Mapping[str, Check | Field], *more: Check) -> dict[str, Check]:
    """Return one entry of a `tagged` table."""
    return {name: record({"type": one_of(name), **fields}, *more)}


def exactly_one(*names: str) -> Check:
    """Demand one of these properties, and no second."""

    def check(value: Any, pointer: str, problems: Problems) -> None:
        given = [name for name in names if name in value]
        if len(given) != 1:
            quoted = " or ".join(f"`{name}`" for name in names)
            problems.note(f"must define {'only one of' if given else 'either'} {quoted}", pointer)

    return check
