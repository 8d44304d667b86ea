"""Lists an environment's bundles; reads each sidecar once, and only when it is needed."""

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

from bot.adapters.storage.failures import translated
from bot.adapters.storage.sidecars import Content, SidecarReader
from bot.adapters.storage.signatures import DocumentSigner
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
from bot.domain.bundle_limits import BundleLimits
from bot.domain.signing import SignatureState

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ObjectTypeDef

FRESH_S = 20.0
"""Longest age of the cached listing that a page for people is taken from."""
MAX_SEARCHED = 1000
MAX_SEARCH_S = 5.0
"""Limits of a search through the sidecars, so that a command is answered however many bundles there are."""
_READERS = 16
_BATCH = 64


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

    def __init__(
        self, client: "S3Client", bucket: str, environment: str, limits: BundleLimits, signer: DocumentSigner
    ) -> None:
        self._client = client
        self._bucket = bucket
        self._environment = environment
        self._sidecars = SidecarReader(client, bucket, limits, signer)
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

    def newest_before(self, schema_version: int) -> BackupSearch:
        """See `bot.ports.BackupStore.newest_before`."""
        listing, ends_at_s = self._list_again(), time.monotonic() + MAX_SEARCH_S
        bundles, looked_at = iter(listing.bundles[:MAX_SEARCHED]), 0
        while batch := list(islice(bundles, _BATCH)):
            for listed, version in zip(batch, self._schema_versions(batch, listing, ends_at_s), strict=True):
                if version is None:  # the time is up
                    return BackupSearch(None, looked_at, len(listing.bundles))
                looked_at += 1
                found = self._backup(listed, listing.entries) if 0 < version < schema_version else None
                if found is not None and found.is_signed:
                    return BackupSearch(found, looked_at, len(listing.bundles))
        return BackupSearch(None, looked_at, len(listing.bundles))

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
        return self._backup(_Listed(name, str(name), entry), entries, whole=True) if entry else None

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
            self._names = {key: name for key, name in self._names.items() if key in entries}
        self._sidecars.forget_others(there)
        return listing

    def _known_name(self, key: str) -> BackupName | None:
        names = self._names
        if key not in names:
            name = self.parse_name(key)
            with self._listing:  # another thread may be walking through them
                names[key] = name
            return name
        return names[key]

    def _schema_versions(self, bundles: Sequence[_Listed], listing: _Listing, ends_at_s: float) -> list[int | None]:
        """Read some bundles' schema versions: 0 where it is not known, None where there was no time to look."""

        def read(listed: _Listed) -> int | None:
            sidecar = listing.entries.get(f"{listed.text}{SIDECAR_SUFFIX}")
            if sidecar is None:
                return 0
            return self._sidecars.schema_version(sidecar) if time.monotonic() < ends_at_s else None

        with ThreadPoolExecutor(min(_READERS, len(bundles)), thread_name_prefix="sidecars") as threads:
            return list(threads.map(read, bundles))

    def _backups(self, bundles: Sequence[_Listed], listing: _Listing) -> list[Backup]:
        """Read some bundles' sidecars; unfinished and deleted bundles are left out."""
        with ThreadPoolExecutor(min(_READERS, max(1, len(bundles))), thread_name_prefix="sidecars") as threads:
            return [b for b in threads.map(lambda one: self._backup(one, listing.entries), bundles) if b]

    def _backup(self, listed: _Listed, entries: "Mapping[str, ObjectTypeDef]", *, whole: bool = False) -> Backup | None:
        name, entry = listed.name, listed.entry
        sidecar, read = entries.get(f"{listed.text}{SIDECAR_SUFFIX}"), self._sidecars
        content = read.sidecar(sidecar, whole=whole) if sidecar else read.upload_mark(entry)
        if content is None or content.unfinished:
            return None
        stored = StoredObject(
            entry["Key"], entry["Size"], modified_at=entry["LastModified"], etag=entry["ETag"].strip('"')
        )
        backup = Backup(name, stored, signature=_bind(content.signature))
        # Without a version or a digest only the ETag tells whether the object is still the one listed.
        if content.sidecar is not None and _is_about(content.sidecar, backup):
            manifest, bundle = content.sidecar
            named = bool(bundle.version_id or bundle.sha256)
            etag = "" if named else stored.etag
            stored = replace(stored, version_id=bundle.version_id, sha256=bundle.sha256, etag=etag)
            backup = replace(backup, stored=stored, manifest=manifest, signature=content.signature)
        note = entries.get(f"{listed.text}{VERIFIED_SUFFIX}")
        return self._with_note(backup, note) if note else backup

    def _with_note(self, backup: Backup, entry: "ObjectTypeDef") -> Backup:
        """Read the verification beside a bundle: only a signed one counts."""
        content = self._sidecars.verified(entry)
        if content is None:
            return backup
        if content.signature is not SignatureState.VALID:
            return replace(backup, ignored_note=content.signature)
        return replace(backup, verified=_verified(backup, content, entry))


def _verified(backup: Backup, content: Content, entry: "ObjectTypeDef") -> Verification | None:
    """Return the verification of that very object; one of an earlier object of that name does not count."""
    if content.verified is None:
        return None
    verification, about = content.verified
    stored = backup.stored
    same = (about.key, about.size_bytes, about.sha256) == (stored.key, stored.size_bytes, stored.sha256)
    later = stored.modified_at is not None and entry["LastModified"] < stored.modified_at
    other = about.etag not in ("", stored.etag)
    return verification if same and not later and not other else None


def _bind(signature: SignatureState) -> SignatureState:
    """Return what the signature of a sidecar that is about another object says of this one."""
    return SignatureState.WRONG if signature is SignatureState.VALID else signature


def _is_about(sidecar: tuple[Manifest, StoredObject], backup: Backup) -> bool:
    """Tell whether a sidecar describes that very object, not one that replaced it since."""
    manifest, bundle = sidecar
    stored = backup.stored
    return (manifest.name, bundle.key, bundle.size_bytes) == (str(backup.name), stored.key, stored.size_bytes)
