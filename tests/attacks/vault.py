"""A bucket with backups and an export of ours, and the attacks of somebody who can write to it and has no key."""

import gzip
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bot.adapters.storage import S3BackupStore
from bot.adapters.storage.documents import write_sidecar, write_verification
from bot.adapters.storage.signatures import DocumentSigner
from bot.domain.backups import Backup, Manifest, Origin, SavedTable, TableContent, Verification
from bot.domain.environments import BackupTarget
from bot.domain.signing import KEY_BYTES, Keyring, Purpose
from tests.adapters.storage.bucket import ignore
from tests.fakes.keyring import KEYRING, STRANGERS

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

NOON = datetime(2026, 1, 5, 12, 0, 0, tzinfo=UTC)
OTHER_KEY = Keyring({"other": b"o" * KEY_BYTES})
ROTATED = Keyring({"new": b"n" * KEY_BYTES, **KEYRING.keys})
RUN = "rabcde"
ROWS = b"id,name\n1,Anna\n"


def manifest(environment: str = "prod", day: int = 5, schema: int = 27) -> Manifest:
    """A manifest of ours, but for its files."""
    at = datetime(2026, 1, day, 2, 0, 0, tzinfo=UTC)
    return Manifest(
        format=1,
        name=f"{environment}_nightly_{at:%Y%m%d_%H%M%S}",
        environment=environment,
        label="nightly",
        created_at=at,
        app_version="v1.3.0",
        schema_version=schema,
        server_version=180006,
        tool_version="18.6",
        files=(),
        tables=(TableContent("public.patients", 80, "77"),),
        origin=Origin(f"physioflow_{environment}", "7301"),
    )


@dataclass
class Vault:
    """Production's bucket: the newest bundle, one from before it, and a run's saved rows."""

    client: "S3Client"
    target: BackupTarget
    dump: Path
    newest: str = ""
    older: str = ""

    def fill(self) -> None:
        """Store what the bot would have stored."""
        store = self.store()
        self.older = str(store.put_bundle(self.dump, manifest(day=4, schema=26), ignore).name)
        self.newest = str(store.put_bundle(self.dump, manifest(day=5), ignore).name)
        exports = store.open_export(RUN)
        with exports.sink().table("public.flags", ["id", "name"]) as write:
            write(ROWS)
        exports.finish(())

    def store(self, environment: str = "prod", keyring: Keyring = KEYRING) -> S3BackupStore:
        """The bucket as a process of the bot sees it that has just started."""
        return S3BackupStore(self.client, environment, self.target, keyring)

    def found(self, name: str = "", keyring: Keyring = KEYRING) -> Backup:
        """A bundle as anybody finds it; the newest, unless one is named."""
        backup = self.store(keyring=keyring).find(name or self.newest)
        assert backup is not None
        return backup

    def read(self, key: str) -> bytes:
        """An object's bytes."""
        return self.client.get_object(Bucket=self.target.bucket, Key=key)["Body"].read()

    def write(self, key: str, content: bytes) -> None:
        """Replace an object."""
        self.client.put_object(Bucket=self.target.bucket, Key=key, Body=content)

    def copy(self, source: str, key: str) -> None:
        """Copy an object, bytes and all."""
        self.write(key, self.read(source))

    def edit(self, key: str, change: Callable[[dict[str, Any]], object]) -> None:
        """Change a JSON document in the bot's own layout; its signature stays, unless that is what changes."""
        document = json.loads(self.read(key))
        signature = document.pop("signature", None)
        change(document)
        text = json.dumps(document, indent=2).encode()
        end = b',\n  "signature": "' + signature.encode() + b'"\n}\n' if signature else b"\n}\n"
        self.write(key, text.removesuffix(b"\n}") + end)

    def unsign(self, key: str) -> None:
        """Take a document's signature off."""
        document = json.loads(self.read(key))
        del document["signature"]
        self.write(key, json.dumps(document, indent=2).encode() + b"\n")

    def resign(self, keyring: Keyring, *, purpose: Purpose = Purpose.BUNDLE, environment: str = "prod") -> None:
        """Sign the newest sidecar with another key, for another purpose or environment."""
        key = sidecar(self.newest)
        document = json.loads(self.read(key))
        del document["signature"]
        text = json.dumps(document, indent=2).encode() + b"\n"
        self.write(key, DocumentSigner(keyring, environment).sign(purpose, key, text))

    def forge_bundle(self) -> None:
        """Replace the newest bundle, and its sidecar so that everything fits but the signature."""
        content = self.read(bundle(self.older))
        self.write(bundle(self.newest), content)
        backup = self.found(self.older)
        assert backup.manifest is not None
        forged = replace(backup.manifest, name=self.newest, created_at=NOON)
        about = replace(
            backup.stored, key=bundle(self.newest), version_id="", sha256=hashlib.sha256(content).hexdigest()
        )
        self.write(sidecar(self.newest), write_sidecar(forged, about))

    def forge_note(self, name: str = "", **changes: Any) -> None:
        """Write by hand that the newest bundle has passed level 3."""
        name = name or self.newest
        passed = replace(Verification(3, NOON, schema_version=27), **changes)
        self.write(f"{name}.verified.json", write_verification(passed, self.found(name).stored))

    def saved(self) -> SavedTable:
        """What the export says of its only table."""
        export = self.store().open_export(RUN).existing()
        assert export is not None
        return export.tables[0]

    def change_rows(self) -> SavedTable:
        """Replace the saved rows by as many others."""
        saved = self.saved()
        self.write(saved.key, gzip.compress(ROWS.replace(b"Anna", b"Eve!")))
        return saved

    def forge_export(self) -> None:
        """Replace the saved rows, and the index so that it fits them."""
        saved = self.change_rows()
        content = self.read(saved.key)
        fits = {"sha256": hashlib.sha256(content).hexdigest(), "size_bytes": len(content)}
        self.edit(index(), lambda document: document["tables"][0].update(fits))


def bundle(name: str) -> str:
    """The key of a bundle."""
    return f"{name}.tar.gz"


def sidecar(name: str) -> str:
    """The key of its sidecar."""
    return f"{name}.manifest.json"


def index(run: str = RUN) -> str:
    """The key of an export's index."""
    return f"exports/{run}/export.json"


__all__ = ["KEYRING", "OTHER_KEY", "ROTATED", "RUN", "STRANGERS", "Vault", "bundle", "index", "manifest", "sidecar"]
