"""Writes a dump directory as a bundle, straight into a sink: ``manifest.json`` first, then ``dump/…``."""

import hashlib
import io
import os
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Protocol, cast

from bot.domain.backups import BundleFile
from bot.domain.bundle_limits import BundleLimits
from bot.domain.runs import Progress
from bot.errors import PermanentError
from bot.ports import Report

MANIFEST_MEMBER = "manifest.json"
DUMP_PREFIX = "dump/"
_CHUNK_BYTES = 1024 * 1024
_GZIP_BITS = 31
_RETRY_HINT = "Take the dump again into an empty directory."


class Readable(Protocol):
    """A source of bytes."""

    def read(self, size: int, /) -> bytes:
        """Read up to `size` bytes."""


class Sink(Protocol):
    """Takes bytes."""

    def write(self, data: bytes, /) -> object:
        """Take the next bytes."""


class Meter:
    """Counts bytes, and reports them at most about 100 times."""

    def __init__(self, total_bytes: int, report: Report) -> None:
        self._total_bytes = total_bytes
        self._report = report
        self._done_bytes = self._reported_bytes = 0
        self._step_bytes = max(_CHUNK_BYTES, total_bytes // 100)

    def add(self, size_bytes: int) -> None:
        """Count bytes."""
        self._done_bytes += size_bytes
        if self._done_bytes - self._reported_bytes >= self._step_bytes or self._done_bytes == self._total_bytes:
            self._reported_bytes = self._done_bytes
            self._report(Progress(self._done_bytes, self._total_bytes, "bytes"))


class HashedReader(io.RawIOBase):
    """Hashes and counts bytes as they are read."""

    def __init__(self, source: Readable, meter: Meter | None = None) -> None:
        super().__init__()
        self._source = source
        self._meter = meter
        self.digest = hashlib.sha256()

    def readable(self) -> bool:
        """See `io.RawIOBase.readable`."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Read up to `size` bytes."""
        data = self._source.read(size)
        self.digest.update(data)
        if self._meter is not None:
            self._meter.add(len(data))
        return data


class GzipSink:
    """Compresses into another sink. Call `finish` at the end."""

    def __init__(self, sink: Sink, level: int) -> None:
        self._sink = sink
        self._compressor = zlib.compressobj(level, zlib.DEFLATED, _GZIP_BITS)

    def write(self, data: bytes) -> None:
        """Compress the next bytes."""
        self._put(self._compressor.compress(data))

    def finish(self) -> None:
        """Write the rest and gzip's trailer."""
        self._put(self._compressor.flush())

    def _put(self, data: bytes) -> None:
        if data:
            self._sink.write(data)


def measure_dump(directory: Path, limits: BundleLimits) -> int:
    """Sum up the bytes of the dump's files.

    Raises:
        PermanentError: ``dump-unreadable`` unless it is all plain files, ``backup-too-many-files``.
    """
    files = size_bytes = 0
    try:
        with os.scandir(directory) as entries:  # not kept: there may be 200,000
            for entry in entries:
                if not entry.is_file(follow_symlinks=False):
                    files = 0
                    break
                files += 1
                size_bytes += entry.stat(follow_symlinks=False).st_size
    except OSError as error:
        raise _unreadable(error) from error
    if files:
        limits.check_files(files, "as pg_dump wrote it")
        return size_bytes
    raise PermanentError("dump-unreadable", "The dump directory must hold plain files and nothing else.", _RETRY_HINT)


def hash_dump(directory: Path, meter: Meter) -> tuple[BundleFile, ...]:
    """Measure and hash every file, in the order of the archive. Raises ``dump-unreadable``."""
    # The table of contents comes first, so that a listing of the dump is quick.
    names = sorted(os.listdir(directory), key=lambda name: (name != "toc.dat", name))  # noqa: PTH208 -- paths take more
    return tuple(_hash_file(directory / name, meter) for name in names)


def write_bundle(directory: Path, files: tuple[BundleFile, ...], manifest: bytes, sink: Sink, meter: Meter) -> None:
    """Write the archive's uncompressed bytes. Raises ``dump-changed`` when a file differs from what was hashed."""
    # tarfile's stream mode needs nothing of a file but `write`.
    with tarfile.open(mode="w|", fileobj=cast("IO[bytes]", sink), bufsize=_CHUNK_BYTES) as archive:
        archive.addfile(_member(MANIFEST_MEMBER, len(manifest)), io.BytesIO(manifest))
        for file in files:
            with _opened(directory / file.name.removeprefix(DUMP_PREFIX), meter) as source:
                _add_file(archive, file, source)
            # tarfile keeps every header, 1 KB each, for a listing that nobody asks for; its stubs do not know.
            archive.members.clear()  # type: ignore[attr-defined] # see above


def _add_file(archive: tarfile.TarFile, file: BundleFile, source: HashedReader) -> None:
    try:
        archive.addfile(_member(file.name, file.size_bytes), source)
    except OSError as error:  # tarfile raises it for a file that has become shorter
        raise _changed(file) from error
    if source.digest.hexdigest() != file.sha256:
        raise _changed(file)


def _hash_file(path: Path, meter: Meter) -> BundleFile:
    size_bytes = 0
    with _opened(path, meter) as source:
        while data := source.read(_CHUNK_BYTES):
            size_bytes += len(data)
    return BundleFile(DUMP_PREFIX + path.name, size_bytes, source.digest.hexdigest())


@contextmanager
def _opened(path: Path, meter: Meter) -> Iterator[HashedReader]:
    try:
        file = path.open("rb")
    except OSError as error:
        raise _unreadable(error) from error
    with file:
        yield HashedReader(file, meter)


def build_header(name: str, size_bytes: int) -> bytes:
    """Build a member's header as `write_bundle` writes it."""
    return _member(name, size_bytes).tobuf(tarfile.DEFAULT_FORMAT, "utf-8", "surrogateescape")


def _member(name: str, size_bytes: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)  # owner root, no times: the same dump makes the same archive
    member.size = size_bytes
    member.mode = 0o600
    return member


def _changed(file: BundleFile) -> PermanentError:
    return PermanentError("dump-changed", f"{file.name} changed while it was being bundled.", _RETRY_HINT)


def _unreadable(error: OSError) -> PermanentError:
    return PermanentError("dump-unreadable", f"The dump cannot be read: {error.strerror}.", _RETRY_HINT)
