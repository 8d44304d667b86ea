"""Reduces a database server's log to the kinds of its own messages; everything else is counted."""

import re
from collections import Counter
from collections.abc import Sequence

from bot.domain.server_messages import find_template

_LINE = re.compile(
    r"^(?P<head>(?:[^\s'\"{][^'\"{]{0,200}?)?)\b(?P<level>DEBUG[1-5]?|INFO|NOTICE|WARNING|LOG|ERROR|FATAL|PANIC):\s+"
    r"(?P<message>.*)$"
)
"""Only what begins like a server's own message is looked at. Everything else may hold rows: DETAIL, CONTEXT, STATEMENT,
HINT, a message's further lines (which the server indents), the CSV and JSON formats, other programs' lines."""
_CLAUSE = re.compile(r"\b(?:DETAIL|CONTEXT|STATEMENT|QUERY|HINT):")
_TIME = re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}(?:\.\d{1,6})?(?: (?:UTC|GMT))?")
_OURS = re.compile(r"^\(no log: .*\)$")
_MAX_LINE_LENGTH = 400
_OTHER = "other"


def summarise(text: str, where: str = "") -> str:
    """Reduce log lines to time, level and template; count what was written by anybody or anything else.

    Args:
        text: the log's last lines.
        where: the command that shows all of it to people who may read it; "" for none.
    """
    # decision 43: a pattern that finds values misses some; a list of the server's own words holds none.
    lines: list[str] = []
    unseen: Counter[str] = Counter()
    for line in text.splitlines():
        shown, level = _reduce(line)
        if shown:
            lines.append(shown)
        else:
            unseen[level] += 1
    return "\n".join([*lines, *_count(unseen, where)])


def _reduce(line: str) -> tuple[str, str]:
    """Return what is shown of a line, "" for nothing, and its level."""
    if _OURS.fullmatch(line):
        return line[:_MAX_LINE_LENGTH], ""
    known = _LINE.match(line)
    if known is None or _CLAUSE.search(known["head"]):
        return "", _OTHER
    template = find_template(known["message"])
    if not template:
        return "", known["level"]
    time = _TIME.match(known["head"])  # of the rest of the prefix, the app may choose the words
    return f"{time[0] if time else ''} {known['level']}:  {template}".strip(), known["level"]


def _count(unseen: Counter[str], where: str) -> Sequence[str]:
    if not unseen:
        return ()
    named = [f"{count} {level}" for level, count in sorted(unseen.items()) if level != _OTHER]
    named += [f"{unseen[_OTHER]} other"] if unseen[_OTHER] else []
    lines = "line is" if sum(unseen.values()) == 1 else "lines are"
    way = f"; people who may read them: {where}" if where else ""
    return (f"({', '.join(named)} {lines} not shown, as the app or a function may have written them{way})",)
