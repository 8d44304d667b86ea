"""Anchors in a bucket: found in few requests, never overwritten, locked where that is possible."""

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

from bot.adapters.clock import SystemClock
from bot.adapters.storage import S3AnchorStore
from bot.domain.environments import BackupTarget
from bot.errors import PermanentError, TemporaryError
from bot.sandbox.objectstore import ObjectStore

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_NUMBERS = itertools.count(1)


def make(client: "S3Client", bucket: str) -> S3AnchorStore:
    return S3AnchorStore(client, bucket, "anchors/", 30, SystemClock())


@pytest.fixture
def store(hasty: "S3Client", target: BackupTarget) -> S3AnchorStore:
    return make(hasty, target.bucket)


@pytest.fixture
def locked(hasty: "S3Client") -> str:
    """A bucket with object lock."""
    bucket = f"locked-{next(_NUMBERS)}"
    hasty.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    return bucket


@pytest.fixture
def plain(hasty: "S3Client") -> str:
    """A bucket that keeps no versions."""
    bucket = f"plain-{next(_NUMBERS)}"
    hasty.create_bucket(Bucket=bucket)
    return bucket


@pytest.fixture(params=["target", "locked", "plain"])
def any_store(request: pytest.FixtureRequest, hasty: "S3Client") -> S3AnchorStore:
    bucket = request.getfixturevalue(request.param)
    return make(hasty, bucket.bucket if isinstance(bucket, BackupTarget) else bucket)


def test_what_was_put_is_the_newest(any_store: S3AnchorStore) -> None:
    assert any_store.newest() is None
    for number in (1, 2, 3):
        assert any_store.put(number, b"%d" % number)
        assert any_store.newest() == (number, b"%d" % number)
    assert not any_store.put(2, b"other")
    kept = any_store.read_all()
    assert [(item.number, item.documents) for item in kept.anchors] == [(n, (b"%d" % n,)) for n in (1, 2, 3)]


def test_a_repeated_put_of_the_same_is_our_own(store: S3AnchorStore) -> None:
    assert store.put(1, b"one")
    assert store.put(1, b"one")


@pytest.mark.parametrize("count", [1, 2, 3, 7, 64, 130])
def test_another_process_finds_the_newest_of_many(
    hasty: "S3Client", target: BackupTarget, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(1, count + 1):
        hasty.put_object(Bucket=target.bucket, Key=f"anchors/{number:012}.json", Body=b"%d" % number)
    monkeypatch.setattr("bot.adapters.storage.anchors._PAGE", 5)
    assert make(hasty, target.bucket).newest() == (count, b"%d" % count)


def test_what_else_is_in_the_way_is_passed_over(store: S3AnchorStore, hasty: "S3Client", target: BackupTarget) -> None:
    for number in (1, 2):
        store.put(number, b"%d" % number)
    for name in ("0000000000015.json", "000000000002.json.bak", "~", "000000000001/x.json"):
        hasty.put_object(Bucket=target.bucket, Key=f"anchors/{name}", Body=b"junk")
    assert make(hasty, target.bucket).newest() == (2, b"2")
    assert [item.number for item in store.read_all().anchors] == [1, 2]


def test_what_was_replaced_or_deleted_is_still_seen(
    store: S3AnchorStore, hasty: "S3Client", target: BackupTarget
) -> None:
    for number in (1, 2, 3):
        store.put(number, b"%d" % number)
    hasty.put_object(Bucket=target.bucket, Key="anchors/000000000001.json", Body=b"forged")
    hasty.delete_object(Bucket=target.bucket, Key="anchors/000000000003.json")
    kept = store.read_all()
    assert kept.versions_seen
    assert [item.documents for item in kept.anchors] == [(b"1", b"forged"), (b"2",), (b"3", None)]
    assert store.newest() == (2, b"2")


def test_a_locked_anchor_cannot_be_removed(hasty: "S3Client", locked: str) -> None:
    store = make(hasty, locked)
    assert store.weakness() == ""
    assert store.put(1, b"one")
    (version,) = hasty.list_object_versions(Bucket=locked)["Versions"]
    with pytest.raises(ClientError, match="AccessDenied"):
        hasty.delete_object(Bucket=locked, Key=version["Key"], VersionId=version["VersionId"])


def test_what_a_bucket_does_not_do_is_said(store: S3AnchorStore, hasty: "S3Client", plain: str) -> None:
    assert "has versions and no object lock" in store.weakness()
    weak = make(hasty, plain)
    assert "neither object lock nor versioning" in weak.weakness()
    weak.put(1, b"one")
    assert not weak.read_all().versions_seen


def test_without_the_right_to_versions_the_current_ones_are_read(store: S3AnchorStore, server: ObjectStore) -> None:
    store.put(1, b"one")
    server.fault({"kind": "denied", "query": "versions"})
    kept = store.read_all()
    assert ([item.documents for item in kept.anchors], kept.versions_seen) == ([(b"one",)], False)


def test_a_store_that_is_away_is_a_temporary_error(store: S3AnchorStore, server: ObjectStore) -> None:
    server.fault({"kind": "5xx"})
    for act in (store.newest, store.read_all, lambda: store.put(1, b"one")):
        with pytest.raises(TemporaryError, match="storage-unavailable"):
            act()


def test_a_bucket_that_is_not_there_is_said(hasty: "S3Client") -> None:
    with pytest.raises(PermanentError, match="bucket-not-found"):
        make(hasty, "nowhere-at-all").newest()


@pytest.fixture(autouse=True)
def _no_faults(server: ObjectStore) -> Iterator[None]:
    yield
    server.clear_faults()
