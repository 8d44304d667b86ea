"""Builds the refusals of statements, with the place in the dump and the kind of the statement."""

from collections.abc import Callable, Collection

from bot.errors import PermanentError

NAME_CHARS = 80
_HINT = "Nothing of it was run. Find out who put it into the bucket, and choose another backup."
_KNOWN_HINT = (
    "Nothing of it was run. If it belongs there, have it created in the live database first; else choose another "
    "backup, and find out who put this one into the bucket."
)

KnownObjects = Callable[[], Collection[tuple[str, str, str]]]
"""Reads the objects of the live database that a dump may create only where they exist already: kind, name, detail."""


def nothing_known() -> Collection[tuple[str, str, str]]:
    """Know no object."""
    return ()


class UnsafeStatementError(Exception):
    """A statement that pg_dump does not write for one database.

    Args:
        kind: of the statement, e.g. ``DROP DATABASE``; never its text, which a stranger wrote.
        line: in the text that was checked, from 1.
        lacking: it would do if the live database had that object.
    """

    def __init__(self, kind: str, line: int = 1, *, lacking: bool = False) -> None:
        super().__init__(kind, line)
        self.kind = kind
        self.line = line
        self.lacking = lacking


def refuse(error: UnsafeStatementError, dump: str, place: str = "") -> PermanentError:
    """Build the refusal.

    Args:
        error: the statement.
        dump: the bundle's name; "" where it has none.
        place: the archive's entry; "" names the line instead.
    """
    where = f"{place or f'line {error.line:,}'} of {quote(dump) if dump else 'the dump'}"
    if error.lacking:
        return PermanentError(
            "bundle-foreign-object", f"{error.kind} at {where}: the live database does not have the same.", _KNOWN_HINT
        )
    return PermanentError(
        "bundle-unsafe-statement", f"{error.kind} at {where}: pg_dump does not write that for one database.", _HINT
    )


def quote(name: str) -> str:
    """Escape a name that a stranger chose, and cut it to `NAME_CHARS`."""
    text = name if name.isascii() and name.isprintable() and "'" not in name else ascii(name)
    return text if len(text) <= NAME_CHARS else f"{text[: NAME_CHARS - 3]}..."
