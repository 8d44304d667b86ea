"""Redacts a database server's log for a channel: the events stay, the data they are about is left out."""

import re

LEFT_OUT = "…"
_MAX_LINE_LENGTH = 400
_KNOWN = re.compile(
    r"^(?P<head>(?:[^\s'\"{][^'\"{]{0,200}?)?)\b(?P<level>DEBUG[1-5]?|INFO|NOTICE|WARNING|LOG|ERROR|FATAL|PANIC|HINT):\s+(?P<message>.*)$",
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
    """Redact everything that can hold a row or a secret: literals, statements, details, addresses.

    A line that is not known to be harmless is left out, and the lines left out are counted in their place.
    """
    lines: list[str] = []
    gone = 0
    for line in text.splitlines():
        shown = _redact_line(line)
        if shown is None:
            gone += 1
            continue
        lines += [*_count_line(gone), shown]
        gone = 0
    return "\n".join([*lines, *_count_line(gone)])


def _redact_line(line: str) -> str | None:
    if _OURS.fullmatch(line):
        return line[:_MAX_LINE_LENGTH]
    known = _KNOWN.match(line)
    if known is None or _CLAUSE.search(known["head"]):
        return None
    message = _CLAUSE.split(known["message"], maxsplit=1)[0]
    message = _STATEMENT.sub(rf"\g<what>: {LEFT_OUT}", message)
    message = _ADDRESS.sub(LEFT_OUT, _LITERAL.sub(f"'{LEFT_OUT}'", message))
    message = _VALUE.sub(rf'\g<colon>"{LEFT_OUT}"', message)
    return f"{_ADDRESS.sub(LEFT_OUT, known['head'])}{known['level']}:  {message}"[:_MAX_LINE_LENGTH].rstrip()


def _count_line(gone: int) -> list[str]:
    return [f"({gone} line{'' if gone == 1 else 's'} left out)"] if gone else []
