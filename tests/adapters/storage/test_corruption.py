"""Corrupted copies are refused by the very checks that protect a restore, each by the one it is meant for."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bot.adapters.storage import S3BackupStore
from bot.adapters.storage.archive import Budget, TarStream, gunzip
from bot.adapters.storage.corruption import CorruptedDownload
from bot.adapters.storage.download import RANGE_BYTES, ObjectDownload
from bot.adapters.storage.failures import damaged
from bot.domain.backups import Backup
from bot.domain.drills import Corruption
from bot.domain.environments import BackupTarget
from bot.errors import PermanentError, TemporaryError
from bot.sandbox.objectstore import ObjectStore
from tests.adapters.storage.archives import FILES, Bucket, manifest_for, old, ours
from tests.adapters.storage.bucket import MakeManifest, ignore
from tests.fakes.keyring import KEYRING

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

REASONS = {
    Corruption.CUT: r"cut short|in the middle of a member",
    Corruption.SHORTENED: r"its sha256 differs|is missing",
    Corruption.FLIPPED: r"its sha256 differs|compressed data is broken",
    Corruption.EDITED: r"Member 'dump/9000\.dat' is not what was dumped: its sha256 differs",
}


@pytest.fixture
def backup(store: S3BackupStore, dump: Path, manifest: MakeManifest) -> Backup:
    """A bundle of two ranges, most of it in one member."""
    (dump / "9000.dat").write_bytes(os.urandom(RANGE_BYTES + 12_345))
    return store.put_bundle(dump, manifest(), ignore)


@pytest.mark.parametrize("corrupt", Corruption)
def test_each_is_refused_for_its_reason_and_leaves_nothing(
    store: S3BackupStore, backup: Backup, tmp_path: Path, corrupt: Corruption
) -> None:
    scratch = tmp_path / "scratch"
    with pytest.raises(PermanentError, match=rf"^bundle-damaged: .*(?:{REASONS[corrupt]})"):
        store.fetch_corrupted(backup, scratch, corrupt, ignore)
    assert list(scratch.iterdir()) == []


def test_the_bucket_is_as_before(
    store: S3BackupStore, client: "S3Client", target: BackupTarget, backup: Backup, tmp_path: Path
) -> None:
    def listed() -> list[tuple[str, str]]:
        found = client.list_object_versions(Bucket=target.bucket)["Versions"]
        return [(item["Key"], item["VersionId"]) for item in found]

    before = listed()
    for corrupt in Corruption:
        with pytest.raises(PermanentError):
            store.fetch_corrupted(backup, tmp_path / "scratch", corrupt, ignore)
    assert listed() == before
    store.verify_names(backup, ignore)


@pytest.mark.parametrize("corrupt", [Corruption.SHORTENED, Corruption.EDITED])
def test_what_is_packed_again_is_sound_for_gzip_and_tar(
    client: "S3Client", target: BackupTarget, backup: Backup, corrupt: Corruption
) -> None:
    """So nothing but our own digests can tell."""
    sound = ObjectDownload(client, target.bucket, backup.stored, ignore)
    corrupted = CorruptedDownload(sound, backup, corrupt)
    archive = TarStream(gunzip(corrupted.chunks(), Budget(10 * RANGE_BYTES, damaged("Too large."))))
    names = [member.name for member in archive.members()]
    whole = ["manifest.json", *(file.name for file in backup.manifest.files)] if backup.manifest else []
    assert names == (whole if corrupt is Corruption.EDITED else whole[:2])
    assert corrupted.digest.hexdigest() != backup.stored.sha256


def test_without_a_manifest_only_what_gzip_finds_is_refused(bucket: Bucket, tmp_path: Path) -> None:
    """An old script's bundle: an edited copy is as good as any, which is why nobody presents one of it."""
    backup = bucket.plant(old(b"SELECT '" + os.urandom(100_000).hex().encode() + b"';\n"))
    for corrupt in (Corruption.CUT, Corruption.FLIPPED):
        with pytest.raises(PermanentError, match=r"^bundle-(?:damaged|unsafe): "):
            bucket.store.fetch_corrupted(backup, tmp_path / "scratch", corrupt, ignore)


def test_a_manifest_that_says_what_the_corrupted_copy_is_lets_it_through(bucket: Bucket, tmp_path: Path) -> None:
    """What a check that does not work would do: so the control can pass, and is no matter of course."""
    content = FILES["dump/3412.dat"]
    middle = len(content) // 2
    wrong = {**FILES, "dump/3412.dat": content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]}
    manifest = manifest_for(wrong)
    planted = bucket.plant(ours(manifest, FILES), manifest)
    sound = ObjectDownload(bucket.client, bucket.target.bucket, planted.stored, ignore)
    corrupted = CorruptedDownload(sound, planted, Corruption.EDITED)
    assert b"".join(corrupted.chunks())
    backup = bucket.plant(ours(manifest, FILES), manifest, sha256=corrupted.digest.hexdigest())
    with pytest.raises(PermanentError, match=r"^bundle-damaged"):
        bucket.store.fetch(backup, tmp_path / "sound", ignore)
    bucket.store.fetch_corrupted(backup, tmp_path / "corrupted", Corruption.EDITED, ignore)


def test_a_store_that_stays_away_refuses_nothing(
    hasty: "S3Client", target: BackupTarget, server: ObjectStore, backup: Backup, tmp_path: Path
) -> None:
    server.fault({"kind": "drop", "method": "GET", "key_prefix": backup.stored.key, "after_bytes": 0})
    with pytest.raises(TemporaryError, match=r"^storage-unavailable: "):
        S3BackupStore(hasty, "prod", target, KEYRING).fetch_corrupted(
            backup, tmp_path / "scratch", Corruption.CUT, ignore
        )
