"""Stores, lists and fetches one environment's backups in its bucket."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from bot.adapters.storage import read_back
from bot.adapters.storage.bundles import GzipSink, Meter, hash_dump, measure_dump, write_bundle
from bot.adapters.storage.catalogue import BundleCatalogue
from bot.adapters.storage.corruption import CorruptedDownload
from bot.adapters.storage.documents import write_manifest, write_sidecar, write_verification
from bot.adapters.storage.download import ObjectDownload
from bot.adapters.storage.exports import S3ExportStore
from bot.adapters.storage.failures import damaged
from bot.adapters.storage.reading import DirectoryScratch, NoScratch, check_environment, read_bundle
from bot.adapters.storage.signatures import DocumentSigner, not_signable, refuse_wrong
from bot.adapters.storage.upload import ObjectUpload, part_size_for, put_json
from bot.domain.backups import (
    BUNDLE_SUFFIX,
    SIDECAR_SUFFIX,
    VERIFIED_SUFFIX,
    Backup,
    BackupName,
    BackupPage,
    BackupSearch,
    Manifest,
    StoredObject,
    Verification,
)
from bot.domain.bundle_limits import LIMITS, BundleLimits
from bot.domain.drills import Corruption
from bot.domain.environments import BackupTarget
from bot.domain.signing import Keyring, Purpose, SignatureState
from bot.errors import PermanentError
from bot.ports import FetchedBundle, Report

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_TAR_OVERHEAD_BYTES = 2048  # a member's header and padding, generously


class S3BackupStore:
    """Implements `bot.ports.BackupStore`.

    A bundle is ``{name}.tar.gz`` with ``{name}.manifest.json`` beside it, written last. Our own bundle without that
    sidecar is unfinished, so it is neither listed nor found; other tools' bundles need none.

    Args:
        client: see `client.connect`; shared between threads.
        environment: its name.
        target: its bucket.
        keyring: signs what is stored; what is read is ours only if it verifies.
        compression_level: gzip's, 0…9.
        limits: of bundles, written and read.
    """

    def __init__(
        self,
        client: "S3Client",
        environment: str,
        target: BackupTarget,
        keyring: Keyring,
        *,
        compression_level: int = 0,
        limits: BundleLimits = LIMITS,
    ) -> None:
        self._client = client
        self._environment = environment
        self._bucket = target.bucket
        self._level = compression_level  # decision 15: 0, because a dump's files are compressed already
        self._limits = limits
        self._signer = DocumentSigner(keyring, environment)
        self._catalogue = BundleCatalogue(client, target.bucket, environment, limits, self._signer)

    def list_backups(self, limit: int | None = None) -> Sequence[Backup]:
        """See `bot.ports.BackupStore.list_backups`. Sidecars are read once and cached by their ETag."""
        return list(islice(self._catalogue.newest(), limit))

    def list_page(self, text: str = "", offset: int = 0, limit: int = 10) -> BackupPage:
        """See `bot.ports.BackupStore.list_page`."""
        return self._catalogue.page(text, offset, limit)

    def newest_before(self, schema_version: int) -> BackupSearch:
        """See `bot.ports.BackupStore.newest_before`."""
        return self._catalogue.newest_before(schema_version)

    def find(self, name: str) -> Backup | None:
        """See `bot.ports.BackupStore.find`."""
        wanted = self._catalogue.parse_name(name)
        return self._catalogue.find(wanted) if wanted else None

    def fetch(self, backup: Backup, directory: Path, report: Report) -> FetchedBundle:
        """See `bot.ports.BackupStore.fetch`. A directory that is not empty is refused, and stays as it is."""
        backup = self._whole(backup)
        return self._fetch(backup, directory, self._download(backup, report))

    def fetch_corrupted(self, backup: Backup, directory: Path, corrupt: Corruption, report: Report) -> FetchedBundle:
        """See `bot.ports.BackupStore.fetch_corrupted`."""
        backup = self._whole(backup)
        return self._fetch(backup, directory, CorruptedDownload(self._download(backup, report), backup, corrupt))

    def _fetch(self, backup: Backup, directory: Path, download: ObjectDownload | CorruptedDownload) -> FetchedBundle:
        check_environment(backup, self._environment)
        scratch = DirectoryScratch(directory)
        try:
            fetched = read_bundle(backup, download, scratch, self._limits)
        except BaseException:
            scratch.empty()
            raise
        if backup.is_signed or fetched.manifest is None:
            return fetched
        # What is not signed makes nobody an owner, and grants nothing.
        return replace(fetched, manifest=replace(fetched.manifest, database=None))

    def verify_names(self, backup: Backup, report: Report) -> None:
        """See `bot.ports.BackupStore.verify_names`."""
        check_environment(backup, self._environment)
        backup = self._whole(backup)
        read_bundle(backup, self._download(backup, report), NoScratch(), self._limits)

    def _whole(self, backup: Backup) -> Backup:
        """Read the manifest again of a backup from a list that has left its files out."""
        if backup.manifest is None or backup.manifest.files:
            return backup
        found = self._catalogue.find(backup.name)
        if found is None or found.manifest is None or found.stored != backup.stored:
            raise damaged(f"{backup.stored.key} was replaced since it was listed.")
        return found

    def store_verification(self, backup: Backup, verification: Verification) -> None:
        """See `bot.ports.BackupStore.store_verification`. Stored as ``{name}.verified.json`` beside the bundle."""
        key, document = f"{backup.name}{VERIFIED_SUFFIX}", write_verification(verification, backup.stored)
        signed = self._signer.sign(Purpose.NOTE, key, document)
        put_json(self._client, self._bucket, key, signed, replace=True)
        self._catalogue.forget_listing()

    def put_bundle(self, directory: Path, manifest: Manifest, report: Report) -> Backup:
        """See `bot.ports.BackupStore.put_bundle`. The manifest's `files` are measured here.

        Progress counts every byte of the dump twice: hashed, then sent.
        """
        # decision 37: it counts as taken once our own reader has accepted it from the bucket.
        name = self._catalogue.parse_name(manifest.name)
        if name is None or str(name) != manifest.name:
            raise PermanentError("bad-backup-name", f"{manifest.name!r} is no backup name of {self._environment}.")
        self._refuse_existing(name)
        size_bytes = measure_dump(directory, self._limits)
        meter = Meter(2 * size_bytes, report)
        manifest = replace(manifest, files=hash_dump(directory, meter))
        bundle = self._upload_bundle(directory, manifest, size_bytes, meter)
        backup = Backup(name, bundle, manifest, signature=SignatureState.VALID)
        read_back.check_bundle(backup, self._download(backup, lambda _: None), self._limits)
        self._put_sidecar(backup, manifest, replace_it=False)
        self._catalogue.forget_listing()
        read_back.check_sidecar(backup, self._catalogue.find(name))
        return backup

    def _put_sidecar(self, backup: Backup, manifest: Manifest, *, replace_it: bool) -> None:
        key = f"{backup.name}{SIDECAR_SUFFIX}"
        # decision 44: the signature covers the manifest, and by its digest the object: neither can be exchanged.
        signed = self._signer.sign(Purpose.BUNDLE, key, write_sidecar(manifest, backup.stored))
        put_json(self._client, self._bucket, key, signed, replace=replace_it)

    def adopt(self, backup: Backup, report: Report) -> Backup:
        """See `bot.ports.BackupStore.adopt`."""
        whole = self._whole(backup)
        if whole.manifest is None:
            raise not_signable(f"{backup.name} has no manifest that is about it.")
        refuse_wrong(str(backup.name), backup.signature)
        self.verify_names(whole, report)
        self._put_sidecar(whole, whole.manifest, replace_it=True)
        self._catalogue.forget_listing()
        adopted = self._catalogue.find(backup.name)
        read_back.check_sidecar(replace(whole, signature=SignatureState.VALID), adopted)
        return adopted or whole

    def open_export(self, run_id: str) -> S3ExportStore:
        """See `bot.ports.BackupStore.open_export`."""
        return S3ExportStore(self._client, self._bucket, run_id, self._signer)

    @contextmanager
    def open_text(self, key: str) -> Iterator[Callable[[bytes], None]]:
        """See `bot.ports.BackupStore.open_text`."""
        with ObjectUpload(self._client, self._bucket, key, content_type="application/gzip", replace=True) as upload:
            compressed = GzipSink(upload, self._level)
            yield compressed.write
            compressed.finish()

    def _upload_bundle(self, directory: Path, manifest: Manifest, size_bytes: int, meter: Meter) -> StoredObject:
        document = write_manifest(manifest)
        self._limits.check_manifest(len(document))
        max_bytes = size_bytes + len(document) + _TAR_OVERHEAD_BYTES * (len(manifest.files) + 10)
        part_size_bytes = part_size_for(max_bytes + max_bytes // 1000)  # gzip adds a little to what does not shrink
        upload = ObjectUpload(
            self._client,
            self._bucket,
            f"{manifest.name}{BUNDLE_SUFFIX}",
            content_type="application/gzip",
            part_size_bytes=part_size_bytes,
        )
        with upload:
            compressed = GzipSink(upload, self._level)
            write_bundle(directory, manifest.files, document, compressed, meter)
            compressed.finish()
        return upload.result

    def _refuse_existing(self, name: BackupName) -> None:
        # Checked before the upload too: a store that ignores If-None-Match would overwrite silently.
        found = self._catalogue.entries(str(name))
        if f"{name}{BUNDLE_SUFFIX}" in found or f"{name}{SIDECAR_SUFFIX}" in found:
            raise PermanentError(
                "backup-exists", f"There is a backup {name} in bucket {self._bucket} already.", "Choose another label."
            )

    def _download(self, backup: Backup, report: Report) -> ObjectDownload:
        return ObjectDownload(self._client, self._bucket, backup.stored, report)
