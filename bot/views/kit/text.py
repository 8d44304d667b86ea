"""Writes text as Slack needs it: escaped, cut to length, with times, sizes and mentions of our own making."""

import re
import unicodedata
from collections.abc import Iterable
from datetime import UTC, datetime

from bot.domain.runs import Progress

_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_USER = re.compile(r"[UW][A-Z0-9]{2,}")
_OUR_MENTION = re.compile(r"(?:^|(?<=\bby )|(?<=\bof )|(?<=\band ))&lt;@([UW][A-Z0-9]{2,})&gt;")
"""A person in a sentence of the engine's: “cancelled by <@U…>”. A name in a server's message never looks like that."""
_ELLIPSIS = "…"
_KILO = 1000
_LOOK_AHEAD = 4
_MINUTE_S = 60
_HOUR_S = 3600
_DAY_S = 86_400


def escape(text: str) -> str:
    """Make text harmless: no mention, link or entity can be in it afterwards."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def clip(text: str, most: int) -> str:
    """Cut text so that its *escaped* form has at most `most` characters; the cut shows as ``…``."""
    if len(escape(text)) <= most:
        return text
    room, kept = most - len(_ELLIPSIS), 0
    for char in text:
        room -= len(_ENTITIES.get(char, char))
        if room < 0:
            break
        kept += 1
    return text[:kept] + _ELLIPSIS


def one_line(text: str, most: int) -> str:
    """Escape foreign text into a single line of at most `most` characters, control characters taken out."""
    return escape(clip(" ".join(_printable(_head(text, most)).split()), most))


def paragraph(text: str, most: int) -> str:
    """Escape foreign text, keeping its line breaks, to at most `most` characters."""
    lines = _head(text, most).splitlines()
    return escape(clip("\n".join(" ".join(_printable(line).split()) for line in lines), most))


def bare_line(text: str, most: int) -> str:
    """Reduce foreign text to a single line without control characters, for where it is escaped later."""
    return clip(" ".join(_printable(_head(text, most)).split()), most)


def bare_paragraph(text: str, most: int) -> str:
    """Do the same and keep line breaks and indentation."""
    return clip("\n".join(_printable(line).rstrip() for line in _head(text, most).splitlines()), most)


def prose(text: str, most: int) -> str:
    """Escape a sentence of the engine's, keeping its own mentions of people (see `_OUR_MENTION`).

    Groups, channels and everyone (``<!here>``) never survive.
    """
    return _OUR_MENTION.sub(r"<@\1>", paragraph(text, most))


def code(text: str, most: int = 160) -> str:
    """Show an identifier as code."""
    return f"`{one_line(text.replace('`', chr(39)), most - 2) or ' '}`"


def preformatted(text: str, most: int) -> str:
    """Show lines as they are, the LAST ones if they are too many: in a log the end matters."""
    clean = "\n".join(_printable(line) for line in text.replace("```", "'''").splitlines())
    room = most - len("```\n\n```") - len(_ELLIPSIS) - 1
    kept = clean
    while len(escape(kept)) > room:
        over = len(escape(kept)) - room
        kept = kept[max(1, over // len("&amp;")) :]
    mark = "" if kept == clean else _ELLIPSIS
    return f"```\n{mark}{escape(kept) or ' '}\n```"


def printable(text: str) -> str:
    """Take invisible and control characters out, but for line breaks and indentation."""
    return "\n".join(_printable(line.replace("\t", "    ")).rstrip() for line in text.splitlines())


def _head(text: str, most: int) -> str:
    # A server's message can be megabytes; no more of it is looked at than could ever be shown.
    return text if len(text) <= _LOOK_AHEAD * most else text[: _LOOK_AHEAD * most] + _ELLIPSIS


def _printable(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(" " if unicodedata.category(char) in {"Cc", "Zl", "Zp"} else char for char in text if _visible(char))


def _visible(char: str) -> bool:
    # Cf: invisible characters and text-direction overrides; Cs: lone surrogates, which JSON over HTTP cannot carry.
    return unicodedata.category(char) not in {"Cf", "Cs"}


def person(user_id: str) -> str:
    """Mention a Slack user; anyone else (``cli:NAME``) is shown by name."""
    return f"<@{user_id}>" if _USER.fullmatch(user_id) else code(user_id, 80)


def people(user_ids: Iterable[str], most: int = 10) -> str:
    """Mention several, the first `most` of them."""
    known = list(dict.fromkeys(user_ids))
    more = len(known) - most
    return ", ".join(person(user) for user in known[:most]) + (f" and {more} more" if more > 0 else "")


def moment(at: datetime, style: str = "{time}") -> str:
    """Write a point in time in the reader's own time zone; UTC where a client cannot."""
    shown = at.astimezone(UTC)
    return f"<!date^{int(shown.timestamp())}^{style}|{shown:%Y-%m-%d %H:%M} UTC>"


def size(size_bytes: int) -> str:
    """Write bytes for people: ``512 B``, ``3.4 MB``."""
    amount = float(size_bytes)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < _KILO:
            return f"{amount:.0f} B" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= _KILO
    return f"{amount:.1f} TB"


def duration(seconds: float) -> str:
    """Write seconds for people: ``0.4 s``, ``42 s``, ``2 min 5 s``, ``1 h 3 min``."""
    if seconds < 10:  # noqa: PLR2004 -- below ten seconds a tenth is worth showing
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < _MINUTE_S:
        return f"{whole} s"
    if whole < _HOUR_S:
        minutes, rest = divmod(whole, _MINUTE_S)
        return f"{minutes} min" + (f" {rest} s" if rest else "")
    hours, rest = divmod(whole, _HOUR_S)
    return f"{hours} h" + (f" {rest // _MINUTE_S} min" if rest >= _MINUTE_S else "")


def span(seconds: float) -> str:
    """Write how long something is kept, rounded down: ``7 days``, ``1 day 12 h``, ``6 h``."""
    days, rest = divmod(int(seconds), _DAY_S)
    if not days:
        return duration(seconds)
    hours = rest // _HOUR_S
    return count(days, "day") + (f" {hours} h" if hours else "")


def ago(at: datetime, now: datetime) -> str:
    """Write how long ago something was: ``42 s ago``, ``5 h ago``, ``12 days ago``."""
    seconds = max(0.0, (now - at).total_seconds())
    days = int(seconds // _DAY_S)
    if days > 1:
        return f"{days:,} days ago"
    return f"{duration(seconds // _HOUR_S * _HOUR_S if seconds >= _HOUR_S else seconds)} ago"


def count(number: int, noun: str, plural: str = "") -> str:
    """Write ``1 row``, ``12 rows`` or ``1,204 rows``."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def progress(now: Progress) -> str:
    """Write progress: ``1.2 of 3.4 MB (35 %)``, ``3 of 5 pods (60 %)``; without a total, what is done."""
    in_bytes = now.unit == "bytes"
    unit = "" if in_bytes else " " + one_line(now.unit, 20)
    done, total = (size(now.done), size(now.total)) if in_bytes else (f"{now.done:,}", f"{now.total:,}")
    if now.total <= 0:
        return done + unit
    if in_bytes and done.split()[1] == total.split()[1]:
        done = done.split()[0]
    share = min(100, max(0, now.done * 100 // now.total))
    return f"{done} of {total}{unit} ({share} %)"
