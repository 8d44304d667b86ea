"""Forges a bundle whose checksums match a tampered copy, to show that a drill notices it."""

import gzip
import hashlib
import io
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import replace

from bot.adapters.clock import SystemClock
from bot.adapters.storage import S3BackupStore
from bot.adapters.storage.archive import BLOCK_BYTES
from bot.adapters.storage.bundles import MANIFEST_MEMBER, build_header
from bot.adapters.storage.corruption import CorruptedDownload
from bot.adapters.storage.documents import write_manifest, write_sidecar
from bot.adapters.storage.download import ObjectDownload
from bot.adapters.storage.signatures import DocumentSigner
from bot.domain.backups import BUNDLE_SUFFIX, SIDECAR_SUFFIX, Backup, BackupName, Manifest, StoredObject
from bot.domain.drills import Corruption
from bot.domain.environments import BackupTarget
from bot.domain.runs import Progress
from bot.domain.signing import Purpose
from bot.sandbox.story import Story

LABEL = "forged"


def plant_forged(story: Story) -> str:
    """Put a forged bundle into the environment's bucket, made of its newest backup, and return its name.

    It is signed with the bot's own key: without one no drill would look at it.
    """
    client, bucket = story.sandbox.store.client(), f"physioflow-backups-{story.environment}"
    newest = S3BackupStore(client, story.environment, BackupTarget(bucket), story.sandbox.keyring).list_backups(1)[0]
    if newest.manifest is None:
        raise AssertionError("the newest backup is one of ours")
    name = BackupName(story.environment, LABEL, SystemClock().now().replace(microsecond=0))
    members = _members(story.bucket.read(newest.stored.key))
    manifest = _forged(newest.manifest, name, members)
    members[MANIFEST_MEMBER] = write_manifest(manifest)
    content = _archive(members)
    key = f"{name}{BUNDLE_SUFFIX}"
    client.put_object(Bucket=bucket, Key=key, Body=content)
    stored = StoredObject(key, len(content))
    corrupted = CorruptedDownload(
        ObjectDownload(client, bucket, stored, _unheard), Backup(name, stored, manifest), Corruption.EDITED
    )
    for _ in corrupted.chunks():
        pass
    # decision 25: only a digest that fits the edited bytes shows what the drill does when checks let damage through
    _put_sidecar(story, manifest, replace(stored, sha256=corrupted.digest.hexdigest()))
    return str(name)


def plant_tampered(story: Story, key: str, label: str, tamper: Callable[[dict[str, bytes]], None]) -> str:
    """Put a tampered copy of a backup into the bucket, with a manifest and checksums that fit; return its name.

    Args:
        story: whose environment's bucket it is.
        key: of the backup.
        label: of the copy.
        tamper: changes the members, by name.
    """
    client, bucket = story.sandbox.store.client(), f"physioflow-backups-{story.environment}"
    backups = S3BackupStore(client, story.environment, BackupTarget(bucket), story.sandbox.keyring).list_backups(50)
    source = next(backup for backup in backups if backup.stored.key == key)
    if source.manifest is None:
        raise AssertionError("it is one of ours")
    name = BackupName(story.environment, label, SystemClock().now().replace(microsecond=0))
    members = _members(story.bucket.read(source.stored.key))
    tamper(members)
    fits = {file: hashlib.sha256(content).hexdigest() for file, content in members.items()}
    files = tuple(
        replace(file, size_bytes=len(members[file.name]), sha256=fits[file.name]) for file in source.manifest.files
    )
    manifest = replace(source.manifest, name=str(name), label=label, created_at=name.created_at, files=files)
    members[MANIFEST_MEMBER] = write_manifest(manifest)
    content = _archive(members)
    stored = StoredObject(f"{name}{BUNDLE_SUFFIX}", len(content), sha256=hashlib.sha256(content).hexdigest())
    put = client.put_object(Bucket=bucket, Key=stored.key, Body=content)
    _put_sidecar(story, manifest, replace(stored, version_id=put.get("VersionId", "")))
    return str(name)


def _put_sidecar(story: Story, manifest: Manifest, stored: StoredObject) -> None:
    """Sign a forged manifest, and put it beside its bundle."""
    key = f"{manifest.name}{SIDECAR_SUFFIX}"
    signer = DocumentSigner(story.sandbox.keyring, story.environment)
    signed = signer.sign(Purpose.BUNDLE, key, write_sidecar(manifest, stored))
    bucket = f"physioflow-backups-{story.environment}"
    story.sandbox.store.client().put_object(Bucket=bucket, Key=key, Body=signed)


def _members(content: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as archive:
        opened = {member.name: archive.extractfile(member) for member in archive.getmembers()}
        return {name: file.read() for name, file in opened.items() if file is not None}


def _forged(manifest: Manifest, name: BackupName, members: Mapping[str, bytes]) -> Manifest:
    """The manifest of the copy in which one byte of the largest member is another."""
    largest = max(manifest.files, key=lambda file: file.size_bytes)
    content, middle = members[largest.name], largest.size_bytes // 2
    edited = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
    fits = replace(largest, sha256=hashlib.sha256(edited).hexdigest())
    files = tuple(fits if file is largest else file for file in manifest.files)
    return replace(manifest, name=str(name), label=name.label, created_at=name.created_at, files=files)


def _archive(members: Mapping[str, bytes]) -> bytes:
    parts = [build_header(name, len(text)) + text + bytes(-len(text) % BLOCK_BYTES) for name, text in members.items()]
    return gzip.compress(b"".join(parts) + bytes(2 * BLOCK_BYTES), 1)


def _unheard(progress: Progress) -> None:
    """Nobody watches."""
    del progress
