"""Reads sidecars, verifications and upload marks, each once as long as it is cached, and with bounded memory."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Collection
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from botocore.exceptions import ClientError

from bot.adapters.storage.documents import read_schema_version, read_sidecar, read_verification
from bot.adapters.storage.failures import is_absent, translated
from bot.adapters.storage.signatures import DocumentSigner
from bot.adapters.storage.upload import UPLOAD_MARK
from bot.domain.backups import Manifest, StoredObject, Verification
from bot.domain.bundle_limits import BundleLimits
from bot.domain.signing import Purpose, SignatureState

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ObjectTypeDef

LARGE_BYTES = 1024 * 1024
"""Sidecars beyond this are read one at a time, and cached without their list of files."""
MAX_CACHED_BYTES = 32 * 1024 * 1024
"""Limit of what is cached, roughly as it is in memory."""
_ENTRY_BYTES = 256
_Place = tuple[str, str]
T = TypeVar("T")


@dataclass(frozen=True)
class Content:
    """Facts that a listing lacks; for a bundle without a sidecar, whether our own upload has not finished it.

    `signature` is that of the document.
    """

    sidecar: tuple[Manifest, StoredObject] | None = None
    verified: tuple[Verification, StoredObject] | None = None
    unfinished: bool = False
    signature: SignatureState = SignatureState.UNSIGNED


class SidecarReader:
    """Reads one bucket's small documents; every method returns None for an object that is gone."""

    def __init__(self, client: "S3Client", bucket: str, limits: BundleLimits, signer: DocumentSigner) -> None:
        self._client = client
        self._bucket = bucket
        self._signer = signer
        self._limits = limits
        self._cached: OrderedDict[_Place, tuple[Content, int]] = OrderedDict()
        self._cached_bytes = 0
        self._schema_versions: dict[_Place, int] = {}
        self._lock = threading.Lock()
        self._large = threading.Lock()

    def sidecar(self, entry: "ObjectTypeDef", *, whole: bool) -> Content | None:
        """Read a sidecar; unless `whole`, the manifest of a large one comes without its files."""
        if entry["Size"] > LARGE_BYTES and whole:
            return self._attempt(entry, self._read_sidecar)  # too large to be cached
        return self._once(entry, self._read_sidecar)

    def verified(self, entry: "ObjectTypeDef") -> Content | None:
        """Read a verification."""
        return self._once(entry, self._read_verification)

    def upload_mark(self, entry: "ObjectTypeDef") -> Content | None:
        """Read from a bundle whether it is an upload of ours, and so unfinished without a sidecar."""
        return self._once(entry, self._read_upload_mark)

    def schema_version(self, entry: "ObjectTypeDef") -> int:
        """Read only the schema version out of a signed sidecar; 0 if it is gone, damaged, unsigned or unknown."""
        place = _place(entry)
        known = self._schema_versions.get(place)
        if known is None:
            text = self._attempt(entry, self._text)
            known = read_schema_version(text) if text and self._is_signed(entry, text) else 0
            with self._lock:
                self._schema_versions[place] = known
        return known

    def forget_others(self, there: Collection[_Place]) -> None:
        """Drop from the cache what is no longer in the bucket."""
        with self._lock:
            for place in [place for place in self._cached if place not in there]:
                self._drop(place)
            self._schema_versions = {place: v for place, v in self._schema_versions.items() if place in there}

    def _once(self, entry: "ObjectTypeDef", read: "Callable[[ObjectTypeDef], Content]") -> Content | None:
        """Read an object unless this version of it is cached."""
        place = _place(entry)
        with self._lock:
            if place in self._cached:
                self._cached.move_to_end(place)
                return self._cached[place][0]
        content = self._attempt(entry, read)
        if content is not None:
            content = _without_files(content) if entry["Size"] > LARGE_BYTES else content
            self._keep(place, content, _weigh(content))
        return content

    def _keep(self, place: _Place, content: Content, size_bytes: int) -> None:
        with self._lock:
            self._drop(place)
            self._cached[place] = (content, size_bytes)
            self._cached_bytes += size_bytes
            while self._cached_bytes > MAX_CACHED_BYTES:
                self._drop(next(iter(self._cached)))

    def _drop(self, place: _Place) -> None:
        _, size_bytes = self._cached.pop(place, (None, 0))
        self._cached_bytes -= size_bytes

    def _attempt(self, entry: "ObjectTypeDef", read: "Callable[[ObjectTypeDef], T]") -> T | None:
        # One large document at a time: sixteen of them side by side would not fit into the pod.
        with translated(self._bucket), self._large if entry["Size"] > LARGE_BYTES else nullcontext():
            try:
                return read(entry)
            except ClientError as error:
                if is_absent(error):
                    return None  # deleted since it was listed
                raise

    def _read_sidecar(self, entry: "ObjectTypeDef") -> Content:
        text = self._text(entry)
        return Content(sidecar=read_sidecar(text), signature=self._signer.check(Purpose.BUNDLE, entry["Key"], text))

    def _read_verification(self, entry: "ObjectTypeDef") -> Content:
        text = self._text(entry)
        return Content(verified=read_verification(text), signature=self._signer.check(Purpose.NOTE, entry["Key"], text))

    def _is_signed(self, entry: "ObjectTypeDef", text: bytes) -> bool:
        return self._signer.check(Purpose.BUNDLE, entry["Key"], text) is SignatureState.VALID

    def _read_upload_mark(self, entry: "ObjectTypeDef") -> Content:
        found = self._client.head_object(Bucket=self._bucket, Key=entry["Key"])
        return Content(unfinished=UPLOAD_MARK in found["Metadata"])

    def _text(self, entry: "ObjectTypeDef") -> bytes:
        """Read an object; nothing when it is larger than any of ours, so that it cannot fill the memory."""
        limit_bytes = self._limits.max_manifest_bytes
        if entry["Size"] > limit_bytes:
            return b""
        with self._client.get_object(Bucket=self._bucket, Key=entry["Key"])["Body"] as body:
            return body.read(limit_bytes + 1)  # it may have grown since it was listed


def _place(entry: "ObjectTypeDef") -> _Place:
    return entry["Key"], entry["ETag"]


def _weigh(content: Content) -> int:
    manifest = content.sidecar[0] if content.sidecar else None
    entries = len(manifest.files) + len(manifest.tables) if manifest else 0
    return _ENTRY_BYTES * (4 + entries + (len(content.verified[0].tables) if content.verified else 0))


def _without_files(content: Content) -> Content:
    if content.sidecar is None:
        return content
    manifest, bundle = content.sidecar
    return replace(content, sidecar=(replace(manifest, files=()), bundle))
