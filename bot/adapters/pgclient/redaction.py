"""Redacts the errors of client programs: neither hosts nor rows may leave."""

import re

from bot.domain.server_messages import find_template

MAX_LENGTH = 300
WHERE = re.compile(r"connection to server (at|on socket) \"[^\"]*\"( \([^)]*\))?(, port \d+)? failed: ")
NOISE = re.compile(
    r"^(pg_dump|pg_restore): (detail|hint|warning|from TOC|while|creating|processing|last built-in).*|^Command was:.*",
    re.IGNORECASE,
)
# The context of a function's own message, which may hold anything, and does not quote values as the server does.
RAISED = re.compile(r"PL/pgSQL .* (?:RAISE|ASSERT)$|^CONTEXT:\s+PL/(?!pgSQL)")
FUNCTION_SPOKE = "the database's own code raised an exception"
UNLISTED = "an error whose words may quote a row; the server's log has them"

SERVER_PREFIX = re.compile(r"(?:ERROR|FATAL|PANIC):  ")
QUOTE = re.compile(r"[\"']")
PLACE = re.compile(r" at character \d+$")
NUMBER = re.compile(r"\b\d{4,}\b")
PSQL_COMMAND = re.compile(r"(invalid command \\).*")
# Messages of the server in which only names are quoted. In all others, the quoted text may come from a row.
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


def summarise_errors(stderr: str) -> str:
    """Return the first error a tool reports, without host, port, query and detail."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    errors = [line for line in lines if "error:" in line.lower()] or [line for line in lines if not NOISE.match(line)]
    if not errors:
        return "it ended without a word"
    message = redact(WHERE.sub("", errors[0]), raised=_is_raised(lines[lines.index(errors[0]) + 1 :]))
    for prefix in ("pg_dump: ", "pg_restore: ", "error: ", "could not execute query: ", "ERROR:  "):
        message = message.removeprefix(prefix)
    return message[:MAX_LENGTH]


def redact(line: str, *, raised: bool) -> str:
    """Take out text that may be quoted from a row: a tool passes on the server's message without its SQLSTATE.

    Args:
        line: of a tool's error stream.
        raised: the message is a function's own.
    """
    mark = SERVER_PREFIX.search(line)
    before, message = (line[: mark.end()], line[mark.end() :]) if mark else ("", line)
    if raised:
        return f"{before}{FUNCTION_SPOKE}; the server's log has its words"
    return before + (_server_message(message) if mark else _remove_values(message))


def _server_message(message: str) -> str:
    """Return what may be shown of a message of the server: its names, its template, or only that there was one."""
    # decision 43: what is not known to be the server's own may be anybody's, with or without quotes.
    bare = PLACE.sub("", message)
    if HARMLESS.fullmatch(message) or HARMLESS.fullmatch(bare):
        return message
    return find_template(bare) or UNLISTED


def _is_raised(following: list[str]) -> bool:
    """Say if the context of an error, up to the next error, ends in a function that raised it."""
    for line in following:
        if "error:" in line.lower():
            return False
        if RAISED.search(line):
            return True
    return False


def _remove_values(message: str) -> str:
    """Cut from the first quote to the last, as a value may hold quotes; to the end where a value holds a line's end."""
    if HARMLESS.fullmatch(message):
        return message
    quotes = list(QUOTE.finditer(message))
    if quotes:
        ends = quotes[-1].end() if len(quotes) % 2 == 0 else len(message)
        message = f"{message[: quotes[0].start()]}…{message[ends:]}"
    return NUMBER.sub("…", PSQL_COMMAND.sub(r"\1…", message))
