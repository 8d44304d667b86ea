"""Checks an archive (custom, directory or tar format) twice: entry by entry, and as the script pg_restore makes of it.

Rows go by COPY and are not read, so the cost is that of the definitions, whatever the size of the data.
"""

import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bot.adapters.dump_statements.allowlist import Allowlist
from bot.adapters.dump_statements.grammar import UNREADABLE, SyntaxFaultError, parse
from bot.adapters.dump_statements.refusal import (
    KnownObjects,
    UnsafeStatementError,
    nothing_known,
    quote,
    refuse,
)
from bot.adapters.dump_statements.rules import Terms
from bot.adapters.dump_statements.script import INSERT, MAX_STATEMENT_BYTES, ScriptReader
from bot.adapters.dump_statements.toc import TocEntry, TocError, read_toc
from bot.adapters.dump_statements.values import may_copy
from bot.adapters.migration_files.syntax import Node, name_kind
from bot.adapters.pgclient.tools import PgTools, use_list
from bot.domain.backups import BundleKind
from bot.errors import PermanentError

ROWS, LARGE_OBJECTS, LARGE_OBJECT_LIST = "TABLE DATA", "BLOBS", "BLOB METADATA"
# pg_restore passes over these unless it is asked to create the database; that it does is seen in its script.
NO_REMOVAL = b"-- *not* dropping schema, since initdb creates it"
OF_DATABASE = ("DATABASE", "DATABASE PROPERTIES")
ABOUT = ("ACL", "COMMENT", "SECURITY LABEL")
# In these no quote or comment can be left open: each is a whole statement by itself.
WHOLE = re.compile(rb"""(?:DROP|ALTER|SELECT) (?:[^'"$;/\\-]|"[^"]*"|'[^'\\]*'|-(?!-))*;\s*""")
OIDS = re.compile(rb"(?:\d+\n?)+")
DATA_HEADING = re.compile(rb"-- Data for Name: [^\n]*\n--\n\n")
FOOTER = b"--\n-- PostgreSQL database dump complete\n--\n"
PIECE_BYTES = 1024 * 1024


class ArchiveCheck:
    """Checks archives.

    Args:
        tools: pg_restore.
        known: see `Terms.known`.
    """

    def __init__(self, tools: PgTools, known: KnownObjects = nothing_known) -> None:
        self._tools = tools
        self._allowlist = Allowlist(Terms(known))

    def check(self, path: Path, kind: BundleKind, dump: str = "") -> None:
        """Check everything that pg_restore would send to a server, but for rows in COPY.

        Args:
            path: the archive.
            kind: its format.
            dump: the bundle's name.

        Raises:
            PermanentError: ``bundle-unsafe-statement``, ``bundle-foreign-object``, with the entry;
                ``bundle-unreadable``.
            ToolFailedError: pg_restore cannot read it.
        """
        self._tools.list_contents(path)  # of a damaged or newer archive the tool itself says best what is wrong
        numbers, inserted = self._check_entries(path, kind, dump)
        self._check_script(path, numbers, dump)
        for entry in inserted:
            self._check_inserts(path, entry, dump)

    def _check_entries(self, path: Path, kind: BundleKind, dump: str) -> tuple[list[str], list[TocEntry]]:
        """Check each entry's own texts; return what pg_restore's script is made of, and the tables filled by INSERT."""
        numbers: list[str] = []
        inserted: list[TocEntry] = []
        try:
            for entry in read_toc(path, kind):
                try:
                    self._check_entry(entry)
                except UnsafeStatementError as error:
                    raise refuse(error, dump, _place(entry)) from error
                if not entry.has_data:
                    numbers.append(f"{entry.number};")
                elif entry.kind == ROWS and not entry.copy:
                    inserted.append(entry)
        except (TocError, OSError) as error:
            raise PermanentError(
                "bundle-unreadable",
                "The dump's table of contents is not as pg_dump writes it.",
                "Do not count on this backup; choose another, or take one now.",
            ) from error
        return numbers, inserted

    def _check_entry(self, entry: TocEntry) -> None:
        if entry.kind in OF_DATABASE or (entry.kind in ABOUT and entry.tag.startswith("DATABASE ")):
            return
        if entry.has_data:
            _check_data(entry)
        elif entry.kind == LARGE_OBJECT_LIST:
            if not OIDS.fullmatch(entry.definition) or entry.removal not in (b"", b"-- dummy"):
                raise UnsafeStatementError(UNREADABLE)
        elif entry.definition:
            self._allowlist.check(entry.definition)
        if entry.removal and entry.kind != LARGE_OBJECT_LIST and not WHOLE.fullmatch(entry.removal):
            _check_removal(entry.removal)

    def _check_script(self, path: Path, numbers: Sequence[str], dump: str) -> None:
        """Check what pg_restore adds: owners, settings, and whatever else it makes of an entry."""
        with tempfile.NamedTemporaryFile(dir=_beside(path), suffix=".sql") as script:
            self._write(path, numbers, script.name)
            try:
                ScriptReader(script, self._allowlist).check(rows=False)
            except UnsafeStatementError as error:
                raise refuse(error, dump, f"line {error.line:,} of pg_restore's script") from error

    def _check_inserts(self, path: Path, entry: TocEntry, dump: str) -> None:
        """Check rows that are written as INSERT: pg_restore cuts them at semicolons without knowing comments."""
        with tempfile.NamedTemporaryFile(dir=_beside(path), suffix=".sql") as script:
            self._write(path, [f"{entry.number};"], script.name)
            text = b""
            while piece := script.read(PIECE_BYTES):
                text += piece
                if heading := DATA_HEADING.search(text):
                    break
            rest = text[heading.end() :] if heading else b""
            if not heading or not _holds_only_rows(script, rest):
                raise refuse(UnsafeStatementError("A text that is no INSERT"), dump, _place(entry))

    def _write(self, path: Path, numbers: Sequence[str], file: str) -> None:
        with use_list(path, numbers) as wanted:
            self._tools.start("pg_restore", [wanted, f"--file={file}", str(path)], {}).wait()


def _check_data(entry: TocEntry) -> None:
    if entry.definition or entry.kind not in (ROWS, LARGE_OBJECTS):
        raise UnsafeStatementError("SQL instead of rows")
    if entry.copy and entry.kind == ROWS:
        stmts = _check_whole(entry.copy)
        if name_kind(stmts) != "copy_stmt" or not may_copy(stmts.copy_stmt):
            raise UnsafeStatementError("COPY")


def _check_removal(text: bytes) -> None:
    """Check that a removal is one statement at most: of `public` with an owner of its own it is a comment."""
    if text.strip() != NO_REMOVAL:
        _check_whole(text)


def _check_whole(text: bytes) -> Node:
    """Check that a text is one statement, and return it."""
    try:
        stmts = parse(text).stmts
    except SyntaxFaultError as error:
        raise UnsafeStatementError(UNREADABLE) from error
    if len(stmts) != 1:
        raise UnsafeStatementError("More than one statement")
    return stmts[0].stmt


def _holds_only_rows(script: "tempfile._TemporaryFileWrapper[bytes]", text: bytes) -> bool:
    """Say if the rest of a script is rows of constants and pg_restore's own end."""
    more = True
    while more:
        at = 0
        piece = script.read(PIECE_BYTES)
        text, more = text + piece, bool(piece)
        while match := INSERT.match(text, at):
            at = match.end()
            at += len(text[at : at + 3]) - len(text[at : at + 3].lstrip(b"\n"))
        text = text[at:]
        if len(text) > MAX_STATEMENT_BYTES:
            return False
    return text.lstrip(b"\n").partition(FOOTER)[0] == b"" and FOOTER in text


def _beside(path: Path) -> Path:
    """Find the place for a passing file: with the dump, so that it goes when the dump does."""
    return path if path.is_dir() else path.parent


def _place(entry: TocEntry) -> str:
    return f"entry {entry.number} ({quote(entry.kind)} {quote(entry.tag)})"
