"""Parses a dump's text with PostgreSQL's grammar, as a server that loads it would read it."""

from bot.adapters.dump_statements.refusal import UnsafeStatementError
from bot.adapters.migration_files.syntax import Node, postgast

UNREADABLE = "A text that is no SQL"
SyntaxFaultError: type[Exception] = postgast.PgQueryError


def parse(text: bytes) -> Node:
    """Parse a text with PostgreSQL's grammar.

    Raises:
        SyntaxFaultError: it is no SQL.
    """
    if b"\0" in text:  # the grammar would stop reading there
        raise UnsafeStatementError(UNREADABLE)
    return postgast.parse(decode(text))


def decode(text: bytes) -> str:
    """Decode a dump's text; whatever its encoding, quotes and keywords are where they were."""
    try:
        return text.decode()
    except UnicodeDecodeError:
        return text.decode("latin-1")


def position(fault: Exception) -> int:
    """Return the place of a fault in the text, in bytes from 1; 0 where it has none."""
    return int(getattr(fault, "cursorpos", 0))
