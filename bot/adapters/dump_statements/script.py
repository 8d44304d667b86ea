"""Reads a script statement by statement, as psql would, in bounded memory: a plain dump, or what pg_restore writes.

COPY's rows are passed over. A text is cut only where the grammar says that a statement has ended, so what lies in
quotes or in a function's body is never taken for a statement, nor the other way round.
"""

import re
from pathlib import Path
from typing import IO

from bot.adapters.dump_statements.allowlist import Allowlist
from bot.adapters.dump_statements.grammar import SyntaxFaultError, parse
from bot.adapters.dump_statements.refusal import KnownObjects, UnsafeStatementError, refuse
from bot.adapters.dump_statements.rules import Terms
from bot.adapters.dump_statements.values import may_copy
from bot.adapters.migration_files.syntax import name_kind

MAX_STATEMENT_BYTES = 64 * 1024 * 1024
PIECE_BYTES = 64 * 1024
ROW_BYTES = 1024 * 1024
MAX_TRIES = 1000
"""How many lines inside one statement may look like the next one's beginning."""
COPY_END = re.compile(rb" FROM stdin;\r?\n\Z")
_RESTRICT = re.compile(rb"\\(?:un)?restrict [A-Za-z0-9]+\s*|--(?:un|e)?restrict [A-Za-z0-9]+\s*")
_NAME = rb'(?:"(?:[^"]|"")++"|[a-z_][a-z0-9_$]*+)'
_LITERAL = rb"(?:'[^']*+(?:''[^']*+)*+'|[-+]?[0-9][0-9.eE+-]*+|NULL|DEFAULT|true|false|[BX]'[0-9A-Fa-f]*+')"
_ROW = rb"\(" + _LITERAL + rb"(?:, " + _LITERAL + rb")*+\)"
INSERT = re.compile(
    rb'INSERT INTO (?!"?(?:pg_|information_schema))' + _NAME + rb"\." + _NAME + rb"(?: \(" + _NAME + rb"(?:, "
    rb""
    + _NAME
    + rb")*+\))?(?: OVERRIDING SYSTEM VALUE)? (?:DEFAULT VALUES|VALUES\s++"
    + _ROW
    + rb"(?:,\s++"
    + _ROW
    + rb")*+)"
    rb"(?: ON CONFLICT DO NOTHING)?;\r?\n"
)
"""Rows as pg_dump writes them: nothing but literals, so neither a comment nor a call fits in."""


def check_plain(path: Path, known: KnownObjects, dump: str = "") -> None:
    """Check every statement of a plain dump.

    Args:
        path: the dump.
        known: see `Terms.known`.
        dump: the bundle's name.

    Raises:
        PermanentError: ``bundle-unsafe-statement``, ``bundle-foreign-object``, with the line.
    """
    try:
        with path.open("rb") as file:
            ScriptReader(file, Allowlist(Terms(known, script=True))).check(rows=True)
    except UnsafeStatementError as error:
        raise refuse(error, dump) from error


class ScriptReader:
    """Reads a script once."""

    def __init__(self, file: IO[bytes], allowlist: Allowlist) -> None:
        self._file = file
        self._allowlist = allowlist
        self._text = bytearray()
        self._line = 1  # of the text's beginning
        self._read = 0  # lines before the next one
        self._limit = PIECE_BYTES
        self._tries = 0

    def check(self, *, rows: bool) -> None:
        """Check it to its end.

        Args:
            rows: COPY's rows, and rows in INSERT, may follow; else both are refused.

        Raises:
            UnsafeStatementError: with the line.
        """
        while line := self._file.readline(MAX_STATEMENT_BYTES):
            self._read += line.endswith(b"\n")
            if rows and self._passes(line):
                continue
            # pg_dump's own commands for psql; all others are no SQL.
            self._text += b"\n" if _RESTRICT.fullmatch(line) else line
            if len(self._text) >= self._limit and line.rstrip().endswith(b";") and not self._ended():
                self._limit = 2 * len(self._text)
            if len(self._text) > MAX_STATEMENT_BYTES:
                raise UnsafeStatementError("A statement without an end", self._line)
        self._allowlist.check(bytes(self._text), self._line)

    def _passes(self, line: bytes) -> bool:
        """Pass over rows, if that line begins them, or is one."""
        if line.startswith(b"INSERT ") and INSERT.fullmatch(line):
            if not self._ended(tried=True):
                return False  # it lies inside a string, or a function's body
        elif COPY_END.search(line):
            if not self._copies(line):
                return False
            self._skip_rows()
        else:
            return False
        self._begin_at(self._read + 1)
        return True

    def _begin_at(self, line: int) -> None:
        self._text.clear()
        self._line, self._limit, self._tries = line, PIECE_BYTES, 0

    def _ended(self, *, tried: bool = False) -> bool:
        """Check the text read so far, if its last statement has ended."""
        text = bytes(self._text)
        if text.strip():
            self._count_try(tried=tried)
            try:
                tree = parse(text)
            except SyntaxFaultError:
                return False
            if tree.stmts and not self._allowlist.check_parsed(text, tree, self._line):
                return False
        self._begin_at(self._read + 1)
        return True

    def _count_try(self, *, tried: bool) -> None:
        self._tries += tried
        if self._tries > MAX_TRIES:
            raise UnsafeStatementError("A statement without an end", self._line)

    def _copies(self, line: bytes) -> bool:
        """Check the text read so far with that line, if it ends with a COPY whose rows follow."""
        self._count_try(tried=True)
        text = bytes(self._text) + line
        try:
            tree = parse(text)
        except SyntaxFaultError:
            return False
        if not tree.stmts or name_kind(tree.stmts[-1].stmt) != "copy_stmt":
            return False
        copy = tree.stmts.pop()
        self._allowlist.check_parsed(text, tree, self._line)
        if not may_copy(copy.stmt.copy_stmt) or not copy.stmt_len:
            raise UnsafeStatementError("COPY", self._read)
        return True

    def _skip_rows(self) -> None:
        begins = True
        while piece := self._file.readline(ROW_BYTES):
            self._read += piece.endswith(b"\n")
            if begins and piece in (b"\\.\n", b"\\.\r\n", b"\\."):
                return
            begins = piece.endswith(b"\n")
        raise UnsafeStatementError("COPY without an end", self._read)
