"""Reads and writes manifests, sidecars, verifications and exports as JSON documents."""

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from pydantic import TypeAdapter, ValidationError

from bot.domain.backups import Export, Manifest, StoredObject, Verification

FORMAT = 1


@dataclass(frozen=True)
class _Sidecar:
    """The part of a sidecar that a manifest has not."""

    bundle: StoredObject


@dataclass(frozen=True)
class _Head:
    """The part of a sidecar that a search reads."""

    format: int
    schema_version: int


_MANIFEST = TypeAdapter(Manifest)
_EXPORT = TypeAdapter(Export)
_OBJECT = TypeAdapter(StoredObject)
_SIDECAR = TypeAdapter(_Sidecar)
_HEAD = TypeAdapter(_Head)
_READABLE = 1000
"""Most files and tables of a manifest that is indented for people."""
_VERIFICATION = TypeAdapter(Verification)
_OF_LISTINGS = {"modified_at", "etag"}
"""Fields that only a listing knows."""
_DAMAGED = (ValidationError, ValueError, TypeError, KeyError, OverflowError, RecursionError)
"""Errors of reading a document of unknown origin; deeply nested brackets raise a RecursionError."""


def write_manifest(manifest: Manifest) -> bytes:
    """Serialise a manifest, readable for people too unless it is long."""
    long = len(manifest.files) + len(manifest.tables) > _READABLE
    return _MANIFEST.dump_json(manifest, indent=None if long else 2) + b"\n"


def write_sidecar(manifest: Manifest, bundle: StoredObject) -> bytes:
    """Serialise a manifest with the object it describes: ``bundle: {key, size_bytes, version_id, sha256}``."""
    about = _OBJECT.dump_json(bundle, exclude=_OF_LISTINGS)
    # Written into the manifest's text: as Python objects, 200,000 files would take ten times its size.
    head = write_manifest(manifest).rstrip().removesuffix(b"}").rstrip()
    return b"".join([head, b',\n  "bundle": ', about, b"\n}\n"])


def read_sidecar(text: bytes) -> tuple[Manifest, StoredObject] | None:
    """Read a sidecar; None when it is damaged or of an unknown format."""
    try:
        manifest = _MANIFEST.validate_json(text)
        manifest = replace(manifest, created_at=_in_utc(manifest.created_at))
        return (manifest, _SIDECAR.validate_json(text).bundle) if manifest.format == FORMAT else None
    except _DAMAGED:
        return None


def read_schema_version(text: bytes) -> int:
    """Read only the schema version out of a sidecar; 0 when it is damaged or of an unknown format."""
    try:
        head = _HEAD.validate_json(text)
    except _DAMAGED:
        return 0
    return head.schema_version if head.format == FORMAT else 0


def read_manifest(text: bytes) -> Manifest | None:
    """Read the ``manifest.json`` of a bundle; None when it is damaged or of a layout we do not know."""
    try:
        manifest = _MANIFEST.validate_json(text)
        manifest = replace(manifest, created_at=_in_utc(manifest.created_at))
    except _DAMAGED:
        return None
    return manifest if manifest.format == FORMAT else None


def write_verification(verification: Verification, bundle: StoredObject) -> bytes:
    """Serialise a verification with the object it is about."""
    about = _OBJECT.dump_python(bundle, mode="json", exclude={"modified_at"})
    document = _VERIFICATION.dump_python(verification, mode="json") | {"bundle": about}
    return json.dumps(document, indent=2).encode() + b"\n"


def read_verification(text: bytes) -> tuple[Verification, StoredObject] | None:
    """Read a verification; None when the document is damaged."""
    try:
        document: dict[str, Any] = json.loads(text)
        found = _VERIFICATION.validate_python(document)
        return replace(found, at=_in_utc(found.at)), _OBJECT.validate_python(document["bundle"])
    except _DAMAGED:
        return None


def _in_utc(at: datetime) -> datetime:
    """Convert a time to UTC; ValueError without a time zone, OverflowError outside the calendar."""
    if at.tzinfo is None:
        raise ValueError(at)
    return at.astimezone(UTC)


def write_export(export: Export) -> bytes:
    """Serialise ``export.json``."""
    return _EXPORT.dump_json(export, indent=2) + b"\n"


def read_export(text: bytes) -> Export:
    """Read ``export.json``; ValueError when it is damaged."""
    return _EXPORT.validate_json(text)
