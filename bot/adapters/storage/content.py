"""The one file of an old bundle: what kind of dump it is, told by its content."""

from collections.abc import Iterator

from bot.adapters.storage.plain_sql import HEAD_BYTES, PlainInspector, looks_plain
from bot.adapters.storage.refusals import unknown
from bot.adapters.storage.unpacked import GZIP_MAGIC, Budget, gunzip
from bot.domain.backups import BundleKind

_CUSTOM_MAGIC = b"PGDMP"
_FORMAT_AT = 10  # after the magic, three bytes of version, the sizes of an int and of an offset
_CUSTOM_FORMAT = 1
_TAR_MAGIC, _TAR_MAGIC_AT = b"ustar", 257
_TAR_FIRST = b"toc.dat\0"


class Content:
    """A dump's bytes, decompressed if they were compressed.

    Attributes:
        kind: what it is.
        size_bytes: of what `pieces` has given.
    """

    def __init__(self, name: str, kind: BundleKind, head: bytes, rest: Iterator[bytes]) -> None:
        self._name = name
        self._head, self._rest = head, rest
        self.kind = kind
        self.size_bytes = 0

    def pieces(self) -> Iterator[bytes]:
        """Give all of it; a plain dump is judged before it is given.

        Raises:
            PermanentError: ``bundle-unsafe``, ``bundle-damaged``, ``bundle-unknown``.
        """
        inspector = PlainInspector(self._name) if self.kind is BundleKind.PLAIN else None
        for piece in _chain(self._head, self._rest):
            if inspector is not None:
                inspector.feed(piece)
            self.size_bytes += len(piece)
            yield piece
        if inspector is not None:
            inspector.finish()


def open_content(name: str, pieces: Iterator[bytes], budget: Budget) -> Content:
    """Look at a file's beginning.

    Args:
        name: the member's, for the refusals.
        pieces: its bytes.
        budget: what decompressing may yield.

    Raises:
        PermanentError: ``bundle-unknown``: no dump.
    """
    head = _head(pieces)
    if head.startswith(GZIP_MAGIC):
        pieces = gunzip(_chain(head, pieces), budget)
        head = _head(pieces)
    kind = _kind(head)
    if kind is None:
        raise unknown("is no dump by its content.", name)
    return Content(name, kind, head, pieces)


def _kind(head: bytes) -> BundleKind | None:
    if head.startswith(_CUSTOM_MAGIC):
        return BundleKind.CUSTOM if head[_FORMAT_AT : _FORMAT_AT + 1] == bytes([_CUSTOM_FORMAT]) else None
    if head[_TAR_MAGIC_AT:].startswith(_TAR_MAGIC):
        return BundleKind.TAR if head.startswith(_TAR_FIRST) else None
    return BundleKind.PLAIN if looks_plain(head) else None


def _head(pieces: Iterator[bytes]) -> bytes:
    head = b""
    while len(head) < HEAD_BYTES and (piece := next(pieces, b"")):
        head += piece
    return head


def _chain(head: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    if head:
        yield head
    yield from rest
