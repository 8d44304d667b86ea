"""Inspects plain dumps as they stream by, and refuses commands for psql, which can start a shell.

Of these pg_dump writes only restrict and unrestrict. Any other backslash outside quotes and COPY's rows is refused; so
is a line that begins with one (a hostile object name may hold a newline), and anything that would make psql see quotes
elsewhere than we do. psql must still be started with ``ON_ERROR_STOP`` and inside a restrict of our own.
"""

import re
from collections.abc import Callable

from bot.adapters.storage.failures import damaged, unknown, unsafe

HEAD_BYTES = 64 * 1024
_LOOK_AHEAD_BYTES = 256  # longer than any token
_COPY_BYTES = 256 * 1024  # 1,600 columns of 63 bytes, quoted
_HEADER = b"PostgreSQL database dump\n"
_FOOTER = b"PostgreSQL database dump complete\n"
_WORD = rb"[\w$\x80-\xff]"
_COMMENTS = re.compile(rb"(?:\xef\xbb\xbf)?(?:\s|--[^\n]*\n|/\*.*?\*/)*", re.DOTALL)
_STATEMENTS = (
    rb"abort|alter|analyze|begin|call|cluster|comment|copy|create|delete|do|drop|grant|insert|lock|merge|refresh|reindex"
    rb"|reset|revoke|savepoint|security|select|set|start|table|truncate|update|vacuum|values|with|commit|end|rollback"
)
_FIRST = re.compile(rb"(?i:" + _STATEMENTS + rb")\b|\\")
_TOKEN = re.compile(
    rb"""['"\\;()]|--|/\*|\$(?:[A-Za-z_\x80-\xff][\w\x80-\xff]{0,199})?\$|\$[A-Za-z_\x80-\xff][\w\x80-\xff]{199}|(?<!"""
    + _WORD
    + rb")(?i:copy)(?!"
    + _WORD
    # Better to see a body's start too often than to miss one; its end only where psql sees one: "1.end" is a number.
    + rb")|(?<![A-Za-z_\x80-\xff])(?i:create|function|procedure|begin|case)(?!"
    + _WORD
    + rb")|(?<![\w$\x80-\xff.:?])(?i:end)(?!"
    + _WORD
    + rb")"
)
_QUOTED_NAME = re.compile(rb'"(?:[^"]|"")*"')
_COPY = re.compile(rb"(?i:copy) (?:\"(?:[^\"]|\"\")*\"|[\w$.,() \x80-\xff])+? (?i:from stdin);\r?\n")
_RESTRICT = re.compile(rb"\\(?:un)?restrict [A-Za-z0-9]{1,200}\r?\n")
_PREFIXES = {b"e", b"b", b"x", b"n"}
_BAD_ESCAPE = re.compile(rb"\\[^bfnrtvN]")
_END_OF_ROWS = re.compile(rb"\\\.\r?\n")
_BEGIN_OF_END = (b"\\", b"\\.", b"\\.\r")
_LINE_COMMAND = re.compile(rb"[\r\n]\\(?!(?:un)?restrict )")
_STRINGS = re.compile(rb"(?i)standard_conforming_strings(?! = on;|(?: (?:=(?: (?:on?)?)?)?)?\Z)")
_CONTEXT_BYTES = 64
_LOOK_BEHIND_BYTES = 2


def looks_plain(head: bytes) -> bool:
    """Tell whether a file's head is SQL text: no zero byte, and a statement after blanks and comments."""
    text = head[_COMMENTS.match(head).end() :]  # type: ignore[union-attr] # it matches the empty string
    return b"\0" not in head and (_FIRST.match(text) is not None or _HEADER in head)


class _Statement:
    """Counts the nesting of a statement: a semicolon in parentheses or in a function's BEGIN … END does not end it."""

    # The count is psql's own or deeper: COPY's rows, or a line that psql takes for a command, may follow a statement,
    # so we must never end one that psql would not.

    def __init__(self) -> None:
        self._parentheses = 0
        self._bodies = 0
        self._seen: tuple[bytes, ...] = ()

    @property
    def may_end(self) -> bool:
        """Tell whether the next semicolon ends the statement."""
        return not self._parentheses and not self._bodies

    def note(self, token: bytes) -> None:
        """Take a parenthesis or a lower-case word."""
        if token == b"(":
            self._parentheses += 1
        elif token == b")":
            self._parentheses = max(0, self._parentheses - 1)
        elif token == b"create":
            self._seen = self._seen or (token,)
        elif token in (b"function", b"procedure"):
            self._seen = (*self._seen[:1], token) if self._seen else ()
        elif len(self._seen) > 1 and not self._parentheses:
            self._note_body(token)

    def _note_body(self, token: bytes) -> None:
        if token == b"end":  # a CASE ends like a body
            self._bodies = max(0, self._bodies - 1)
        elif token == b"begin" or self._bodies:
            self._bodies += 1


class PlainInspector:
    """Inspects a plain dump in pieces of any size; memory stays under a piece and `_COPY_BYTES`."""

    def __init__(self, name: str, step_bytes: int = HEAD_BYTES) -> None:
        self._name = name
        self._step_bytes = step_bytes  # bytes collected before an inspection, so that tiny pieces do not take forever
        self._waiting = bytearray()
        self._buffer, self._at = b"\n", 0  # uninspected bytes begin at `_at`; a little before it is kept
        self._last = False
        self._read: Callable[[int], int] = self._sql
        self._close = b""
        self._depth = 0
        self._fresh = True  # between statements
        self._statement = _Statement()
        self._line_start = True  # in COPY's rows
        self._context = b""
        self._head, self._tail = b"", b""

    def feed(self, data: bytes) -> None:
        """Inspect the next bytes. Raises ``bundle-unsafe``, ``bundle-unknown`` (no text)."""
        self._waiting += data
        if len(self._waiting) >= self._step_bytes:
            self._take_waiting()

    def finish(self) -> None:
        """Inspect the rest, and check that the dump is complete. Raises ``bundle-unsafe``, ``bundle-damaged``."""
        self._take_waiting()
        self._last = True
        self._buffer += b"" if self._buffer.endswith(b"\n") else b"\n"
        self._inspect()
        whole = self._read in (self._sql, self._line_comment) and self._at == len(self._buffer)
        if not whole or (_HEADER in self._head and _FOOTER not in self._tail.replace(b"\r", b"") + b"\n"):
            raise damaged("is cut short.", self._name)

    def _take_waiting(self) -> None:
        data = bytes(self._waiting)
        self._waiting.clear()
        if b"\0" in data:
            raise unknown("is no text.", self._name)
        if len(self._head) < HEAD_BYTES:
            self._head += data[:HEAD_BYTES]
        self._tail = (self._tail + data[-_LOOK_AHEAD_BYTES:])[-_LOOK_AHEAD_BYTES:]
        self._buffer += data
        self._inspect()

    def _inspect(self) -> None:
        at = inspected_from = self._at
        while True:
            read = self._read
            after = read(at)
            if self._read != read and self._rows in (read, self._read):
                if read != self._rows:
                    self._grep(inspected_from, after)
                inspected_from = after
            if after == at and self._read == read:
                break
            at = after
        if self._read != self._rows:
            self._grep(inspected_from, at)
        kept_from = max(0, at - _LOOK_BEHIND_BYTES)
        self._buffer, self._at = self._buffer[kept_from:], at - kept_from

    def _grep(self, start: int, end: int) -> None:
        text = self._context + self._buffer[start:end]
        if _LINE_COMMAND.search(text):
            raise self._refuse("has a line that psql takes for a command.")
        if _STRINGS.search(text):
            raise self._refuse("changes how strings are quoted.")
        self._context = text[-_CONTEXT_BYTES:]

    def _safe_end(self, at: int) -> int:
        """Find how far the buffer can be inspected without cutting a token in two."""
        return len(self._buffer) if self._last else max(at, len(self._buffer) - _LOOK_AHEAD_BYTES)

    def _sql(self, at: int) -> int:
        match = _TOKEN.search(self._buffer, at)
        limit = self._safe_end(at)
        end = limit if match is None else min(match.start(), limit)
        self._fresh = self._fresh and not self._buffer[at:end].strip()
        if match is None or end == limit:
            return limit
        return self._token(match[0], match.start(), match.end())

    def _token(self, token: bytes, start: int, end: int) -> int:
        if token == b"\\":
            return self._command(start)
        if token.lower() == b"copy":
            return self._copy(start) if self._fresh else end
        if token.isalpha() or token in (b"(", b")"):
            self._fresh = False
            self._statement.note(token.lower())
            return end
        if token == b"--":
            self._read = self._line_comment
        elif token == b"/*":
            self._read, self._depth = self._block_comment, 1
        elif token == b";":
            if self._statement.may_end:
                self._fresh, self._statement = True, _Statement()
        else:
            self._fresh = False
            self._open_quote(token, start)
        return end

    def _command(self, start: int) -> int:
        match = _RESTRICT.match(self._buffer, start)
        if match is None or self._buffer[start - 1 : start] not in (b"\n", b"\r", b""):
            raise self._refuse("has a command for psql.")
        return match.end() - 1  # the newline begins the next line

    def _copy(self, start: int) -> int:
        match = _COPY.match(self._buffer, start)
        if match is not None:
            for token in re.findall(rb"[()]", _QUOTED_NAME.sub(b"", match[0])):
                self._statement.note(token)
        if match is not None and self._statement.may_end:
            self._read, self._line_start = self._rows, True
            return match.end()
        if match is None and not self._last and len(self._buffer) - start < _COPY_BYTES:
            return start
        raise self._refuse("has a COPY that pg_dump does not write.")

    def _open_quote(self, token: bytes, start: int) -> None:
        self._close, self._read = token, self._quoted
        before = self._buffer[max(0, start - 2) : start]
        if token[:1] == b"$" != token[-1:]:
            raise self._refuse("has a quote with a name too long.")
        if token == b'"' or not re.search(_WORD + rb"\Z", before):
            return
        prefix = before[-1:].lower()
        if token != b"'" or prefix not in _PREFIXES or re.match(_WORD, before[:-1]):
            raise self._refuse("has a quote that begins inside a word.")
        if prefix == b"e":
            self._read = self._escaped

    def _quoted(self, at: int) -> int:
        found = self._buffer.find(self._close, at)
        if found >= 0:
            self._read = self._sql
            return found + len(self._close)
        return self._safe_end(at)

    def _escaped(self, at: int) -> int:
        match = re.compile(rb"''|\\.|'", re.DOTALL).search(self._buffer, at)
        limit = self._safe_end(at)
        if match is None or match.start() >= limit:
            return limit
        if match[0] == b"'":
            self._read = self._after_escaped
        return match.end()

    def _after_escaped(self, at: int) -> int:
        """Refuse a second string that continues the first over a line's end: psql would read its escapes too."""
        following = self._buffer[at : at + _LOOK_AHEAD_BYTES]
        blank = len(following) - len(following.lstrip())
        if not following.lstrip() and not self._last:
            return at + max(0, blank - 1)
        if following.lstrip()[:1] == b"'" or following.lstrip()[:2] == b"--":
            raise self._refuse("has strings that continue each other.")
        self._read = self._sql
        return at

    def _line_comment(self, at: int) -> int:
        match = re.compile(rb"[\r\n]").search(self._buffer, at)
        if match is not None:
            self._read = self._sql
            return match.start()
        return self._safe_end(at)

    def _block_comment(self, at: int) -> int:
        match = re.compile(rb"/\*|\*/").search(self._buffer, at)
        limit = self._safe_end(at)
        if match is None or match.start() >= limit:
            return limit
        self._depth += 1 if match[0] == b"/*" else -1
        if not self._depth:
            self._read = self._sql
        return match.end()

    def _rows(self, at: int) -> int:
        if self._line_start and (end := _END_OF_ROWS.match(self._buffer, at)):
            self._read, self._fresh, self._context = self._sql, True, b"\n"
            return end.end() - 1
        end_at = self._rows_end(at)
        if _BAD_ESCAPE.search(self._buffer[at:end_at].replace(b"\\\\", b"")):
            raise self._refuse("has an escape in its rows that pg_dump does not write.")
        if end_at > at:
            self._line_start = self._buffer[end_at - 1 : end_at] == b"\n"
        return end_at

    def _rows_end(self, at: int) -> int:
        """Find how far rows can be inspected: to the line that ends them, else a whole line, else before an escape."""
        found = self._buffer.find(b"\n\\.", at)
        if found >= 0:
            return found + 1
        newline = self._buffer.rfind(b"\n", at)
        if newline >= 0:
            return newline + 1
        text = self._buffer[at:]
        if self._line_start and text in _BEGIN_OF_END:
            return at
        return len(self._buffer) - (len(text) - len(text.rstrip(b"\\"))) % 2

    def _refuse(self, reason: str) -> Exception:
        return unsafe(reason, self._name)
