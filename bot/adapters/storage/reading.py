"""A bundle read from the bucket to its end, every member judged, unpacked or only looked at."""

import hashlib
from collections.abc import Iterator
from typing import Protocol

from bot.adapters.storage.layouts import MAX_MANIFEST_BYTES, MAX_MEMBERS, Layout, OldLayout, OurLayout
from bot.adapters.storage.members import BLOCK_BYTES, TarStream
from bot.adapters.storage.refusals import damaged, foreign, scratch_full, unsafe
from bot.adapters.storage.scratch import Scratch, room_watched
from bot.adapters.storage.unpacked import Budget, gunzip
from bot.domain.backups import Backup
from bot.errors import PermanentError
from bot.ports import FetchedBundle

MAX_RATIO = 200
"""What an old bundle may unpack to, as a multiple of its size."""
_SMALL_BYTES = 1024 * 1024
_RECORD_BYTES = 10 * 1024  # an archive is padded to whole records
_HEADERS = 6  # blocks a member may take besides its content: its header, an extension, paddings


def check_environment(backup: Backup, environment: str) -> None:
    """See that name and manifest are of that environment.

    Raises:
        PermanentError: ``bundle-foreign``; ``bundle-damaged``: they do not fit each other.
    """
    manifest = backup.manifest
    for said in (backup.name.environment, manifest.environment if manifest else environment):
        if said != environment:
            raise foreign(f"{backup.name} is a backup of {ascii(said)[:80]}, not of {environment}.")
    if manifest and (manifest.name, manifest.label) != (str(backup.name), backup.name.label):
        raise damaged(f"The manifest of {backup.name} speaks of another backup.")


class Download(Protocol):
    """A bundle's bytes, read once, and the sha256 of those read so far."""

    digest: "hashlib._Hash"

    def chunks(self) -> Iterator[bytes]:
        """Give them."""


def read_bundle(backup: Backup, download: Download, scratch: Scratch) -> FetchedBundle:
    """Read it all.

    Raises:
        PermanentError: as `bot.ports.BackupStore.fetch`.
        TemporaryError: ``storage-unavailable``.
    """
    budget = _budget(backup, scratch)
    layout: Layout = OurLayout(backup.manifest, scratch) if backup.manifest else OldLayout(scratch, budget)
    stream = TarStream(gunzip(download.chunks(), budget))
    with room_watched():
        _take_all(stream, layout, budget)
    if backup.stored.sha256 and download.digest.hexdigest() != backup.stored.sha256:
        raise damaged(f"{backup.stored.key} is not what was stored: its sha256 differs.")
    kind, path, size_bytes = layout.finish()
    return FetchedBundle(kind, path, backup.manifest, size_bytes)


def _take_all(stream: TarStream, layout: Layout, budget: Budget) -> None:
    for count, member in enumerate(stream.members(), start=1):
        if count > MAX_MEMBERS:
            raise unsafe(f"There are more than {MAX_MEMBERS:,} members.")
        budget.require(member.size_bytes)
        layout.take(member, stream.content())


def _budget(backup: Backup, scratch: Scratch) -> Budget:
    free_bytes = scratch.free_bytes
    if backup.manifest is None:
        limit_bytes = max(_SMALL_BYTES, MAX_RATIO * backup.stored.size_bytes)
        bomb: PermanentError = unsafe(f"It unpacks to more than {MAX_RATIO} times its size.")
    else:
        files = backup.manifest.files
        content_bytes = sum(file.size_bytes for file in files)
        limit_bytes = content_bytes + MAX_MANIFEST_BYTES + _HEADERS * BLOCK_BYTES * (len(files) + 1) + _RECORD_BYTES
        bomb = unsafe("It unpacks to more than its manifest says.")
        if free_bytes is not None and content_bytes > free_bytes:
            raise scratch_full()
    if free_bytes is not None and free_bytes < limit_bytes:
        return Budget(free_bytes, scratch_full())
    return Budget(limit_bytes, bomb)
