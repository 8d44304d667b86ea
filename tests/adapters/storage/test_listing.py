import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bot.adapters.storage import S3BackupStore
from bot.domain.backups import Backup
from bot.domain.environments import BackupTarget
from tests.adapters.storage.bucket import MakeManifest, ignore

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

OLD = "prod_pre-migration-v1.2.3_20260211_120000"


def names(backups: Any) -> list[str]:
    return [str(backup.name) for backup in backups]


@pytest.fixture
def three(store: S3BackupStore, dump: Path, manifest: MakeManifest) -> list[Backup]:
    return [store.put_bundle(dump, manifest(day=day), ignore) for day in (3, 1, 2)]


def put(client: "S3Client", target: BackupTarget, *found: str) -> None:
    for key in found:
        client.put_object(Bucket=target.bucket, Key=key, Body=b"from elsewhere")


def test_newest_first_with_manifests(store: S3BackupStore, three: list[Backup]) -> None:
    listed = store.list_backups()
    assert names(listed) == names([three[0], three[2], three[1]])
    assert {backup.stored for backup in listed} == {backup.stored for backup in three}
    assert {backup.name: backup.manifest for backup in listed} == {backup.name: backup.manifest for backup in three}


def test_a_bundle_of_the_old_scripts_is_listed_without_a_manifest(
    store: S3BackupStore, client: "S3Client", target: BackupTarget, three: list[Backup]
) -> None:
    put(client, target, f"{OLD}.tar.gz")
    listed = store.list_backups()
    assert names(listed)[0] == OLD
    assert (listed[0].manifest, listed[0].stored.sha256, listed[0].stored.size_bytes) == (None, "", 14)
    assert len(listed) == len(three) + 1
    assert store.find(OLD) == listed[0]


def test_what_is_no_backup_of_this_environment_is_left_out(
    store: S3BackupStore, client: "S3Client", target: BackupTarget
) -> None:
    put(
        client,
        target,
        "staging_nightly_20260105_020000.tar.gz",
        "prod_nightly_20261305_020000.tar.gz",
        "prod_nightly_20260105_020000",
        "prod_nightly_20260105_020000.tar.gz.tmp",
        "prod_a/b_20260105_020000.tar.gz",
        "notes.txt",
        "prod_lonely_20260105_020000.manifest.json",
    )
    assert store.list_backups() == []


def test_find(store: S3BackupStore, three: list[Backup]) -> None:
    name = str(three[0].name)
    assert store.find(name) == three[0]
    assert store.find(f"{name}.tar.gz") == three[0]
    assert store.find("prod_nightly_20260104_020000") is None
    assert store.find("staging_nightly_20260103_020000") is None
    assert store.find("prod_") is None
    assert store.find("") is None


@pytest.mark.parametrize("damage", ["not json", "[]", '{"format": 1}', "other format", "other size"])
def test_a_sidecar_that_does_not_fit_is_no_manifest(
    store: S3BackupStore, client: "S3Client", target: BackupTarget, three: list[Backup], damage: str
) -> None:
    key = f"{three[0].name}.manifest.json"
    document = json.loads(client.get_object(Bucket=target.bucket, Key=key)["Body"].read())
    if damage == "other format":
        damage = json.dumps(document | {"format": 2})
    if damage == "other size":
        damage = json.dumps(document | {"bundle": document["bundle"] | {"size_bytes": 1}})
    client.put_object(Bucket=target.bucket, Key=key, Body=damage.encode())
    found = store.find(str(three[0].name))
    assert found is not None
    assert (found.manifest, found.stored.sha256) == (None, "")


def test_sidecars_are_read_once(store: S3BackupStore, client: "S3Client", three: list[Backup]) -> None:
    reads: list[str] = []
    client.meta.events.register("before-call.s3.GetObject", lambda **_: reads.append("read"))
    assert names(store.list_backups()) == names(store.list_backups())
    assert len(reads) == len(three)


def test_a_bundle_deleted_since_is_gone(
    store: S3BackupStore, client: "S3Client", target: BackupTarget, three: list[Backup]
) -> None:
    store.list_backups()
    client.delete_object(Bucket=target.bucket, Key=three[0].stored.key)
    assert names(store.list_backups()) == names([three[2], three[1]])
    assert store.find(str(three[0].name)) is None


def test_many_pages(store: S3BackupStore, client: "S3Client", three: list[Backup]) -> None:
    def page_of_two(params: dict[str, Any], **_: Any) -> None:
        params["query_string"]["max-keys"] = "2"

    client.meta.events.register("before-call.s3.ListObjectsV2", page_of_two)
    assert len(store.list_backups()) == len(three)


def test_a_report_is_stored_and_replaced(store: S3BackupStore, client: "S3Client", target: BackupTarget) -> None:
    store.put_text("reports/rk3f9a.md", "first", "text/markdown")
    stored = store.put_text("reports/rk3f9a.md", "Xong – đã khôi phục", "text/markdown")
    found = client.get_object(Bucket=target.bucket, Key=stored.key)
    assert found["Body"].read().decode() == "Xong – đã khôi phục"
    assert found["ContentType"] == "text/markdown"
