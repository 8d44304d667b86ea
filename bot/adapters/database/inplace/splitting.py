"""Takes the SQL that pg_restore writes apart, as it comes: statements, and the rows that follow a COPY.

Our session runs it, not psql, so that the transaction stays ours: nothing in the SQL may begin or end one. Memory stays
under one statement and a block of rows.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

TOKEN = re.compile(
    rb"""--[^\n]*|\\[^\n]*|'|"|\$(?:[A-Za-z_\x80-\xff][\w\x80-\xff]*)?\$|[();]|[A-Za-z_\x80-\xff][\w$\x80-\xff]*"""
)
COPY = re.compile(rb"COPY\s.*\sFROM stdin;\Z", re.DOTALL)
END_OF_ROWS = b"\n\\.\n"
QUOTED = {b"'": re.compile(rb"(?:[^']|'')*'"), b'"': re.compile(rb'(?:[^"]|"")*"')}
ESCAPED = re.compile(rb"(?:[^'\\]|\\.|'')*'", re.DOTALL)


class CutShortError(Exception):
    """The SQL ends in the middle of something."""


@dataclass(frozen=True)
class Part:
    """A statement, and the rows it reads, to be taken before the next part; None where it reads none."""

    statement: bytes
    rows: Iterator[bytes] | None = None


class ScriptReader:
    """Reads a script once.

    Args:
        blocks: the script in pieces of any size.
    """

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._buffer = b""
        self._ended = False

    def parts(self) -> Iterator[Part]:
        """Every statement in order, without the comments before it.

        Raises:
            CutShortError: it ends in the middle of one, or of a COPY's rows.
        """
        while (statement := self._statement()) is not None:
            if COPY.match(statement):
                rows = self._rows()
                yield Part(statement, rows)
                for _ in rows:  # whoever did not want them all
                    continue
            elif statement != b";":
                yield Part(statement)

    def _more(self) -> bool:
        block = next(self._blocks, None)
        self._ended = block is None
        self._buffer += block or b""
        return not self._ended

    def _statement(self) -> bytes | None:
        while True:
            end = _Scan(self._buffer, ended=self._ended).end()
            if end is not None:
                text, self._buffer = self._buffer[:end], self._buffer[end:]
                return _bare(text)
            if self._ended:
                if _bare(self._buffer):
                    raise CutShortError
                return None
            self._more()

    def _rows(self) -> Iterator[bytes]:
        """What is before the line that ends them; the buffer begins with the newline before the first of them."""
        while True:
            found = self._buffer.find(END_OF_ROWS)
            if found >= 0:
                rows, self._buffer = self._buffer[1 : found + 1], self._buffer[found + len(END_OF_ROWS) :]
                if rows:
                    yield rows
                return
            keep = len(self._buffer) - len(END_OF_ROWS)
            if keep > 1:
                rows, self._buffer = self._buffer[1:keep], self._buffer[keep - 1 :]
                yield rows
            if not self._more():
                raise CutShortError


class _Scan:
    """Looks for the end of the first statement in a buffer."""

    def __init__(self, buffer: bytes, *, ended: bool) -> None:
        self._buffer = buffer
        self._ended = ended
        self._depth = 0
        self._body = 0  # of SQL-standard functions: BEGIN ATOMIC … END, with CASE … END inside
        self._word = b""
        self._word_end = -1

    def end(self) -> int | None:
        """Where it ends, its semicolon included; None where it does not yet."""
        at = 0
        while (match := TOKEN.search(self._buffer, at)) is not None:
            token = match[0]
            if match.end() == len(self._buffer) and not self._ended and token != b";":
                return None  # it may go on
            if token == b";" and self._depth <= 0 and self._body == 0:
                return match.end()
            after = self._pass(token, match)
            if after is None:
                return None
            at = after
        return None

    def _pass(self, token: bytes, match: re.Match[bytes]) -> int | None:
        if token in QUOTED:
            is_escaped = token == b"'" and self._word in {b"e", b"E"} and self._word_end == match.start()
            closing = (ESCAPED if is_escaped else QUOTED[token]).match(self._buffer, match.end())
            if closing is None or (closing.end() == len(self._buffer) and not self._ended):
                return None  # a quote at the very end may be the first of two
            return closing.end()
        if token[:1] == b"$":
            found = self._buffer.find(token, match.end())
            return None if found < 0 else found + len(token)
        if token in {b"(", b")"}:
            self._depth += 1 if token == b"(" else -1
        elif token[:1] not in {b"-", b"\\", b";"}:
            self._note_word(token, match.end())
        return match.end()

    def _note_word(self, word: bytes, end: int) -> None:
        upper = word.upper()
        if upper == b"ATOMIC" and self._word.upper() == b"BEGIN":
            self._body = 1
        elif self._body and upper == b"CASE":
            self._body += 1
        elif self._body and upper == b"END":
            self._body -= 1
        self._word, self._word_end = word, end


def _bare(text: bytes) -> bytes:
    """Without blanks, comments and pg_restore's word to psql (restrict) before it."""
    text = text.strip()
    while text.startswith((b"--", b"\\")):
        text = text.partition(b"\n")[2].strip()
    return text
