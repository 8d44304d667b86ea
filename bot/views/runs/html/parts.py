"""Defines the parts of an HTML report. Texts are plain, cleaned and cut; the template escapes them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import ClassVar

from bot.views.kit.text import bare_line, bare_paragraph

MAX_ROWS = 2000
_MAX_NAME = 80
_MENTION = re.compile(r"<@([UW][A-Z0-9]{2,})>")
GOOD, BAD, WARN, QUIET = "good", "bad", "warn", "quiet"
"""Marks: the tone in which a value is shown."""


@dataclass(frozen=True)
class Cell:
    """A value.

    Attributes:
        text: as shown.
        kind: ``text``, ``code``, ``hash``, ``number``, ``time`` (`target` is its ISO form) or ``link`` (`target` is the
            address).
        mark: see `GOOD`; "" for none.
    """

    text: str
    kind: str = "text"
    mark: str = ""
    target: str = ""


@dataclass(frozen=True)
class Facts:
    """Names and values."""

    kind: ClassVar[str] = "facts"
    pairs: Sequence[tuple[str, Cell]]


@dataclass(frozen=True)
class Note:
    """A paragraph."""

    kind: ClassVar[str] = "note"
    text: str
    mark: str = ""


@dataclass(frozen=True)
class Table:
    """A table with a line of heads; `left` rows more do not fit."""

    kind: ClassVar[str] = "table"
    caption: str
    heads: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    left: int = 0


@dataclass(frozen=True)
class Excerpt:
    """Lines as they were written."""

    kind: ClassVar[str] = "excerpt"
    title: str
    text: str


@dataclass(frozen=True)
class Quote:
    """A text that a person wrote."""

    kind: ClassVar[str] = "quote"
    who: str
    at: Cell
    wrong: str
    change: str


@dataclass(frozen=True)
class Bar:
    """A step of the checklist; `left` and `width` place it in the run, in per cent."""

    title: str
    state: str
    mark: str
    detail: str
    took: str
    at: Cell
    left: float = 0.0
    width: float = 0.0


@dataclass(frozen=True)
class Steps:
    """The checklist."""

    kind: ClassVar[str] = "steps"
    bars: Sequence[Bar]


Part = Facts | Note | Table | Excerpt | Quote | Steps


@dataclass(frozen=True)
class Section:
    """A headed part of the report; `key` is its anchor."""

    key: str
    title: str
    parts: Sequence[Part]


@dataclass(frozen=True)
class Sheet:
    """The whole report."""

    title: str
    outcome: str
    mark: str
    lead: str
    facts: Facts
    sections: Sequence[Section]
    foot: Facts = field(default_factory=lambda: Facts(()))


def text(value: object, limit: int = 400, mark: str = "") -> Cell:
    """Text, in one line."""
    return Cell(bare_line(str(value), limit), mark=mark)


def code(value: object, limit: int = 300) -> Cell:
    """An identifier, a command, a path."""
    return Cell(bare_line(str(value), limit), "code")


def checksum(value: str) -> Cell:
    """A hash: long, and rarely read."""
    return Cell(bare_line(value, 128) or "–", "hash")


def number(value: str) -> Cell:
    """An amount, of our own making."""
    return Cell(value, "number")


def moment(at: datetime | None, *, date: bool = True) -> Cell:
    """A time to the second, UTC; a dash where there is none."""
    if at is None:
        return Cell("–")
    utc = at.astimezone(UTC)
    return Cell(f"{utc:%Y-%m-%d %H:%M:%S}" if date else f"{utc:%H:%M:%S}", "time", target=f"{utc:%Y-%m-%dT%H:%M:%SZ}")


def link(address: str) -> Cell:
    """A web address that can be followed; anything else is shown as it is."""
    shown = bare_line(address, 500)
    return Cell(shown, "link", target=shown) if shown.startswith(("https://", "http://")) else code(shown, 500)


def table(caption: str, heads: Sequence[str], rows: Sequence[Sequence[Cell]]) -> list[Part]:
    """A table, if it has rows."""
    return [Table(caption, heads, rows[:MAX_ROWS], max(0, len(rows) - MAX_ROWS))] if rows else []


def excerpt(title: str, lines: str) -> list[Part]:
    """Lines as they are, if there are any."""
    shown = bare_paragraph(lines, 12_000).strip("\n")
    return [Excerpt(bare_line(title, 150), shown)] if shown else []


class Persons:
    """Writes people by name: nothing turns a Slack id in a file into one."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = {user_id: bare_line(name, _MAX_NAME) for user_id, name in names.items()}

    def name(self, user_id: str) -> str:
        """Return ``an (U0ONCALL)``, or the id alone where no name is known: a name can be anybody's."""
        shown = bare_line(user_id, _MAX_NAME)
        name = self._names.get(user_id, "")
        return f"{name} ({shown})" if name and name != shown else shown

    def prose(self, sentence: str, limit: int) -> str:
        """Write out the mentions in a sentence of the engine's, in one line."""
        return bare_line(_MENTION.sub(lambda match: self.name(match[1]), sentence), limit)
