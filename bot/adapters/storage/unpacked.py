"""Compressed bytes to plain ones, a piece at a time, and never more than was allowed."""

import zlib
from collections.abc import Iterator

from bot.adapters.storage.refusals import damaged, unknown
from bot.errors import BotError

PIECE_BYTES = 1024 * 1024
GZIP_MAGIC = b"\x1f\x8b"
_GZIP_BITS = 31


class Budget:
    """How much may come out. `error` is what is raised when it does not suffice."""

    def __init__(self, limit_bytes: int, error: BotError) -> None:
        self._left_bytes = limit_bytes
        self._error = error

    def require(self, size_bytes: int) -> None:
        """Refuse a declared size that could never fit."""
        if size_bytes > self._left_bytes:
            raise self._error

    def spend(self, size_bytes: int) -> None:
        """Count what came out."""
        self.require(size_bytes)
        self._left_bytes -= size_bytes


def gunzip(chunks: Iterator[bytes], budget: Budget) -> Iterator[bytes]:
    """Decompress one gzip stream, or several in a row, in pieces of at most `PIECE_BYTES`.

    Raises:
        PermanentError: ``bundle-unknown``: no gzip at all; ``bundle-damaged``: cut short, wrong checksum, something
            else behind it; the budget's own error.
    """
    inflater = _Inflater()
    for chunk in chunks:
        for piece in inflater.inflate(chunk):
            budget.spend(len(piece))
            yield piece
    for piece in inflater.finish():
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
