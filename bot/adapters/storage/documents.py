"""Reads and writes manifests, sidecars, verifications and exports as JSON documents."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from pydantic import TypeAdapter, ValidationError

from bot.domain.backups import Export, Manifest, StoredObject, Verification

FORMAT = 1
_MANIFEST = TypeAdapter(Manifest)
_EXPORT = TypeAdapter(Export)
_OBJECT = TypeAdapter(StoredObject)
_VERIFICATION = TypeAdapter(Verification)
_OF_LISTINGS = {"modified_at", "etag"}
"""Fields that only a listing knows."""
_DAMAGED = (ValidationError, ValueError, TypeError, KeyError, OverflowError, RecursionError)
"""Errors of reading a document of unknown origin; deeply nested brackets raise a RecursionError."""


def write_manifest(manifest: Manifest) -> bytes:
    """Serialise a manifest, readable for people too."""
    return _MANIFEST.dump_json(manifest, indent=2) + b"\n"


def write_sidecar(manifest: Manifest, bundle: StoredObject) -> bytes:
    """Serialise a manifest with the object it describes: ``bundle: {key, size_bytes, version_id, sha256}``."""
    about = _OBJECT.dump_python(bundle, mode="json", exclude=_OF_LISTINGS)
    return json.dumps(_MANIFEST.dump_python(manifest, mode="json") | {"bundle": about}, indent=2).encode() + b"\n"


def read_sidecar(text: bytes) -> tuple[Manifest, StoredObject] | None:
    """Read a sidecar; None when it is damaged or of an unknown format."""
    try:
        document: dict[str, Any] = json.loads(text)
        manifest = _MANIFEST.validate_python(document)
        manifest = replace(manifest, created_at=_in_utc(manifest.created_at))
        return (manifest, _OBJECT.validate_python(document["bundle"])) if manifest.format == FORMAT else None
    except _DAMAGED:
        return None


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
