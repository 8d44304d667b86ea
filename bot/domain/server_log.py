"""A database server's log, fit for a channel: what happened, without whose data it happened to."""

import re

LEFT_OUT = "…"
_LINE_MOST = 400
_KNOWN = re.compile(
    r"^(?P<head>(?:[^\s'\"{][^'\"{]{0,200}?)?)\b(?P<level>DEBUG[1-5]?|INFO|NOTICE|WARNING|LOG|ERROR|FATAL|PANIC|HINT):\s+(?P<said>.*)$",
    re.IGNORECASE,
)
"""Only what begins like a server's own message is shown. Everything else may hold rows: DETAIL, CONTEXT, STATEMENT, a
statement's further lines (which the server indents), a COPY's line, the CSV and JSON formats."""
_OURS = re.compile(r"^\(no log: .*\)$")
_STATEMENT = re.compile(r"\b(?P<what>statement|parameters|(?:execute|parse|bind) [^:]{0,100}):.*$", re.IGNORECASE)
_CLAUSE = re.compile(r"\b(?:DETAIL|CONTEXT|STATEMENT|QUERY):")
_LITERAL = re.compile(r"'(?:[^']|'')*'?")
_VALUE = re.compile(r"""(?P<colon>(?::|=|\bvalue|\bfor|\bnear)\s*)"(?:[^"]|"")*"?""")
_ADDRESS = re.compile(r"\b[a-z][a-z0-9+.-]*://\S+|\bpassword\s*[=:]\s*\S+", re.IGNORECASE)


def redacted(text: str) -> str:
    """Leave out of a log whatever can hold a row or a secret: literals, statements, details, addresses.

    A line that is not known to be harmless is left out, and the lines left out are counted where they were.
    """
    lines: list[str] = []
    gone = 0
    for line in text.splitlines():
        shown = _line(line)
        if shown is None:
            gone += 1
            continue
        lines += [*_count(gone), shown]
        gone = 0
    return "\n".join([*lines, *_count(gone)])


def _line(line: str) -> str | None:
    if _OURS.fullmatch(line):
        return line[:_LINE_MOST]
    known = _KNOWN.match(line)
    if known is None or _CLAUSE.search(known["head"]):
        return None
    said = _CLAUSE.split(known["said"], maxsplit=1)[0]
    said = _STATEMENT.sub(rf"\g<what>: {LEFT_OUT}", said)
    said = _ADDRESS.sub(LEFT_OUT, _LITERAL.sub(f"'{LEFT_OUT}'", said))
    said = _VALUE.sub(rf'\g<colon>"{LEFT_OUT}"', said)
    return f"{_ADDRESS.sub(LEFT_OUT, known['head'])}{known['level']}:  {said}"[:_LINE_MOST].rstrip()


def _count(gone: int) -> list[str]:
    return [f"({gone} line{'' if gone == 1 else 's'} left out)"] if gone else []
