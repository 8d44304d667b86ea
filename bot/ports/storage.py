"""An environment's bucket."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from bot.domain.backups import (
    Backup,
    BackupPage,
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
        """Everything that is named like a backup of this environment, newest first; foreign objects left out.

        Looked up fresh. Reads a sidecar for each the first time, so ask for no more than is needed.

        Args:
            limit: how many at most; None for all.
        """

    def list_page(self, text: str = "", offset: int = 0, limit: int = 10) -> BackupPage:
        """A page of the list for people to look at, newest first; may be some seconds old, but for our own writes.

        Args:
            text: words that must all be in the name, whatever their case; "" for all.
            offset: 0, or the `next_offset` of the page before.
            limit: backups on a page, 1 or more.
        """

    def newest_before(self, schema_version: int) -> Backup | None:
        """The newest bundle whose manifest has an older (and known) schema version; looked up fresh."""

    def find(self, name: str) -> Backup | None:
        """One backup by its name; None when there is none or it is incomplete."""

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
        """Fetch it as `fetch` does, by the same path and the same checks, but from bytes that are spoilt on their way.

        Nothing is written to the bucket. Whatever it gives was accepted, and should not have been.

        Raises:
            PermanentError, TemporaryError: as `fetch`.
        """

    def verify_names(self, backup: Backup, report: Report) -> None:
        """Read a bundle to its end as `fetch` does, but write nothing: level 1 of its verification.

        Raises:
            PermanentError, TemporaryError: as `fetch`.
        """

    def note_verified(self, backup: Backup, verification: Verification) -> None:
        """Keep what was proven (or not) of exactly that object; it is its `verified` from then on."""

    def put_bundle(self, directory: Path, manifest: Manifest, report: Report) -> Backup:
        """Bundle the dump directory, upload it, and write the sidecar last. Never overwrites.

        Raises:
            PermanentError: ``backup-exists``, ``bucket-not-found``, ``storage-forbidden``.
            TemporaryError: ``storage-unavailable``.
        """

    def open_export(self, run_id: str) -> "ExportStore":
        """Where a run's saved rows go."""

    def open_text(self, key: str) -> AbstractContextManager[Callable[[bytes], None]]:
        """Store a text of any size as gzip, as it comes; there only if the context ends without an exception."""


class ExportStore(Protocol):
    """A run's saved rows, ``exports/{run}/…`` in the bucket."""

    def sink(self) -> TableSink:
        """Take rows in: one gzip-compressed CSV object a relation, streamed."""

    def finish(self, sequences: Sequence[SavedSequence], contents: Sequence[TableContent] = ()) -> Export:
        """Re-read each stored object's size and row count, then write ``export.json``, with the contents' hashes.

        Raises:
            PermanentError: ``export-damaged``.
        """

    def existing(self) -> Export | None:
        """The finished export, if there is one."""

    def read(self, table: SavedTable) -> Iterator[bytes]:
        """The CSV bytes of a saved relation, in pieces; its digest and rows are compared at the end.

        Raises:
            PermanentError: ``export-damaged``: gone, cut, or not what ``export.json`` says.
        """
