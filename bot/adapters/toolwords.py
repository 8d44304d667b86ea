"""What may be repeated of a client tool's complaints: neither places nor rows."""

import re

WORDS_LENGTH = 300
WHERE = re.compile(r"connection to server (at|on socket) \"[^\"]*\"( \([^)]*\))?(, port \d+)? failed: ")
NOISE = re.compile(
    r"^(pg_dump|pg_restore): (detail|hint|warning|from TOC|while|creating|processing|last built-in).*|^Command was:.*",
    re.IGNORECASE,
)

QUOTES_VALUES = re.compile(r"invalid |malformed |out of range|violates |cannot cast|date/time|value \"")
VALUE = re.compile(r"\".*\"|'.*'|\b\d{4,}\b")
"""From the first quote to the last: a value may hold quotes of its own."""


def tool_words(complained: str) -> str:
    """The first error a tool reports, without host, port, query and detail."""
    lines = [line.strip() for line in complained.splitlines() if line.strip()]
    errors = [line for line in lines if "error:" in line.lower()] or [line for line in lines if not NOISE.match(line)]
    words = errors[0] if errors else "it ended without a word"
    for prefix in ("pg_dump: ", "pg_restore: ", "error: ", "could not execute query: ", "ERROR:  "):
        words = words.removeprefix(prefix)
    return _without_values(WHERE.sub("", words))[:WORDS_LENGTH]


def _without_values(words: str) -> str:
    """Take out what a server quotes of a row: a tool passes its message on without the code that would tell."""
    told = QUOTES_VALUES.search(words)
    return words[: told.start()] + VALUE.sub("…", words[told.start() :]) if told else words
