import sys
import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from bot.adapters.storage import S3BackupStore
from bot.adapters.storage.catalogue import BundleCatalogue
from bot.adapters.storage.signatures import DocumentSigner
from bot.domain.backups import Backup
from bot.domain.bundle_limits import LIMITS
from bot.domain.environments import BackupTarget
from tests.adapters.storage.archives import Bucket
from tests.fakes.keyring import KEYRING

SIGNER = DocumentSigner(KEYRING, "prod")

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


OLD = "prod_pre-migration-v1.2.3_20260211_120000"


def names(backups: Any) -> list[str]:
    return [str(backup.name) for backup in backups]


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


def test_listings_side_by_side_do_not_disturb_each_other(bucket: Bucket) -> None:
    """Each notes what it has read while others walk through the notes to forget what is gone."""
    times = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=hour) for hour in range(1500)]
    entries = [
        {"Key": f"prod_old_{at:%Y%m%d_%H%M%S}.tar.gz", "ETag": '"a"', "Size": 1, "LastModified": at} for at in times
    ]
    catalogue = BundleCatalogue(Shelf(entries), bucket.target.bucket, "prod", LIMITS, SIGNER)  # type: ignore[arg-type] # what is used
    failures: list[Exception] = []
    done = threading.Event()

    def list_again() -> None:
        while not done.is_set():
            try:
                next(catalogue.newest())
            except RuntimeError as error:
                failures.append(error)
                return

    before_s = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    beside = threading.Thread(target=list_again)
    beside.start()
    try:
        assert len(list(catalogue.newest())) == len(entries)
    finally:
        done.set()
        beside.join()
        sys.setswitchinterval(before_s)
    assert failures == []


class Shelf:
    """As much of an S3 client as a catalogue of old bundles needs, without a server to wait for."""

    def __init__(self, entries: list[dict[str, Any]]) -> None:
        self._entries = entries

    def get_paginator(self, _: str) -> "Shelf":
        return self

    def paginate(self, **_: str) -> list[dict[str, Any]]:
        return [{"Contents": self._entries}]

    def head_object(self, **_: str) -> dict[str, Any]:
        return {"Metadata": {}}


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
