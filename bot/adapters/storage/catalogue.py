"""Lists an environment's bundles; reads each sidecar once, and only when it is needed."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from bot.adapters.storage.documents import read_sidecar, read_verification
from bot.adapters.storage.failures import is_absent, translated
from bot.adapters.storage.layouts import MAX_MANIFEST_BYTES
from bot.adapters.storage.upload import UPLOAD_MARK
from bot.domain.backups import (
    BUNDLE_SUFFIX,
    SIDECAR_SUFFIX,
    VERIFIED_SUFFIX,
    Backup,
    BackupName,
    BackupPage,
    Manifest,
    StoredObject,
    Verification,
)

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ObjectTypeDef

FRESH_S = 20.0
"""Longest age of the cached listing that a page for people is taken from."""
_READERS = 16
_BATCH = 64


@dataclass(frozen=True)
class _Content:
    """Facts that a listing lacks; for a bundle without a sidecar, whether our own upload has not finished it."""

    sidecar: tuple[Manifest, StoredObject] | None = None
    verified: tuple[Verification, StoredObject] | None = None
    unfinished: bool = False


@dataclass(frozen=True)
class _Listed:
    """A bundle as it is listed."""

    name: BackupName
    text: str
    entry: "ObjectTypeDef"


@dataclass(frozen=True)
class _Listing:
    entries: "Mapping[str, ObjectTypeDef]"
    bundles: Sequence[_Listed]
    read_at_s: float


class BundleCatalogue:
    """One environment's bundles; other environments' are left out."""

    def __init__(self, client: "S3Client", bucket: str, environment: str) -> None:
        self._client = client
        self._bucket = bucket
        self._environment = environment
        self._contents: dict[tuple[str, str], _Content] = {}
        self._names: dict[str, BackupName | None] = {}
        self._kept: _Listing | None = None
        self._listing = threading.Lock()

    def newest(self) -> Iterator[Backup]:
        """Yield every bundle, newest first, from a fresh listing; sidecars are read as bundles are taken."""
        listing = self._list_again()
        bundles, size = iter(listing.bundles), 4
        while batch := list(islice(bundles, size)):
            yield from self._backups(batch, listing)
            size = min(2 * size, _BATCH)

    def page(self, text: str, offset: int, limit: int) -> BackupPage:
        """See `bot.ports.BackupStore.list_page`."""
        listing = self._recent()
        words = text.casefold().split()
        matching = [listed for listed in listing.bundles if all(word in listed.text.casefold() for word in words)]
        found: list[Backup] = []
        at = offset
        while at < len(matching) and len(found) < limit:
            step = matching[at : at + limit - len(found)]
            found += self._backups(step, listing)
            at += len(step)
        return BackupPage(tuple(found), len(matching), at if at < len(matching) else None)

    def find(self, name: BackupName) -> Backup | None:
        """Look one up in a fresh listing; None when there is none or it is unfinished."""
        entries = self.entries(str(name))
        entry = entries.get(f"{name}{BUNDLE_SUFFIX}")
        return self._backup(_Listed(name, str(name), entry), entries) if entry else None

    def entries(self, prefix: str) -> "Mapping[str, ObjectTypeDef]":
        """List objects, without the cache."""
        with translated(self._bucket):
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix)
            return {entry["Key"]: entry for page in pages for entry in page.get("Contents", ())}

    def parse_name(self, text: str) -> BackupName | None:
        """Parse a backup's name; None when it is not one of this environment."""
        name = BackupName.parse(text)
        return name if name and name.environment == self._environment else None

    def forget_listing(self) -> None:
        """Drop the cached listing, because we have written something."""
        with self._listing:
            self._kept = None

    def _recent(self) -> _Listing:
        with self._listing:
            kept = self._kept
        if kept is not None and time.monotonic() - kept.read_at_s < FRESH_S:
            return kept
        return self._list_again()

    def _list_again(self) -> _Listing:
        started_at_s = time.monotonic()
        entries = self.entries(f"{self._environment}_")
        bundles = [
            _Listed(name, key.removesuffix(BUNDLE_SUFFIX), entry)
            for key, entry in entries.items()
            if key.endswith(BUNDLE_SUFFIX) and (name := self._known_name(key))
        ]
        bundles.sort(key=lambda listed: (listed.name.created_at, listed.text), reverse=True)
        listing = _Listing(entries, bundles, started_at_s)
        there = {(entry["Key"], entry["ETag"]) for entry in entries.values()}
        with self._listing:
            self._kept = listing
            self._contents = {place: content for place, content in self._contents.items() if place in there}
            self._names = {key: name for key, name in self._names.items() if key in entries}
        return listing

    def _known_name(self, key: str) -> BackupName | None:
        names = self._names
        if key not in names:
            name = self.parse_name(key)
            with self._listing:  # another thread may be walking through them
                names[key] = name
            return name
        return names[key]

    def _backups(self, bundles: Sequence[_Listed], listing: _Listing) -> list[Backup]:
        """Read some bundles' sidecars; unfinished and deleted bundles are left out."""
        with ThreadPoolExecutor(min(_READERS, max(1, len(bundles))), thread_name_prefix="sidecars") as threads:
            return [b for b in threads.map(lambda one: self._backup(one, listing.entries), bundles) if b]

    def _backup(self, listed: _Listed, entries: "Mapping[str, ObjectTypeDef]") -> Backup | None:
        name, entry = listed.name, listed.entry
        sidecar = entries.get(f"{listed.text}{SIDECAR_SUFFIX}")
        content = self._read_once(sidecar or entry, self._read_sidecar if sidecar else self._read_upload_mark)
        if content is None or content.unfinished:
            return None
        stored = StoredObject(
            entry["Key"], entry["Size"], modified_at=entry["LastModified"], etag=entry["ETag"].strip('"')
        )
        backup = Backup(name, stored)
        # Without a version or a digest only the ETag tells whether the object is still the one listed.
        if content.sidecar is not None and _is_about(content.sidecar, backup):
            manifest, bundle = content.sidecar
            named = bool(bundle.version_id or bundle.sha256)
            etag = "" if named else stored.etag
            stored = replace(stored, version_id=bundle.version_id, sha256=bundle.sha256, etag=etag)
            backup = replace(backup, stored=stored, manifest=manifest)
        return replace(backup, verified=self._verified(backup, entries.get(f"{listed.text}{VERIFIED_SUFFIX}")))

    def _verified(self, backup: Backup, entry: "ObjectTypeDef | None") -> Verification | None:
        """Read the verification of that very object; one of an earlier object of that name does not count."""
        content = self._read_once(entry, self._read_verified) if entry else None
        if content is None or content.verified is None:
            return None
        verification, about = content.verified
        stored = backup.stored
        same = (about.key, about.size_bytes, about.sha256) == (stored.key, stored.size_bytes, stored.sha256)
        later = entry is not None and stored.modified_at is not None and entry["LastModified"] < stored.modified_at
        other = about.etag not in ("", stored.etag)
        return verification if same and not later and not other else None

    def _read_once(self, entry: "ObjectTypeDef", read: "Callable[[ObjectTypeDef], _Content]") -> _Content | None:
        """Read an object unless this version of it is cached; None when it is gone."""
        place = entry["Key"], entry["ETag"]
        content = self._contents.get(place)
        if content is None:
            with translated(self._bucket):
                try:
                    content = read(entry)
                except ClientError as error:
                    if is_absent(error):
                        return None  # deleted since it was listed
                    raise
            with self._listing:  # another thread may be walking through them
                self._contents[place] = content
        return content

    def _read_sidecar(self, entry: "ObjectTypeDef") -> _Content:
        return _Content(sidecar=read_sidecar(self._text(entry)))

    def _read_verified(self, entry: "ObjectTypeDef") -> _Content:
        return _Content(verified=read_verification(self._text(entry)))

    def _read_upload_mark(self, entry: "ObjectTypeDef") -> _Content:
        found = self._client.head_object(Bucket=self._bucket, Key=entry["Key"])
        return _Content(unfinished=UPLOAD_MARK in found["Metadata"])

    def _text(self, entry: "ObjectTypeDef") -> bytes:
        """Read an object; nothing when it is larger than any of ours, so that it cannot fill the memory."""
        if entry["Size"] > MAX_MANIFEST_BYTES:
            return b""
        with self._client.get_object(Bucket=self._bucket, Key=entry["Key"])["Body"] as body:
            return body.read(MAX_MANIFEST_BYTES + 1)  # it may have grown since it was listed


def _is_about(sidecar: tuple[Manifest, StoredObject], backup: Backup) -> bool:
    """Tell whether a sidecar describes that very object, not one that replaced it since."""
    manifest, bundle = sidecar
    stored = backup.stored
    return (manifest.name, bundle.key, bundle.size_bytes) == (str(backup.name), stored.key, stored.size_bytes)
