"""What may be repeated of a client tool's complaints: neither places nor rows."""

import re

WORDS_LENGTH = 300
WHERE = re.compile(r"connection to server (at|on socket) \"[^\"]*\"( \([^)]*\))?(, port \d+)? failed: ")
NOISE = re.compile(
    r"^(pg_dump|pg_restore): (detail|hint|warning|from TOC|while|creating|processing|last built-in).*|^Command was:.*",
    re.IGNORECASE,
)
RAISED = re.compile(r"PL/pgSQL .* (?:RAISE|ASSERT)$|^CONTEXT:\s+PL/(?!pgSQL)")
"""A function's own words: they may be anything, and quote nothing as the server would."""
FUNCTION_SPOKE = "a function raised an exception; the server's log has its words"

SERVER_SAYS = re.compile(r"(?:ERROR|FATAL|PANIC):  ")
QUOTE = re.compile(r"[\"']")
NUMBER = re.compile(r"\b\d{4,}\b")
PSQL_COMMAND = re.compile(r"(invalid command \\).*")
HARMLESS = re.compile(
    r"permission denied (?:for|to) [^:]*|must be [^:]*"
    r"|(?:access method|cast|collation|column|constraint|conversion|database|domain|extension|function|index|language"
    r"|operator|procedure|publication|relation|role|schema|sequence|server|table|tablespace|trigger|type|view)"
    r" (?:\"[^\"]*\"|[^\"\s]+)(?: (?:of|for|on|in) [^:]*)? "
    r"(?:does not exist|already exists|is not available)"
    r"|unrecognized configuration parameter \"[^\"]*\"|query would be affected by row-level security policy [^:]*"
    r"|could not (?:access|create|extend|load|obtain|open|read|write) [^\"]*(?:\"[^\"]*\"[^\"]*)?"
    r"|(?:canceling|terminating) [^\"]*|password authentication failed for user \"[^\"]*\""
    r"|(?:insert or update|update or delete) on table \"[^\"]*\" violates [^:]*"
    r"|duplicate key value violates unique constraint \"[^\"]*\""
    r"|null value in column \"[^\"]*\" of relation \"[^\"]*\" violates not-null constraint"
    r"|(?:new row for|check constraint \"[^\"]*\" of|column \"[^\"]*\" of) relation \"[^\"]*\" "
    r"(?:violates check constraint \"[^\"]*\"|is violated by some row|contains null values)"
)
"""Sentences of the server's in which only names are quoted. In all others, what is quoted may be of a row."""


def tool_words(complained: str) -> str:
    """The first error a tool reports, without host, port, query and detail."""
    lines = [line.strip() for line in complained.splitlines() if line.strip()]
    errors = [line for line in lines if "error:" in line.lower()] or [line for line in lines if not NOISE.match(line)]
    if not errors:
        return "it ended without a word"
    words = safe_words(WHERE.sub("", errors[0]), raised=_is_raised(lines[lines.index(errors[0]) + 1 :]))
    for prefix in ("pg_dump: ", "pg_restore: ", "error: ", "could not execute query: ", "ERROR:  "):
        words = words.removeprefix(prefix)
    return words[:WORDS_LENGTH]


def safe_words(words: str, *, raised: bool) -> str:
    """Take out what is quoted of a row: a tool passes the server's message on without the code that would tell.

    Args:
        words: one line of a tool's.
        raised: whether the message is a function's own.
    """
    mark = SERVER_SAYS.search(words)
    before, said = (words[: mark.end()], words[mark.end() :]) if mark else ("", words)
    return before + (FUNCTION_SPOKE if raised else _without_values(said))


def _is_raised(following: list[str]) -> bool:
    """Whether the context of an error, up to the next one, ends in a function that raised it."""
    for line in following:
        if "error:" in line.lower():
            return False
        if RAISED.search(line):
            return True
    return False


def _without_values(said: str) -> str:
    """From the first quote to the last, for a value may hold quotes; to the end where a value holds a line's end."""
    if HARMLESS.fullmatch(said):
        return said
    quotes = list(QUOTE.finditer(said))
    if quotes:
        ends = quotes[-1].end() if len(quotes) % 2 == 0 else len(said)
        said = f"{said[: quotes[0].start()]}…{said[ends:]}"
    return NUMBER.sub("…", PSQL_COMMAND.sub(r"\1…", said))
