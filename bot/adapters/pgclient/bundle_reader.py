"""Reads dumps to their end without a database.

`pg_restore --list` accepts a dump cut in half, so the whole is converted to SQL and thrown away. For a tar dump even
that is not enough: with pg_restore 18, one cut in half ends as if it were whole, with fewer rows.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from bot.adapters.pgclient.tools import PgTools, ToolFailedError
from bot.domain.backups import BundleKind
from bot.errors import PermanentError
from bot.ports import DumpEntries, FetchedBundle

_TAIL_BYTES = 4096
_TAR_BLOCK_BYTES = 512
_TAR_SIZE = slice(124, 136)
# The end of a plain dump: pg_dump writes it last.
_COMPLETE = (b"PostgreSQL database dump complete", b"PostgreSQL database cluster dump complete")

_DEFINITION = re.compile(r"\d+; \d+ \d+ TABLE (?!DATA |ATTACH )")
_ROWS = re.compile(r"\d+; \d+ \d+ TABLE DATA ")
_PLAIN_DEFINITION = re.compile(r"CREATE (?:UNLOGGED )?TABLE ")
_PLAIN_ROWS = re.compile(r"COPY .* FROM stdin;$|INSERT INTO ")
_LONGEST_LINE = 64 * 1024
"""What begins a statement is short; a longer line is read in pieces, and only its first one counts."""


class ToolBundleReader:
    """Implements `bot.ports.BundleReader` with pg_restore.

    Args:
        tools: of the newest server's version or newer.
    """

    def __init__(self, tools: PgTools) -> None:
        self._tools = tools

    def count_entries(self, bundle: FetchedBundle) -> DumpEntries:
        """Read the table of contents; a plain dump is read line by line. See `bot.ports.BundleReader.count_entries`."""
        if bundle.kind is BundleKind.PLAIN:
            return _count(_read_lines(bundle.path), _PLAIN_DEFINITION, _PLAIN_ROWS)
        try:
            lines = self._tools.list_contents(bundle.path)
        except ToolFailedError as error:
            raise _unreadable(f"pg_restore cannot read it: {error.message}.") from error
        return _count(lines, _DEFINITION, _ROWS)

    def read_through(self, bundle: FetchedBundle) -> None:
        """Read every byte; of plain SQL only the end can be checked. See `bot.ports.BundleReader.read_through`."""
        if bundle.kind is BundleKind.PLAIN:
            _check_end(bundle.path)
            return
        if bundle.kind is BundleKind.TAR:
            _check_tar(bundle.path)
        try:
            self._tools.start("pg_restore", ["--file=/dev/null", str(bundle.path)], {}).wait()
        except ToolFailedError as error:
            raise _unreadable(f"pg_restore cannot read it to its end: {error.message}.") from error


def _count(lines: Iterable[str], definition: re.Pattern[str], rows: re.Pattern[str]) -> DumpEntries:
    defined = filled = 0
    for line in lines:
        defined += definition.match(line) is not None
        filled += rows.match(line) is not None
    return DumpEntries(defined, filled)


def _read_lines(path: Path) -> Iterator[str]:
    """Yield the beginning of each line, without its end."""
    with path.open("rb") as file:
        begins = True
        while piece := file.readline(_LONGEST_LINE):
            if begins:
                yield piece.decode(errors="replace").rstrip("\r\n")
            begins = piece.endswith(b"\n")


def _check_end(path: Path) -> None:
    with path.open("rb") as file:
        size_bytes = file.seek(0, 2)
        file.seek(max(0, size_bytes - _TAIL_BYTES))
        tail = file.read()
    if not any(mark in tail for mark in _COMPLETE):
        raise _unreadable("The SQL ends without pg_dump's own last line, so it was cut off.")


def _check_tar(path: Path) -> None:
    """Follow the members' headers to the empty block that ends an archive."""
    with path.open("rb") as file:
        while any(block := file.read(_TAR_BLOCK_BYTES)):
            try:
                size_bytes = _read_size(block[_TAR_SIZE])
            except ValueError as error:
                raise _unreadable("The dump's tar archive is damaged: a member has no size.") from error
            file.seek(-(-size_bytes // _TAR_BLOCK_BYTES) * _TAR_BLOCK_BYTES, 1)
        if len(block) < _TAR_BLOCK_BYTES:
            raise _unreadable("The dump's tar archive was cut off.")


def _read_size(field: bytes) -> int:
    """Read a header's size; past 8 GB pg_dump writes it in binary, with the highest bit set."""
    if field and field[0] & 0x80:
        return int.from_bytes(field[1:], "big")
    return int(field.strip(b"\0 ").decode("ascii"), 8)


def _unreadable(message: str) -> PermanentError:
    return PermanentError("bundle-unreadable", message, "Do not count on this backup; choose another, or take one now.")
