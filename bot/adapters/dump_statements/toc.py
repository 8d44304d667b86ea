"""Reads the table of contents of a dump in custom, directory or tar format: what pg_restore would run, entry by entry.

pg_restore sends each text to the server by itself. In the script that it writes they follow each other, so a quote that
one leaves open could hide the next; the texts are therefore read where they lie.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from bot.domain.backups import BundleKind

MAGIC = b"PGDMP"
OLDEST, NEWEST = (1, 12), (1, 16)  # of PostgreSQL 9.0 and 17, which 18 still writes
WITH_TABLE_METHOD, WITH_ALGORITHM, WITH_RELATION_KIND = (1, 14), (1, 15), (1, 16)
MAX_TEXT_BYTES = 64 * 1024 * 1024
MAX_ENTRIES = 10_000_000
TAR_BLOCK_BYTES = 512
TAR_NAME, TAR_SIZE = slice(0, 100), slice(124, 136)
TIME_FIELDS = 7
INT_BYTES = (4, 8)


class TocError(Exception):
    """The table of contents is not as pg_dump writes it."""


@dataclass(frozen=True)
class TocEntry:
    """One entry.

    Attributes:
        number: its identifier in the dump.
        has_data: rows or large objects belong to it.
        tag: the object's name.
        kind: e.g. ``TABLE`` or ``TABLE DATA``.
        definition: the SQL that creates the object; may be empty.
        removal: the SQL that drops it; pg_restore makes ``ALTER … OWNER TO`` of it.
        copy: the COPY that takes the rows; may be empty.
    """

    number: int
    has_data: bool
    tag: str
    kind: str
    definition: bytes
    removal: bytes
    copy: bytes


def read_toc(path: Path, kind: BundleKind) -> Iterator[TocEntry]:
    """Read the entries, one at a time.

    Raises:
        TocError: it is damaged, or of a version that is not known.
    """
    with (path / "toc.dat" if kind is BundleKind.DIRECTORY else path).open("rb") as file:
        if kind is BundleKind.TAR:
            _find_in_tar(file)
        reader = _Reader(file)
        reader.read_head()
        count = reader.number()
        if not 0 <= count <= MAX_ENTRIES:
            raise TocError
        for _ in range(count):
            yield reader.entry(in_file=kind is BundleKind.CUSTOM)


def _find_in_tar(file: IO[bytes]) -> None:
    """Go to the content of ``toc.dat``, which pg_dump writes first."""
    header = file.read(TAR_BLOCK_BYTES)
    if header[TAR_NAME].partition(b"\0")[0] != b"toc.dat":
        raise TocError


class _Reader:
    """Reads the archive's own numbers and texts."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._version = (0, 0)
        self._int_bytes = self._offset_bytes = 0

    def read_head(self) -> None:
        """Read what comes before the entries."""
        if self._take(len(MAGIC)) != MAGIC:
            raise TocError
        major, minor, _, self._int_bytes, self._offset_bytes, _ = self._take(6)
        self._version = (major, minor)
        known = OLDEST <= self._version <= NEWEST
        if not known or self._int_bytes not in INT_BYTES or self._offset_bytes not in INT_BYTES:
            raise TocError
        if self._version >= WITH_ALGORITHM:
            self._take(1)
        else:
            self.number()
        for _ in range(TIME_FIELDS):
            self.number()
        for _ in ("database", "server version", "tool version"):
            self._text()

    def entry(self, *, in_file: bool) -> TocEntry:
        """Read the next entry, in the order in which pg_dump has written its fields."""
        number, has_data = self.number(), self.number() != 0
        self._text(), self._text()  # OIDs
        tag, kind = self._text(), self._text()
        self.number()  # the section
        definition, removal, copy = self._text(), self._text(), self._text()
        self._text(), self._text()  # schema, tablespace
        if self._version >= WITH_TABLE_METHOD:
            self._text()
        if self._version >= WITH_RELATION_KIND:
            self.number()
        self._text(), self._text()  # owner, whether it has OIDs
        while self._text() is not None:
            pass  # what it depends on
        if in_file:
            self._take(1 + self._offset_bytes)
        else:
            self._text()
        name, kind_name = (text.decode(errors="replace") if text else "" for text in (tag, kind))
        return TocEntry(number, has_data, name, kind_name, definition or b"", removal or b"", copy or b"")

    def number(self) -> int:
        """Read a number: its sign, then its bytes, the lowest first."""
        sign = self._take(1)[0]
        value = int.from_bytes(self._take(self._int_bytes), "little")
        return -value if sign else value

    def _text(self) -> bytes | None:
        """Read a text; None where there is none, which is not the same as an empty one."""
        length = self.number()
        if length > MAX_TEXT_BYTES:
            raise TocError
        if length < 0:
            return None
        text = self._take(length)
        if b"\0" in text:  # pg_restore would stop reading there
            raise TocError
        return text

    def _take(self, size: int) -> bytes:
        data = self._file.read(size)
        if len(data) != size:
            raise TocError
        return data
