"""Declares the ports of an environment's bucket: its backups, and the rows that runs save."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from bot.domain.backups import (
    Backup,
    BackupPage,
    BackupSearch,
    Export,
    Manifest,
    SavedSequence,
    SavedTable,
    TableContent,
    Verification,
)
from bot.domain.drills import Corruption
from bot.ports.bundles import FetchedBundle, Report, TableSink


class BackupStore(Protocol):
    """One environment's bucket."""

    def list_backups(self, limit: int | None = None) -> Sequence[Backup]:
        """List everything that is named like a backup of this environment, newest first, `limit` at most (None: all).

        Also what Backstop has not made: see `Backup.signature`.

        Never cached. Reads each sidecar the first time, so request no more than is needed. A manifest of more than some
        thousand files comes without them; `find` has them, and `fetch` reads them again.
        """

    def list_page(self, text: str = "", offset: int = 0, limit: int = 10) -> BackupPage:
        """List a page for people, newest first; it may be some seconds old, except for our own writes.

        Args:
            text: words that must all be in the name, in any case; "" for all.
            offset: 0, or the previous page's `next_offset`.
            limit: backups per page, 1 or more.
        """

    def newest_before(self, schema_version: int) -> BackupSearch:
        """Find the newest bundle of ours whose manifest has an older (and known) schema version; never cached.

        Bounded in time and memory: it looks at the newest bundles only, and says at how many.
        """

    def find(self, name: str) -> Backup | None:
        """Find a backup by its name; None when there is none or it is incomplete."""

    def fetch(self, backup: Backup, directory: Path, report: Report) -> FetchedBundle:
        """Download a bundle into an empty directory, unpacking it on the way; nothing unsafe is ever written.

        Raises:
            PermanentError: ``bundle-unsafe`` (traversal, link, device, bomb, duplicate or unknown member),
                ``bundle-damaged`` (truncated, wrong digest or size, tampered manifest), ``bundle-foreign`` (another
                environment's), ``bundle-unknown`` (no dump in it), ``object-not-found``, ``scratch-full``; the
                directory is emptied.
            TemporaryError: ``storage-unavailable``.
        """

    def fetch_corrupted(self, backup: Backup, directory: Path, corrupt: Corruption, report: Report) -> FetchedBundle:
        """Fetch as `fetch` does, through the same checks, but corrupt the bytes on their way; the bucket is unchanged.

        Whatever it returns was accepted, and should have been refused.

        Raises:
            PermanentError, TemporaryError: as `fetch`.
        """

    def verify_names(self, backup: Backup, report: Report) -> None:
        """Read a bundle to its end as `fetch` does, but write nothing: level 1 of its verification."""

    def store_verification(self, backup: Backup, verification: Verification) -> None:
        """Store the verification of exactly that object, as its `verified` from then on."""

    def put_bundle(self, directory: Path, manifest: Manifest, report: Report) -> Backup:
        """Bundle the dump directory, upload it, write the sidecar last, and read back the stored. Never overwrites.

        Raises:
            PermanentError: ``backup-exists``, ``bucket-not-found``, ``storage-forbidden``; ``backup-too-many-files``,
                ``backup-manifest-too-large`` (nothing was stored); ``backup-not-accepted`` (stored, and unreadable).
            TemporaryError: ``storage-unavailable``.
        """

    def adopt(self, backup: Backup, report: Report) -> Backup:
        """Read a bundle that is not signed to its end, and sign its manifest: somebody vouches for it.

        Raises:
            PermanentError: ``bundle-not-signable``: it has no manifest, or its signature is wrong; as `verify_names`.
            TemporaryError: ``storage-unavailable``.
        """

    def open_export(self, run_id: str) -> "ExportStore":
        """Open the store of a run's saved rows."""

    def open_text(self, key: str) -> AbstractContextManager[Callable[[bytes], None]]:
        """Stream a text into a gzip object, which exists only if the context ends without an exception."""


class ExportStore(Protocol):
    """A run's saved rows, ``exports/{run}/…`` in the bucket."""

    def sink(self) -> TableSink:
        """Start an export: one gzip-compressed CSV object per relation, streamed."""

    def finish(self, sequences: Sequence[SavedSequence], contents: Sequence[TableContent] = ()) -> Export:
        """Re-read each stored object's size and row count, then write ``export.json``, with the contents' hashes.

        Raises:
            PermanentError: ``export-damaged``.
        """

    def existing(self) -> Export | None:
        """Read the finished export; None when there is none.

        Raises:
            PermanentError: ``export-unsigned``: Backstop has not signed it; ``export-damaged``.
        """

    def adopt(self) -> Export | None:
        """Read an export that is not signed to its end, and sign it: somebody vouches for it. None: there is none.

        Raises:
            PermanentError: ``export-damaged``; ``bundle-not-signable``: its signature is wrong.
        """

    def read(self, table: SavedTable) -> Iterator[bytes]:
        """Yield the CSV bytes of a saved relation, in pieces; compare digest and row count at the end.

        Raises:
            PermanentError: ``export-damaged``: gone, cut, or not what ``export.json`` says.
        """
