"""Corrupts bundles on their way from the bucket, for a drill's negative control; the stored object stays as it is."""

import hashlib
import sys
import zlib
from collections.abc import Iterator

from bot.adapters.storage.archive import BLOCK_BYTES, Budget, TarStream, gunzip
from bot.adapters.storage.bundles import MANIFEST_MEMBER, build_header
from bot.adapters.storage.download import ObjectDownload
from bot.adapters.storage.failures import damaged
from bot.domain.backups import Backup
from bot.domain.drills import Corruption

# Decision 25: the stream is corrupted, not the bucket: the bot cannot delete, so it must not upload rubbish.
CUT_AT = 0.57
"""Share of the bundle that is left; ``pg_restore -l`` still accepts a dump cut there."""
_GZIP_BITS = 31
_STORED = 0


class CorruptedDownload:
    """A download that corrupts the bundle; `digest` is that of the corrupted bytes, so it is no protection here."""

    def __init__(self, download: ObjectDownload, backup: Backup, corrupt: Corruption) -> None:
        self._download = download
        self._backup = backup
        self._corrupt = corrupt
        self.digest = hashlib.sha256()

    def chunks(self) -> Iterator[bytes]:
        """Yield the corrupted bytes. Raises what `ObjectDownload.chunks` raises."""
        for chunk in self._corrupted(self._download.chunks()):
            self.digest.update(chunk)
            yield chunk

    def _corrupted(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        size_bytes = self._backup.stored.size_bytes
        if self._corrupt is Corruption.CUT:
            return _cut(chunks, int(size_bytes * CUT_AT))
        if self._corrupt is Corruption.FLIPPED:
            return _flipped(chunks, size_bytes // 2)
        # Decision 25: these copies are sound for gzip and tar, so only our digests can refuse them.
        return _compressed(_repacked(chunks, self._backup, self._corrupt))


def _cut(chunks: Iterator[bytes], size_bytes: int) -> Iterator[bytes]:
    for chunk in chunks:
        if len(chunk) >= size_bytes:
            yield chunk[:size_bytes]
            return
        size_bytes -= len(chunk)
        yield chunk


def _flipped(chunks: Iterator[bytes], at: int) -> Iterator[bytes]:
    for chunk in chunks:
        if 0 <= at < len(chunk):
            yield chunk[:at] + bytes([chunk[at] ^ 1]) + chunk[at + 1 :]
        else:
            yield chunk
        at -= len(chunk)


def _compressed(pieces: Iterator[bytes]) -> Iterator[bytes]:
    compressor = zlib.compressobj(_STORED, zlib.DEFLATED, _GZIP_BITS)
    for piece in pieces:
        if data := compressor.compress(piece):
            yield data
    yield compressor.flush()


def _repacked(chunks: Iterator[bytes], backup: Backup, corrupt: Corruption) -> Iterator[bytes]:
    """Repack the archive without its last members, or with one byte changed in the middle of the largest."""
    files = backup.manifest.files if backup.manifest else ()
    kept = files[: int(len(files) * CUT_AT)] if corrupt is Corruption.SHORTENED else files
    names = {MANIFEST_MEMBER, *(file.name for file in kept)}
    largest = max(files, key=lambda file: file.size_bytes, default=None)
    archive = TarStream(gunzip(chunks, Budget(sys.maxsize, damaged("It is larger than anything."))))
    for member in archive.members():
        if member.name not in names:
            continue
        yield build_header(member.name, member.size_bytes)
        edited = corrupt is Corruption.EDITED and largest is not None and member.name == largest.name
        yield from _flipped(archive.content(), member.size_bytes // 2) if edited else archive.content()
        yield bytes(-member.size_bytes % BLOCK_BYTES)
    yield bytes(2 * BLOCK_BYTES)
