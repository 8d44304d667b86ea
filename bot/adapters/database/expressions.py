"""Writes expressions in one form, so that those of a database and of its copy can be compared.

A dump and reload changes how the server writes some
expressions without changing their meaning, so they are normalised:

- ``status IN ('a', 'b')`` on a varchar is ``(ARRAY['a'::character varying, …])::text[]`` at first, and afterwards
  ``ARRAY[('a'::character varying)::text, …]``: the parser moves a cast of an array into it;
- ``x BETWEEN 1 AND 2 AND y`` is ``(((x >= 1) AND (x <= 2)) AND y)`` at first, and afterwards lacks the inner pair of
  brackets: the parser joins what one connective holds together.

All other brackets and casts stay: two definitions may differ in just those.
"""

import re
from dataclasses import dataclass, field
from typing import TypeGuard

TOKEN = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|[()\[\]]|[^'"()\[\]]+|.""", re.DOTALL)
CLOSING = {"(": ")", "[": "]"}
CONNECTIVES = (" AND ", " OR ")


@dataclass
class Group:
    """The content of a pair of brackets, or of the whole text: text and groups in turn."""

    opening: str = ""
    parts: list["str | Group"] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.opening}{self.inside}{CLOSING.get(self.opening, '')}"

    @property
    def inside(self) -> str:
        """Its text without its own brackets."""
        return "".join(map(str, self.parts))


def normalise_expression(text: str) -> str:
    """Write an expression, or a definition that holds some, in the form it has after a dump and reload."""
    if "(" not in text:
        return text
    root = _parse(text)
    return text if root is None else str(_normalise(root))


def _parse(text: str) -> Group | None:
    """Read the text into groups; None where its brackets do not match."""
    stack = [Group()]
    for token in TOKEN.findall(text):
        if token in CLOSING:
            stack.append(Group(token))
        elif token in CLOSING.values():
            if CLOSING.get(stack[-1].opening) != token:
                return None
            closed = stack.pop()
            stack[-1].parts.append(closed)
        else:
            stack[-1].parts.append(token)
    return stack[0] if len(stack) == 1 else None


def _normalise(group: Group) -> Group:
    """Normalise the innermost group first."""
    parts = [_normalise(part) if isinstance(part, Group) else part for part in group.parts]
    return Group(group.opening, _join(_move_casts_inside(parts)))


def _move_casts_inside(parts: list["str | Group"]) -> list["str | Group"]:
    """``(ARRAY[a, b])::text[]`` → ``ARRAY[(a)::text, (b)::text]``."""
    found: list[str | Group] = []
    index = 0
    while index < len(parts):
        part, after = parts[index], parts[index + 1 : index + 3]
        cast = _find_array_cast(part, after)
        if cast and isinstance(part, Group) and isinstance(part.parts[1], Group):
            found += ["ARRAY", Group("[", _cast_each(part.parts[1].parts, cast))]
            index += 3
        else:
            found.append(part)
            index += 1
    return found


def _find_array_cast(part: "str | Group", after: list["str | Group"]) -> str:
    """Return the element's type, as ``::text``, where a cast follows such an array; "" otherwise."""
    if not isinstance(part, Group) or part.opening != "(" or len(part.parts) != 2 or part.parts[0] != "ARRAY":  # noqa: PLR2004 -- the word and its brackets
        return ""
    if len(after) != 2 or str(after[1]) != "[]" or not isinstance(after[0], str):  # noqa: PLR2004 -- the type and its brackets
        return ""
    return after[0] if re.fullmatch(r"::[\w. ]+", after[0]) else ""


def _cast_each(parts: list["str | Group"], cast: str) -> list["str | Group"]:
    elements: list[list[str | Group]] = [[]]
    for part in parts:
        first, *others = part.split(", ") if _is_text(part) else [part]
        elements[-1].append(first)
        elements += [[other] for other in others]
    found: list[str | Group] = []
    for element in elements:
        found += [", " if found else "", Group("(", [item for item in element if item != ""]), cast]
    return found


def _join(parts: list["str | Group"]) -> list["str | Group"]:
    """``((a AND b) AND c)`` → ``(a AND b AND c)``: only where a whole operand is held by the same connective."""
    found: list[str | Group] = []
    for index, part in enumerate(parts):
        before = parts[index - 1] if index else ""
        after = parts[index + 1] if index + 1 < len(parts) else ""
        if isinstance(part, Group) and part.opening == "(" and _is_operand(part, before, after):
            found += part.parts
        else:
            found.append(part)
    return found


def _is_operand(group: Group, before: "str | Group", after: "str | Group") -> bool:
    """Say if the group is a whole operand of the connective that holds it together."""
    held = {connective for connective in CONNECTIVES for part in group.parts if _is_text(part) and connective in part}
    if len(held) != 1 or isinstance(before, Group) or isinstance(after, Group):
        return False
    (connective,) = held
    led, followed = before.endswith(connective), after.startswith(connective)
    return (led or followed) and (led or before == "") and (followed or after == "")


def _is_text(part: "str | Group") -> TypeGuard[str]:
    """Say if it is SQL, not a literal or name in quotation marks."""
    return isinstance(part, str) and part[:1] not in ("'", '"')
