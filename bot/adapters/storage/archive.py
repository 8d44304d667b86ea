"""Reads a gzip-compressed tar stream by rules stricter than tar's, and never yields more bytes than were allowed."""

import re
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from bot.adapters.storage.failures import damaged, unknown, unsafe
from bot.errors import BotError

# `tarfile` itself reads headers of any size into memory and applies what they override. Here a member is a regular file
# or a directory, its name is the one in its header (or in GNU's header for long ones); everything else is refused.

PIECE_BYTES = 1024 * 1024
GZIP_MAGIC = b"\x1f\x8b"
BLOCK_BYTES = 512
MAX_EXTENSION_BYTES = 64 * 1024
MAX_NAME_BYTES = 1024
_GZIP_BITS = 31
_FILES = (tarfile.REGTYPE, tarfile.AREGTYPE)
_NATURES = {
    tarfile.LNKTYPE: "is a hard link.",
    tarfile.SYMTYPE: "is a symbolic link.",
    tarfile.CHRTYPE: "is a device.",
    tarfile.BLKTYPE: "is a device.",
    tarfile.FIFOTYPE: "is a pipe.",
    tarfile.GNUTYPE_SPARSE: "is a sparse file.",
    tarfile.XGLTYPE: "changes what the others are.",
}
_HARMLESS = re.compile(
    r"mtime|atime|ctime|uid|gid|uname|gname|comment|(?:SCHILY|LIBARCHIVE)\.(?:xattr\..*|fflags|creationtime)"
)
_RECORD = re.compile(rb"(\d{1,6}) ([^=\n]{1,256})=")


class Budget:
    """Limits the bytes that may be unpacked, and raises `error` beyond them."""

    def __init__(self, limit_bytes: int, error: BotError) -> None:
        self._left_bytes = limit_bytes
        self._error = error

    def require(self, size_bytes: int) -> None:
        """Refuse a declared size that could never fit."""
        if size_bytes > self._left_bytes:
            raise self._error

    def spend(self, size_bytes: int) -> None:
        """Count unpacked bytes."""
        self.require(size_bytes)
        self._left_bytes -= size_bytes


def gunzip(chunks: Iterator[bytes], budget: Budget) -> Iterator[bytes]:
    """Decompress one or more gzip streams, in pieces of at most `PIECE_BYTES`, within the budget."""
    inflater = _Inflater()
    pieces = (inflater.inflate(chunk) for chunk in chunks)
    for piece in chain(chain.from_iterable(pieces), inflater.finish()):
        budget.spend(len(piece))
        yield piece


class _Inflater:
    def __init__(self) -> None:
        self._stream = zlib.decompressobj(_GZIP_BITS)
        self._first = b""  # until it is known to be gzip

    def inflate(self, data: bytes) -> Iterator[bytes]:
        if len(self._first) < len(GZIP_MAGIC):
            data = self._first + data
            self._first = data[: len(GZIP_MAGIC)]
            if not GZIP_MAGIC.startswith(self._first):
                raise unknown("It is not gzip-compressed.")
            if len(self._first) < len(GZIP_MAGIC):
                return
        while data:
            if self._stream.eof:
                self._stream = zlib.decompressobj(_GZIP_BITS)
            piece = self._decompress(data)
            data = self._stream.unused_data or self._stream.unconsumed_tail
            if piece:
                yield piece

    def finish(self) -> Iterator[bytes]:
        while piece := self._decompress(b""):
            yield piece
        if not self._stream.eof:
            raise damaged("Its compressed data is cut short.") if self._first else unknown("It is empty.")

    def _decompress(self, data: bytes) -> bytes:
        try:
            return self._stream.decompress(data, PIECE_BYTES)
        except zlib.error as error:
            raise damaged("Its compressed data is broken.") from error


@dataclass(frozen=True)
class Member:
    """A member's header. `name` is as written, but a directory's has no slash at its end."""

    name: str
    size_bytes: int
    is_directory: bool


class TarStream:
    """Yields members in order; `content` yields the bytes of the latest, and skips what is not read of it."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._piece = memoryview(b"")
        self._left_bytes = 0
        self._padding_bytes = 0

    def members(self) -> Iterator[Member]:
        """Yield every member, and read the stream to its end."""
        first = True
        while (block := self._header(first=first)) is not None:
            first = False
            member = self._member(block)
            self._left_bytes, self._padding_bytes = member.size_bytes, -member.size_bytes % BLOCK_BYTES
            yield member
            for _ in self.content():
                pass
            self._exactly(self._padding_bytes)
        self._refuse_trailing_data()

    def content(self) -> Iterator[bytes]:
        """Yield the bytes of the latest member. Raises ``bundle-damaged``: the archive ends too early."""
        while self._left_bytes:
            data = self._some(self._left_bytes)
            if not data:
                raise damaged("The archive ends in the middle of a member.")
            self._left_bytes -= len(data)
            yield data

    def _header(self, *, first: bool = False) -> tarfile.TarInfo | None:
        """Read a header; None for the block of zeros that ends the archive."""
        block = self._exactly(BLOCK_BYTES, first=first)
        if not any(block):
            return None
        try:
            return tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        except tarfile.TarError as error:
            if first:
                raise unknown("It is no tar archive.") from error
            raise damaged("A member's header is broken.") from error

    def _member(self, header: tarfile.TarInfo) -> Member:
        """Read a member and the extension headers before it."""
        name, size_bytes, limit = "", None, 3
        while header.type in (tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME):
            limit -= 1
            if header.type == tarfile.XHDTYPE:
                size_bytes = self._extended_size(header)
            else:
                name = self._long_name(header)
            following = self._header()
            if following is None or not limit:
                raise unsafe("has headers that belong to nothing.", name or header.name)
            header = following
        name = name or header.name
        if header.type not in (*_FILES, tarfile.DIRTYPE):
            raise unsafe(_NATURES.get(header.type, "is of an unknown kind."), name)
        size_bytes = header.size if size_bytes is None else size_bytes
        if size_bytes < 0 or (size_bytes and header.isdir()):
            raise unsafe("has an impossible size.", name)
        return Member(name.rstrip("/") if header.isdir() else name, size_bytes, header.isdir())

    def _extended_size(self, header: tarfile.TarInfo) -> int | None:
        """Read a pax header; the only override accepted is a size too large for the plain header."""
        content = self._extension(header, MAX_EXTENSION_BYTES)
        at, size_bytes = 0, None
        while at < len(content):
            match = _RECORD.match(content, at)
            length = int(match[1]) if match else 0
            if match is None or at + length > len(content) or content[at + length - 1 : at + length] != b"\n":
                raise unsafe("has a malformed extended header.", header.name)
            key, value = match[2].decode("utf-8", "replace"), content[match.end() : at + length - 1]
            if key == "size" and re.fullmatch(rb"\d{1,18}", value):
                size_bytes = int(value)
            elif not _HARMLESS.fullmatch(key):
                raise unsafe(f"has an extended header that overrides {ascii(key)[:60]}.", header.name)
            at += length
        return size_bytes

    def _long_name(self, header: tarfile.TarInfo) -> str:
        return self._extension(header, MAX_NAME_BYTES).rstrip(b"\0").decode("utf-8", "surrogateescape")

    def _extension(self, header: tarfile.TarInfo, max_bytes: int) -> bytes:
        if not 0 < header.size <= max_bytes:
            raise unsafe("has an extended header of an impossible size.", header.name)
        content = self._exactly(header.size)
        self._exactly(-header.size % BLOCK_BYTES)
        return content

    def _refuse_trailing_data(self) -> None:
        while data := self._some(BLOCK_BYTES * BLOCK_BYTES):
            if any(data.strip(b"\0")):
                raise unsafe("Something is hidden behind the archive's end.")

    def _exactly(self, size_bytes: int, *, first: bool = False) -> bytes:
        content = bytearray()
        while len(content) < size_bytes:
            data = self._some(size_bytes - len(content))
            if not data:
                raise unknown("It is no tar archive.") if first else damaged("The archive is cut short.")
            content += data
        return bytes(content)

    def _some(self, max_bytes: int) -> bytes:
        while not self._piece:
            piece = next(self._pieces, None)
            if piece is None:
                return b""
            self._piece = memoryview(piece)
        data = bytes(self._piece[:max_bytes])
        self._piece = self._piece[max_bytes:]
        return data
