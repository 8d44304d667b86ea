"""A bucket: bundles that are never overwritten, exports that count only when finished."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from bot.domain.backups import (
    Backup,
    BackupName,
    BackupPage,
    BackupSearch,
    BundleKind,
    Export,
    Manifest,
    SavedSequence,
    SavedTable,
    StoredObject,
    TableContent,
    Verification,
)
from bot.domain.drills import Corruption
from bot.domain.runs import Progress
from bot.domain.signing import SignatureState
from bot.errors import BotError, PermanentError
from bot.ports import FetchedBundle, Report


class FakeSink:
    """A `bot.ports.TableSink`."""

    def __init__(self, stored: dict[str, tuple[tuple[str, ...], bytes]]) -> None:
        self._stored = stored

    def table(self, name: str, columns: Sequence[str]) -> AbstractContextManager[Callable[[bytes], None]]:
        return self._table(name, tuple(columns))

    @contextmanager
    def _table(self, name: str, columns: tuple[str, ...]) -> Iterator[Callable[[bytes], None]]:
        chunks: list[bytes] = []
        yield chunks.append
        self._stored[name] = (columns, b"".join(chunks))


class FakeExportStore:
    """A `bot.ports.ExportStore`; `lost_rows` of a table vanish on their way."""

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id
        self.stored: dict[str, tuple[tuple[str, ...], bytes]] = {}
        self.finished: Export | None = None
        self.lost_rows = 0
        self.signature = SignatureState.VALID

    def sink(self) -> FakeSink:
        return FakeSink(self.stored)

    def finish(self, sequences: Sequence[SavedSequence], contents: Sequence[TableContent] = ()) -> Export:
        hashes = {content.table: content.content_hash for content in contents}
        tables = [replace(self._saved(name), content_hash=hashes.get(name, "")) for name in sorted(self.stored)]
        self.finished = Export(self.run_id, f"exports/{self.run_id}/", tuple(tables), tuple(sequences))
        return self.finished

    def existing(self) -> Export | None:
        if self.finished is not None and self.signature is not SignatureState.VALID:
            raise PermanentError("export-unsigned", f"The export of {self.run_id} is {self.signature}.")
        return self.finished

    def adopt(self) -> Export | None:
        self.signature = SignatureState.VALID
        return self.finished

    def read(self, table: SavedTable) -> Iterator[bytes]:
        yield self.stored[table.table][1]

    def _saved(self, name: str) -> SavedTable:
        columns, content = self.stored[name]
        rows = content.count(b"\n") - 1 - self.lost_rows  # the first line is the header
        key = f"exports/{self.run_id}/{name}.csv.gz"
        return SavedTable(name, key, rows, len(content), sha256(content).hexdigest(), columns)


class FakeStore:
    """A `bot.ports.BackupStore`; `damage` is what is found wrong with every bundle that is read, `gullible` to which
    corrupted copies it is blind.
    """

    def __init__(self) -> None:
        self.backups: list[Backup] = []
        self.exports: dict[str, FakeExportStore] = {}
        self.texts: dict[str, str] = {}
        self.damage: BotError | None = None
        self.gullible: set[Corruption] = set()
        self.max_searched = 1000

    def list_backups(self, limit: int | None = None) -> Sequence[Backup]:
        return sorted(self.backups, key=lambda backup: backup.name.created_at, reverse=True)[:limit]

    def list_page(self, text: str = "", offset: int = 0, limit: int = 10) -> BackupPage:
        words = text.lower().split()
        found = [b for b in self.list_backups() if all(word in str(b.name).lower() for word in words)]
        end = offset + limit
        return BackupPage(tuple(found[offset:end]), len(found), end if end < len(found) else None)

    def newest_before(self, schema_version: int) -> BackupSearch:
        known = [b for b in self.list_backups()[: self.max_searched] if b.manifest]
        older = [b for b in known if b.manifest and b.manifest.schema_version < schema_version]
        total = len(self.backups)
        return BackupSearch(older[0] if older else None, min(total, self.max_searched), total)

    def fetch(self, backup: Backup, directory: Path, report: Report) -> FetchedBundle:
        self.verify_names(backup, report)
        kind = BundleKind.DIRECTORY if backup.manifest else BundleKind.PLAIN
        return FetchedBundle(kind, directory, backup.manifest, backup.stored.size_bytes)

    def fetch_corrupted(self, backup: Backup, directory: Path, corrupt: Corruption, report: Report) -> FetchedBundle:
        fetched = self.fetch(backup, directory, report)
        if corrupt not in self.gullible:
            raise PermanentError("bundle-damaged", f"It is {corrupt}.")
        return fetched

    def verify_names(self, backup: Backup, report: Report) -> None:
        report(Progress(0, backup.stored.size_bytes, "bytes"))
        if self.damage is not None:
            raise self.damage

    def store_verification(self, backup: Backup, verification: Verification) -> None:
        self.backups = [replace(b, verified=verification) if b.name == backup.name else b for b in self.backups]

    def find(self, name: str) -> Backup | None:
        return next((backup for backup in self.backups if str(backup.name) == name), None)

    def put_bundle(self, directory: Path, manifest: Manifest, report: Report) -> Backup:
        size_bytes = sum(file.stat().st_size for file in directory.iterdir())
        report(Progress(0, size_bytes, "bytes"))
        if self.find(manifest.name) is not None:
            raise PermanentError("backup-exists", f"{manifest.name} is there already.")
        name = BackupName.parse(manifest.name)
        assert name is not None, manifest.name
        self.backups.append(
            Backup(name, StoredObject(f"{manifest.name}.tar.gz", size_bytes), manifest, signature=SignatureState.VALID)
        )
        return self.backups[-1]

    def adopt(self, backup: Backup, report: Report) -> Backup:
        self.verify_names(backup, report)
        adopted = replace(backup, signature=SignatureState.VALID)
        self.backups = [adopted if b.name == backup.name else b for b in self.backups]
        return adopted

    def open_export(self, run_id: str) -> FakeExportStore:
        return self.exports.setdefault(run_id, FakeExportStore(run_id))

    @contextmanager
    def open_text(self, key: str) -> Iterator[Callable[[bytes], None]]:
        chunks: list[bytes] = []
        yield chunks.append
        self.texts[key] = b"".join(chunks).decode()
