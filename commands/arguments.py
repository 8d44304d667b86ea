"""Splits commands into words and options, and undoes the typography of Slack's clients.

argparse parses, but it prints nothing and never exits: every fault is a `PermanentError` for the person.
"""

import argparse
import html
import re
import unicodedata
from collections.abc import Sequence
from difflib import get_close_matches
from typing import NoReturn

from bot.errors import PermanentError
from bot.views.kit.text import clip

MAX_TEXT = 1500
MAX_QUOTE = 60
_QUOTES = str.maketrans({"“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "‘": "'", "’": "'", "‚": "'"})  # noqa: RUF001 -- typed by clients
_DASHES = "‐‑‒–—―−"  # noqa: RUF001 -- what clients and keyboards make of hyphens
_LONG_DASH = re.compile(rf"(?<!\S)[-{_DASHES}]*[{_DASHES}][-{_DASHES}]*(?=[A-Za-z])")
_REFERENCE = re.compile(r"<([@#!])([^<>|]*)(?:\|([^<>]*))?>|<([a-z]+:[^<>|]*)(?:\|[^<>]*)?>")
_WORD = re.compile(r'(?:[^\s"]|"[^"]*"|")+')


class Options(argparse.ArgumentParser):
    """An argument parser that raises `PermanentError` instead of printing and exiting.

    Args:
        usage: what to type, shown as the hint.
    """

    def __init__(self, usage: str) -> None:
        super().__init__(prog="/rollback", usage=usage, add_help=False, allow_abbrev=False)
        self._hint = f"Type {usage}"
        self._known: list[str] = []

    def option(self, name: str, words: int | str = "+") -> None:
        """Accept ``name``; it takes that many words, by default all up to the next option."""
        self._known.append(name)
        self.add_argument(name, nargs=words, default=[], type=str)

    def read(self, words: Sequence[str]) -> argparse.Namespace:
        """Parse words.

        Raises:
            PermanentError: ``unknown-option``, ``repeated-option``, ``too-many-words``, ``cannot-read-that``.
        """
        names = [word.partition("=")[0] for word in words if word.startswith("--") and word != "--"]
        for name in names:
            self._check_name(name, names)
        given, left = self.parse_known_args(list(words))
        if left:
            raise PermanentError("too-many-words", f"{quote(' '.join(left))} is too much.", self._hint)
        return given

    def _check_name(self, name: str, names: Sequence[str]) -> None:
        if name not in self._known:
            near = get_close_matches(name.lower(), self._known, n=1, cutoff=0.5)
            hint = f"Did you mean {near[0]}? " if near else ""
            raise PermanentError("unknown-option", f"There is no option {quote(name)}.", f"{hint}{self._hint}")
        if names.count(name) > 1:
            raise PermanentError("repeated-option", f"{name} is given more than once.", self._hint)

    def error(self, message: str) -> NoReturn:
        """Turn argparse's error into ours, clipped because it may quote what was typed."""
        raise PermanentError("cannot-read-that", f"That cannot be read: {clip(message, MAX_QUOTE)}.", self._hint)


def normalise(text: str) -> str:
    """Undo typography of Slack's clients: entities, references, smart quotes, long dashes, special blanks."""
    text = _REFERENCE.sub(_written_out, text)
    text = html.unescape(text) if "&" in text else text
    text = text.translate(_QUOTES).replace("`", " ")
    text = "".join(_plain(char) for char in text)
    return " ".join(_LONG_DASH.sub("--", text).split())


def split(text: str) -> list[str]:
    """Split a command's text into words; double quotes hold words together and are taken off by `unquote`.

    Raises:
        PermanentError: ``text-too-long``.
    """
    if len(text) > MAX_TEXT:
        raise PermanentError(
            "text-too-long",
            f"That is {len(text):,} characters long and begins with {quote(text)}.",
            f"At most {MAX_TEXT:,} characters can be read. Type /rollback help to see what can be asked.",
        )
    return _WORD.findall(normalise(text))


def unquote(words: Sequence[str]) -> str:
    """Join the words of a text, without the quotes around it."""
    text = " ".join(words).strip()
    for mark in "\"'":
        if len(text) > 1 and text[0] == mark == text[-1] and text.count(mark) == 2:  # noqa: PLR2004 -- the pair itself
            return text[1:-1].strip()
    return text


def at_most(limit: int, rest: Sequence[str], usage: str) -> None:
    """Refuse superfluous words.

    Raises:
        PermanentError: ``too-many-words``.
    """
    if len(rest) > limit:
        raise PermanentError("too-many-words", f"{quote(' '.join(rest[limit:]))} is too much.", f"Type {usage}")


def quote(text: str) -> str:
    """Quote what a person typed: at most 60 characters once escaped."""
    return f"“{clip(text, MAX_QUOTE)}”"


def _written_out(match: re.Match[str]) -> str:
    sign, target, shown, link = match.groups()
    if link is not None:
        return str(link)
    # References are none of our words; in a reason their names say more than their ids.
    return f"{'#' if sign == '#' else '@'}{(shown or target).lstrip('@#')}"


def _plain(char: str) -> str:
    kind = unicodedata.category(char)
    if kind in {"Cc", "Zs", "Zl", "Zp"}:
        return " "
    return "" if kind in {"Cf", "Cs", "Co", "Cn"} else char
