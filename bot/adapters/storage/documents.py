"""Manifests, sidecars and exports as JSON documents."""

import json
from typing import Any

from pydantic import TypeAdapter, ValidationError

from bot.domain.backups import Export, Manifest, StoredObject, Verification

FORMAT = 1
_MANIFEST = TypeAdapter(Manifest)
_EXPORT = TypeAdapter(Export)
_OBJECT = TypeAdapter(StoredObject)
_VERIFICATION = TypeAdapter(Verification)


def write_manifest(manifest: Manifest) -> bytes:
    """Serialise a manifest, for a person's eyes too."""
    return _MANIFEST.dump_json(manifest, indent=2) + b"\n"


def write_sidecar(manifest: Manifest, bundle: StoredObject) -> bytes:
    """Serialise a manifest with what it is about: ``bundle: {key, size_bytes, version_id, sha256}``."""
    about = _OBJECT.dump_python(bundle, mode="json", exclude={"modified_at"})
    return json.dumps(_MANIFEST.dump_python(manifest, mode="json") | {"bundle": about}, indent=2).encode() + b"\n"


def read_sidecar(text: bytes) -> tuple[Manifest, StoredObject] | None:
    """Read a sidecar; None when it is damaged or of a layout we do not know."""
    try:
        document: dict[str, Any] = json.loads(text)
        manifest = _MANIFEST.validate_python(document)
        return (manifest, _OBJECT.validate_python(document["bundle"])) if manifest.format == FORMAT else None
    except (ValidationError, ValueError, TypeError, KeyError):
        return None


def read_manifest(text: bytes) -> Manifest | None:
    """Read the ``manifest.json`` of a bundle; None when it is damaged or of a layout we do not know."""
    try:
        manifest = _MANIFEST.validate_json(text)
    except ValueError:
        return None
    return manifest if manifest.format == FORMAT else None


def write_verification(verification: Verification, bundle: StoredObject) -> bytes:
    """Serialise what was proven, with what it was proven of."""
    about = _OBJECT.dump_python(bundle, mode="json", exclude={"modified_at"})
    document = _VERIFICATION.dump_python(verification, mode="json") | {"bundle": about}
    return json.dumps(document, indent=2).encode() + b"\n"


def read_verification(text: bytes) -> tuple[Verification, StoredObject] | None:
    """Read what was proven; None when the document is damaged."""
    try:
        document: dict[str, Any] = json.loads(text)
        return _VERIFICATION.validate_python(document), _OBJECT.validate_python(document["bundle"])
    except (ValidationError, ValueError, TypeError, KeyError):
        return None


def write_export(export: Export) -> bytes:
    """Serialise ``export.json``."""
    return _EXPORT.dump_json(export, indent=2) + b"\n"


def read_export(text: bytes) -> Export:
    """Read ``export.json``.

    Raises:
        ValueError: it is damaged.
    """
    return _EXPORT.validate_json(text)
