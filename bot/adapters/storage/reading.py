"""Reads a bundle from the bucket to its end: checks every member, and unpacks it or only looks at it."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from bot.adapters.storage.archive import BLOCK_BYTES, PIECE_BYTES, Budget, TarStream, gunzip
from bot.adapters.storage.corruption import CorruptedDownload
from bot.adapters.storage.download import ObjectDownload
from bot.adapters.storage.failures import damaged, foreign, scratch_full, unsafe
from bot.adapters.storage.layouts import OldLayout, OurLayout, Scratch
from bot.domain.backups import Backup, Manifest
from bot.domain.bundle_limits import BundleLimits
from bot.errors import PermanentError
from bot.ports import FetchedBundle

MAX_RATIO = 200
"""Limit of what an old bundle may unpack to, as a multiple of its size."""
_SMALL_BYTES = 1024 * 1024
_RECORD_BYTES = 10 * 1024  # an archive is padded to whole records
_HEADERS = 6  # blocks a member may take besides its content: its header, an extension, paddings
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def check_environment(backup: Backup, environment: str) -> None:
    """Check that name and manifest belong to that environment, and to each other."""
    manifest = backup.manifest
    for named in (backup.name.environment, manifest.environment if manifest else environment):
        if named != environment:
            raise foreign(f"{backup.name} is a backup of {ascii(named)[:80]}, not of {environment}.")
    if manifest and (manifest.name, manifest.label) != (str(backup.name), backup.name.label):
        raise damaged(f"The manifest of {backup.name} speaks of another backup.")


class NoScratch:
    """Discards what is unpacked."""

    path = Path(os.devnull)

    @property
    def free_bytes(self) -> None:
        """Any amount."""
        return

    @contextmanager
    def new_file(self, name: str) -> Iterator[IO[bytes]]:
        """Open a sink that discards."""
        del name
        with self.path.open("wb") as output:
            yield output


class DirectoryScratch:
    """Unpacks into an empty directory, which is made if it is missing. Raises ``scratch-not-empty``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(path.iterdir()):
            raise PermanentError("scratch-not-empty", "A bundle is only unpacked into an empty directory.")

    @property
    def free_bytes(self) -> int:
        """Free space of its disk."""
        return shutil.disk_usage(self.path).free

    @contextmanager
    def new_file(self, name: str) -> Iterator[IO[bytes]]:
        """Create a file."""
        place = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            file = os.open(name, _NEW_FILE, 0o600, dir_fd=place)
        except FileExistsError as error:
            raise unsafe("is there twice.", name) from error
        finally:
            os.close(place)
        with os.fdopen(file, "wb") as output:  # buffered: an unbuffered write may take a part and raise nothing
            yield output

    def empty(self) -> None:
        """Remove everything in it."""
        for entry in self.path.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()


def read_bundle(
    backup: Backup, download: ObjectDownload | CorruptedDownload, scratch: Scratch, limits: BundleLimits
) -> FetchedBundle:
    """Read a bundle to its end. Raises what `bot.ports.BackupStore.fetch` names."""
    budget, manifest = _budget(backup, scratch, limits), backup.manifest
    layout = OurLayout(manifest, scratch, limits) if manifest else OldLayout(scratch, budget)
    # One of ours has exactly the members that its manifest names: the layout refuses any other, and doubles.
    max_members = len(manifest.files) + 1 if manifest else limits.max_files
    stream = TarStream(gunzip(download.chunks(), budget))
    with full_disk_refused():
        _take_all(stream, layout, budget, max_members)
    if backup.stored.sha256 and download.digest.hexdigest() != backup.stored.sha256:
        raise damaged(f"{backup.stored.key} is not what was stored: its sha256 differs.")
    kind, path, size_bytes = layout.finish()
    return FetchedBundle(kind, path, backup.manifest, size_bytes, str(backup.name))


def read_beginning(content: bytes, manifest: Manifest, limits: BundleLimits) -> None:
    """Read the beginning of a bundle of ours as `read_bundle` does: its archive, and its manifest.

    Raises:
        PermanentError: as `read_bundle`.
    """
    budget = Budget(len(content) + limits.max_manifest_bytes, unsafe("It unpacks to more than its manifest says."))
    stream, layout = TarStream(gunzip(iter([content]), budget)), OurLayout(manifest, NoScratch(), limits)
    layout.take(next(stream.members()), stream.content())


def _take_all(stream: TarStream, layout: OurLayout | OldLayout, budget: Budget, max_members: int) -> None:
    for count, member in enumerate(stream.members(), start=1):
        if count > max_members and not isinstance(layout, OurLayout):
            raise unsafe(f"There are more than {max_members:,} members.")
        budget.require(member.size_bytes)
        layout.take(member, stream.content())


def _budget(backup: Backup, scratch: Scratch, limits: BundleLimits) -> Budget:
    free_bytes = scratch.free_bytes
    if backup.manifest is None:
        limit_bytes = max(_SMALL_BYTES, MAX_RATIO * backup.stored.size_bytes)
        bomb: PermanentError = unsafe(f"It unpacks to more than {MAX_RATIO} times its size.")
    else:
        files = backup.manifest.files
        content_bytes = sum(file.size_bytes for file in files)
        headers_bytes = _HEADERS * BLOCK_BYTES * (len(files) + 1) + _RECORD_BYTES
        # A member is held against the budget once a part of it may be unpacked, and counted, already.
        limit_bytes = content_bytes + limits.manifest_bytes(backup.manifest) + headers_bytes + PIECE_BYTES
        bomb = unsafe("It unpacks to more than its manifest says.")
        if free_bytes is not None and content_bytes > free_bytes:
            raise scratch_full()
    if free_bytes is not None and free_bytes < limit_bytes:
        return Budget(free_bytes, scratch_full())
    return Budget(limit_bytes, bomb)


@contextmanager
def full_disk_refused() -> Iterator[None]:
    """Raise ``scratch-full`` when the disk is full."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise scratch_full() from error
        raise
