"""Spoilt copies are refused by the very checks that protect a restore, each by the one it is meant for."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bot.adapters.storage import S3BackupStore
from bot.adapters.storage.corruption import SpoiltDownload
from bot.adapters.storage.download import RANGE_BYTES, ObjectDownload
from bot.adapters.storage.members import TarStream
from bot.adapters.storage.refusals import damaged
from bot.adapters.storage.unpacked import Budget, gunzip
from bot.domain.backups import Backup
from bot.domain.drills import Spoil
from bot.domain.environments import BackupTarget
from bot.errors import PermanentError, TemporaryError
from bot.sandbox.objectstore import ObjectStore
from tests.adapters.storage.archives import FILES, Bucket, manifest_for, old, ours
from tests.adapters.storage.bucket import MakeManifest, ignore

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

REASONS = {
    Spoil.CUT: r"cut short|in the middle of a member",
    Spoil.SHORTENED: r"its sha256 differs|is missing",
    Spoil.FLIPPED: r"its sha256 differs|compressed data is broken",
    Spoil.EDITED: r"Member 'dump/9000\.dat' is not what was dumped: its sha256 differs",
}


@pytest.fixture
def backup(store: S3BackupStore, dump: Path, manifest: MakeManifest) -> Backup:
    """A bundle of two ranges, most of it in one member."""
    (dump / "9000.dat").write_bytes(os.urandom(RANGE_BYTES + 12_345))
    return store.put_bundle(dump, manifest(), ignore)


@pytest.mark.parametrize("spoil", Spoil)
def test_each_is_refused_for_its_reason_and_leaves_nothing(
    store: S3BackupStore, backup: Backup, tmp_path: Path, spoil: Spoil
) -> None:
    scratch = tmp_path / "scratch"
    with pytest.raises(PermanentError, match=rf"^bundle-damaged: .*(?:{REASONS[spoil]})"):
        store.fetch_spoilt(backup, scratch, spoil, ignore)
    assert list(scratch.iterdir()) == []


def test_the_bucket_is_as_before(
    store: S3BackupStore, client: "S3Client", target: BackupTarget, backup: Backup, tmp_path: Path
) -> None:
    def listed() -> list[tuple[str, str]]:
        found = client.list_object_versions(Bucket=target.bucket)["Versions"]
        return [(item["Key"], item["VersionId"]) for item in found]

    before = listed()
    for spoil in Spoil:
        with pytest.raises(PermanentError):
            store.fetch_spoilt(backup, tmp_path / "scratch", spoil, ignore)
    assert listed() == before
    store.verify_names(backup, ignore)


@pytest.mark.parametrize("spoil", [Spoil.SHORTENED, Spoil.EDITED])
def test_what_is_packed_anew_is_sound_for_gzip_and_tar(
    client: "S3Client", target: BackupTarget, backup: Backup, spoil: Spoil
) -> None:
    """So nothing but our own digests can tell."""
    sound = ObjectDownload(client, target.bucket, backup.stored, ignore)
    spoilt = SpoiltDownload(sound, backup, spoil)
    archive = TarStream(gunzip(spoilt.chunks(), Budget(10 * RANGE_BYTES, damaged("Too large."))))
    names = [member.name for member in archive.members()]
    whole = ["manifest.json", *(file.name for file in backup.manifest.files)] if backup.manifest else []
    assert names == (whole if spoil is Spoil.EDITED else whole[:2])
    assert spoilt.digest.hexdigest() != backup.stored.sha256


def test_without_a_manifest_only_what_gzip_finds_is_refused(bucket: Bucket, tmp_path: Path) -> None:
    """An old script's bundle: an edited copy is as good as any, which is why nobody presents one of it."""
    backup = bucket.plant(old(b"SELECT '" + os.urandom(100_000).hex().encode() + b"';\n"))
    for spoil in (Spoil.CUT, Spoil.FLIPPED):
        with pytest.raises(PermanentError, match=r"^bundle-(?:damaged|unsafe): "):
            bucket.store.fetch_spoilt(backup, tmp_path / "scratch", spoil, ignore)


def test_a_manifest_that_says_what_the_spoilt_copy_is_lets_it_through(bucket: Bucket, tmp_path: Path) -> None:
    """What a check that does not work would do: so the control can pass, and is no matter of course."""
    content = FILES["dump/3412.dat"]
    middle = len(content) // 2
    wrong = {**FILES, "dump/3412.dat": content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]}
    manifest = manifest_for(wrong)
    planted = bucket.plant(ours(manifest, FILES), manifest)
    sound = ObjectDownload(bucket.client, bucket.target.bucket, planted.stored, ignore)
    spoilt = SpoiltDownload(sound, planted, Spoil.EDITED)
    assert b"".join(spoilt.chunks())
    backup = bucket.plant(ours(manifest, FILES), manifest, sha256=spoilt.digest.hexdigest())
    with pytest.raises(PermanentError, match=r"^bundle-damaged"):
        bucket.store.fetch(backup, tmp_path / "sound", ignore)
    bucket.store.fetch_spoilt(backup, tmp_path / "spoilt", Spoil.EDITED, ignore)


def test_a_store_that_stays_away_refuses_nothing(
    hasty: "S3Client", target: BackupTarget, server: ObjectStore, backup: Backup, tmp_path: Path
) -> None:
    server.fault({"kind": "drop", "method": "GET", "key_prefix": backup.stored.key, "after_bytes": 0})
    with pytest.raises(TemporaryError, match=r"^storage-unavailable: "):
        S3BackupStore(hasty, "prod", target).fetch_spoilt(backup, tmp_path / "scratch", Spoil.CUT, ignore)
