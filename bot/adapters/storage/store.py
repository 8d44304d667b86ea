"""One environment's bucket: backups in, backups listed, texts stored."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from bot.adapters.storage.bundles import GzipSink, Meter, hash_dump, measure_dump, write_bundle
from bot.adapters.storage.documents import read_sidecar, write_manifest, write_sidecar
from bot.adapters.storage.exports import S3ExportStore
from bot.adapters.storage.failures import is_absent, translated
from bot.adapters.storage.upload import UPLOAD_MARK, ObjectUpload, part_size_for
from bot.domain.backups import BUNDLE_SUFFIX, SIDECAR_SUFFIX, Backup, BackupName, Manifest, StoredObject
from bot.domain.environments import BackupTarget
from bot.errors import PermanentError
from bot.ports import Report

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ObjectTypeDef

_READERS = 16
_TAR_OVERHEAD_BYTES = 2048  # a member's header and padding, generously


@dataclass(frozen=True)
class _Note:
    """What is known of a listed bundle besides its listing: its sidecar, or that it is ours and has none."""

    sidecar: tuple[Manifest, StoredObject] | None
    unfinished: bool


class S3BackupStore:
    """Implements `bot.ports.BackupStore`.

    A bundle is ``{name}.tar.gz`` with ``{name}.manifest.json`` beside it, written last. A bundle of our own making
    without its sidecar is unfinished and is neither listed nor found; other tools' bundles are, without a manifest.

    Args:
        client: see `client.connect`; shared between threads.
        environment: name of the environment whose bucket it is.
        target: where.
        compression_level: gzip's, 1…9, for bundles.
    """

    def __init__(
        self, client: "S3Client", environment: str, target: BackupTarget, *, compression_level: int = 1
    ) -> None:
        self._client = client
        self._environment = environment
        self._bucket = target.bucket
        self._level = compression_level
        self._notes: dict[tuple[str, str], _Note] = {}

    def list_backups(self) -> Sequence[Backup]:
        """See `bot.ports.BackupStore.list_backups`. Sidecars are read once and kept by their ETag."""
        found = self._list_objects(f"{self._environment}_")
        named = [(name, found[key]) for key in found if key.endswith(BUNDLE_SUFFIX) and (name := self._name_of(key))]
        with ThreadPoolExecutor(_READERS, thread_name_prefix="sidecars") as threads:
            backups = list(threads.map(lambda item: self._backup(item[0], item[1], found), named))
        listed = {(entry["Key"], entry["ETag"]) for entry in found.values()}
        self._notes = {place: note for place, note in self._notes.items() if place in listed}
        return sorted(
            filter(None, backups), key=lambda backup: (backup.name.created_at, str(backup.name)), reverse=True
        )

    def find(self, name: str) -> Backup | None:
        """See `bot.ports.BackupStore.find`."""
        wanted = self._name_of(name)
        if wanted is None:
            return None
        found = self._list_objects(str(wanted))
        entry = found.get(f"{wanted}{BUNDLE_SUFFIX}")
        return self._backup(wanted, entry, found) if entry else None

    def put_bundle(self, directory: Path, manifest: Manifest, report: Report) -> Backup:
        """See `bot.ports.BackupStore.put_bundle`. The manifest's `files` are measured here, whatever it says.

        Progress counts every byte of the dump twice: it is hashed, then sent.

        Raises:
            PermanentError: also ``bad-backup-name``, ``dump-unreadable``, ``dump-changed``, ``upload-damaged``.
        """
        name = self._name_of(manifest.name)
        if name is None or str(name) != manifest.name:
            raise PermanentError("bad-backup-name", f"{manifest.name!r} is no backup name of {self._environment}.")
        self._refuse_existing(name)
        size_bytes = measure_dump(directory)
        meter = Meter(2 * size_bytes, report)
        manifest = replace(manifest, files=hash_dump(directory, meter))
        bundle = self._upload_bundle(directory, manifest, size_bytes, meter)
        self._put(f"{name}{SIDECAR_SUFFIX}", write_sidecar(manifest, bundle), "application/json", overwrite=False)
        return Backup(name, bundle, manifest)

    def open_export(self, run_id: str) -> S3ExportStore:
        """See `bot.ports.BackupStore.open_export`."""
        return S3ExportStore(self._client, self._bucket, run_id)

    def put_text(self, key: str, text: str, content_type: str) -> StoredObject:
        """See `bot.ports.BackupStore.put_text`."""
        return self._put(key, text.encode(), content_type, overwrite=True)

    def _upload_bundle(self, directory: Path, manifest: Manifest, size_bytes: int, meter: Meter) -> StoredObject:
        document = write_manifest(manifest)
        most_bytes = size_bytes + len(document) + _TAR_OVERHEAD_BYTES * (len(manifest.files) + 10)
        part_size_bytes = part_size_for(most_bytes + most_bytes // 1000)  # gzip adds a little to what does not shrink
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

    def _put(self, key: str, content: bytes, content_type: str, *, overwrite: bool) -> StoredObject:
        with ObjectUpload(self._client, self._bucket, key, content_type=content_type, replace=overwrite) as upload:
            upload.write(content)
        return upload.result

    def _refuse_existing(self, name: BackupName) -> None:
        # Looked at first as well: a store that does not know If-None-Match overwrites without a word.
        found = self._list_objects(str(name))
        if f"{name}{BUNDLE_SUFFIX}" in found or f"{name}{SIDECAR_SUFFIX}" in found:
            raise PermanentError(
                "backup-exists", f"There is a backup {name} in bucket {self._bucket} already.", "Choose another label."
            )

    def _name_of(self, text: str) -> BackupName | None:
        name = BackupName.parse(text)
        return name if name and name.environment == self._environment else None

    def _list_objects(self, prefix: str) -> Mapping[str, "ObjectTypeDef"]:
        with translated(self._bucket):
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix)
            return {entry["Key"]: entry for page in pages for entry in page.get("Contents", ())}

    def _backup(self, name: BackupName, entry: "ObjectTypeDef", found: Mapping[str, "ObjectTypeDef"]) -> Backup | None:
        note = self._note(entry, found.get(f"{name}{SIDECAR_SUFFIX}"))
        if note is None or note.unfinished:
            return None
        stored = StoredObject(entry["Key"], entry["Size"], modified_at=entry["LastModified"])
        if note.sidecar is None or not _is_about(note.sidecar, name, stored):
            return Backup(name, stored)
        manifest, bundle = note.sidecar
        return Backup(name, replace(stored, version_id=bundle.version_id, sha256=bundle.sha256), manifest)

    def _note(self, entry: "ObjectTypeDef", sidecar: "ObjectTypeDef | None") -> _Note | None:
        source = sidecar or entry
        place = source["Key"], source["ETag"]
        note = self._notes.get(place)
        if note is None:
            with translated(self._bucket):
                try:
                    note = self._read_sidecar(source["Key"]) if sidecar else self._look_at(source["Key"])
                except ClientError as error:
                    if is_absent(error):
                        return None  # gone since it was listed
                    raise
            self._notes[place] = note
        return note

    def _read_sidecar(self, key: str) -> _Note:
        text = self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        return _Note(read_sidecar(text), unfinished=False)

    def _look_at(self, key: str) -> _Note:
        found = self._client.head_object(Bucket=self._bucket, Key=key)
        return _Note(None, unfinished=UPLOAD_MARK in found["Metadata"])


def _is_about(sidecar: tuple[Manifest, StoredObject], name: BackupName, stored: StoredObject) -> bool:
    """Whether a sidecar speaks of that very object: one that was put in its place since is somebody else's."""
    manifest, bundle = sidecar
    return (manifest.name, bundle.key, bundle.size_bytes) == (str(name), stored.key, stored.size_bytes)
