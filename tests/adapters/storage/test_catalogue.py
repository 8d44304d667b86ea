import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bot.adapters.storage import S3BackupStore, catalogue, sidecars
from bot.domain.backups import Backup, BackupPage, BackupSearch, Manifest, Verification
from bot.domain.bundle_limits import LIMITS
from bot.domain.environments import BackupTarget
from bot.domain.signing import SignatureState
from bot.errors import PermanentError
from tests.adapters.storage.archives import KEY, PLAIN, Bucket, member, old, tgz
from tests.adapters.storage.bucket import MakeManifest, ignore
from tests.fakes.keyring import KEYRING

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

DEEP = b"[" * 200_000
HUGE = b" " * (LIMITS.max_manifest_bytes + 1)
PROVEN = Verification(3, datetime(2026, 1, 9, 3, 0, 0, tzinfo=UTC))


@pytest.fixture
def nine(client: "S3Client", target: BackupTarget, dump: Path, manifest: MakeManifest) -> list[Backup]:
    """Newest first, and written by another process; the schema version is the day."""
    store = S3BackupStore(client, "prod", target, KEYRING)
    made: list[Manifest] = [
        replace(manifest(label="nightly" if day % 2 else "pre-V1.3", day=day), schema_version=day)
        for day in range(1, 10)
    ]
    return [store.put_bundle(dump, one, ignore) for one in made][::-1]


@pytest.fixture
def asked(client: "S3Client") -> list[str]:
    """Every call to the store from now on."""
    calls: list[str] = []
    client.meta.events.register("before-call.s3", lambda model, **_: calls.append(model.name))
    return calls


def names(page: BackupPage) -> list[str]:
    return [str(backup.name) for backup in page.backups]


def test_pages_are_newest_first_and_lead_to_one_another(store: S3BackupStore, nine: list[Backup]) -> None:
    wanted = [str(backup.name) for backup in nine]
    first = store.list_page(limit=4)
    assert (names(first), first.total, first.next_offset) == (wanted[:4], 9, 4)
    assert first.backups[0].manifest == nine[0].manifest
    second = store.list_page(offset=4, limit=4)
    assert (names(second), second.next_offset) == (wanted[4:8], 8)
    last = store.list_page(offset=8, limit=4)
    assert (names(last), last.next_offset) == (wanted[8:], None)
    assert store.list_page(offset=99) == BackupPage((), 9)


@pytest.mark.parametrize(
    ("text", "days"),
    [("nightly", [9, 7, 5, 3, 1]), ("PRE-v1.3", [8, 6, 4, 2]), ("pre 20260104", [4]), ("nothing", []), ("", [9, 8, 7])],
)
def test_a_filter_is_words_of_the_name(store: S3BackupStore, nine: list[Backup], text: str, days: list[int]) -> None:
    page = store.list_page(text, limit=3 if not text else 10)
    assert [backup.name.created_at.day for backup in page.backups] == days
    assert page.total == (len(days) if text else len(nine))


def test_a_page_reads_the_sidecars_of_that_page_only_and_once(
    store: S3BackupStore, nine: list[Backup], asked: list[str]
) -> None:
    store.list_page(limit=3)
    assert sorted(asked) == ["GetObject"] * 3 + ["ListObjectsV2"]
    asked.clear()
    store.list_page(limit=3)
    assert asked == []
    store.list_page(offset=3, limit=3)
    assert asked == ["GetObject"] * 3
    assert len(nine) == 9


def test_our_own_writes_are_on_the_next_page(
    store: S3BackupStore, nine: list[Backup], dump: Path, manifest: MakeManifest
) -> None:
    assert store.list_page().total == len(nine)
    store.put_bundle(dump, manifest(day=20), ignore)
    store.store_verification(nine[0], PROVEN)
    page = store.list_page()
    assert page.total == 10
    assert [backup.verified for backup in page.backups[:2]] == [None, PROVEN]


def test_others_writes_are_noticed_once_the_listing_is_old(
    store: S3BackupStore,
    client: "S3Client",
    target: BackupTarget,
    nine: list[Backup],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert store.list_page().total == len(nine)
    client.put_object(Bucket=target.bucket, Key="prod_other_20260220_020000.tar.gz", Body=b"new")
    client.delete_object(Bucket=target.bucket, Key=nine[0].stored.key)
    changed = json.loads(client.get_object(Bucket=target.bucket, Key=f"{nine[1].name}.manifest.json")["Body"].read())
    text = json.dumps(changed | {"app_version": "v9"}).encode()
    client.put_object(Bucket=target.bucket, Key=f"{nine[1].name}.manifest.json", Body=text)
    assert names(store.list_page(limit=1)) == [str(nine[0].name)]  # as it was
    monkeypatch.setattr(catalogue, "FRESH_S", 0.0)
    page = store.list_page(limit=2)
    assert names(page) == ["prod_other_20260220_020000", str(nine[1].name)]
    assert page.backups[1].manifest is not None
    assert page.backups[1].manifest.app_version == "v9"


def test_unfinished_bundles_do_not_shorten_a_page(
    store: S3BackupStore, client: "S3Client", target: BackupTarget, nine: list[Backup]
) -> None:
    for backup in nine[:3]:
        client.delete_object(Bucket=target.bucket, Key=f"{backup.name}.manifest.json")
    page = store.list_page(limit=4)
    assert names(page) == [str(backup.name) for backup in nine[3:7]]
    assert page.next_offset == 7


def test_the_newest_before_a_migration_is_found(store: S3BackupStore, nine: list[Backup]) -> None:
    assert store.newest_before(9) == BackupSearch(nine[1], 2, 9)
    assert store.newest_before(3) == BackupSearch(nine[7], 8, 9)
    assert store.newest_before(1) == BackupSearch(None, 9, 9)


@pytest.mark.parametrize(("limit", "value", "looked_at"), [("MAX_SEARCHED", 4, 4), ("MAX_SEARCH_S", 0.0, 0)])
def test_a_search_ends_and_says_among_how_many(
    store: S3BackupStore,
    nine: list[Backup],
    asked: list[str],
    monkeypatch: pytest.MonkeyPatch,
    limit: str,
    value: float,
    looked_at: int,
) -> None:
    monkeypatch.setattr(catalogue, limit, value)
    assert store.newest_before(3) == BackupSearch(None, looked_at, len(nine))
    assert asked.count("GetObject") == looked_at


def test_a_search_reads_each_sidecar_once(store: S3BackupStore, nine: list[Backup], asked: list[str]) -> None:
    for _ in range(2):
        assert store.newest_before(1).looked_at == len(nine)
    assert asked.count("GetObject") == len(nine)


def test_a_damaged_sidecar_is_passed_over_by_a_search(
    store: S3BackupStore, client: "S3Client", target: BackupTarget, nine: list[Backup]
) -> None:
    for backup, text in zip(nine, (b"", DEEP, b'{"format": 2, "schema_version": 1}', b"[]"), strict=False):
        client.put_object(Bucket=target.bucket, Key=f"{backup.name}.manifest.json", Body=text)
    assert store.newest_before(9).found == nine[4]


def test_a_large_manifest_is_listed_without_its_files_and_fetched_whole(
    store: S3BackupStore, nine: list[Backup], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sidecars, "LARGE_BYTES", 100)
    (listed,) = store.list_backups(1)
    assert nine[0].manifest is not None
    assert listed.manifest == replace(nine[0].manifest, files=())
    assert store.list_page(limit=1).backups == (listed,)
    assert store.find(str(nine[0].name)) == nine[0]
    store.verify_names(listed, ignore)
    fetched = store.fetch(listed, tmp_path / "out", ignore)
    assert fetched.manifest == nine[0].manifest


def test_a_large_manifest_that_was_replaced_since_is_refused(
    store: S3BackupStore, client: "S3Client", target: BackupTarget, nine: list[Backup], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sidecars, "LARGE_BYTES", 100)
    (listed,) = store.list_backups(1)
    client.put_object(Bucket=target.bucket, Key=nine[0].stored.key, Body=b"other")
    with pytest.raises(PermanentError, match=r"bundle-damaged.*replaced since it was listed"):
        store.verify_names(listed, ignore)


def test_the_cache_has_an_end(
    store: S3BackupStore, nine: list[Backup], asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sidecars, "MAX_CACHED_BYTES", 4 * 2000)
    assert [b.name for b in store.list_backups()] == [b.name for b in nine]
    asked.clear()
    assert [b.name for b in store.list_backups()] == [b.name for b in nine]
    assert asked.count("GetObject") > 4


def test_a_list_may_be_limited(store: S3BackupStore, nine: list[Backup], asked: list[str]) -> None:
    assert [backup.name for backup in store.list_backups(limit=2)] == [backup.name for backup in nine[:2]]
    assert asked.count("GetObject") < 9
    assert len(store.list_backups()) == 9


@pytest.mark.parametrize("problem", ["", "patients has 3 rows less"])
def test_what_was_proven_is_kept_for_everyone(
    store: S3BackupStore, client: "S3Client", target: BackupTarget, nine: list[Backup], problem: str
) -> None:
    proven = replace(PROVEN, problem=problem)
    store.store_verification(nine[0], Verification(1, PROVEN.at))
    store.store_verification(nine[0], proven)
    for other in (store, S3BackupStore(client, "prod", target, KEYRING)):
        found = other.find(str(nine[0].name))
        assert found is not None
        assert found.verified == proven
        assert [backup.verified for backup in other.list_backups(limit=2)] == [proven, None]


def test_what_was_proven_of_another_object_says_nothing(
    store: S3BackupStore, client: "S3Client", target: BackupTarget
) -> None:
    bucket = Bucket(client, target, store)
    store.store_verification(bucket.plant(old(PLAIN)), PROVEN)
    found = store.find(KEY)
    assert found is not None
    assert found.verified == PROVEN
    assert bucket.plant(old(PLAIN + b"-- more\n")).verified is None


def test_an_old_bundles_object_is_distinguished_from_another_under_its_key(
    store: S3BackupStore, client: "S3Client", target: BackupTarget, tmp_path: Path
) -> None:
    bucket = Bucket(client, target, store)
    first = bucket.plant(old(PLAIN))
    another = tgz(member("prod.sql", PLAIN, mtime=1))
    second = bucket.plant(another)
    assert (first.stored.key, first.stored.version_id, first.stored.sha256) == (second.stored.key, "", "")
    assert "" != first.stored.etag != second.stored.etag
    with pytest.raises(PermanentError, match=r"^bundle-damaged: .* was replaced since it was listed"):
        store.fetch(replace(second, stored=replace(second.stored, etag=first.stored.etag)), tmp_path / "x", ignore)


def test_a_proof_without_a_time_zone_says_nothing(
    store: S3BackupStore, client: "S3Client", target: BackupTarget, nine: list[Backup]
) -> None:
    store.store_verification(nine[0], PROVEN)
    key = f"{nine[0].name}.verified.json"
    document = json.loads(client.get_object(Bucket=target.bucket, Key=key)["Body"].read())
    client.put_object(Bucket=target.bucket, Key=key, Body=json.dumps(document | {"at": "2026-01-09T03:00:00"}).encode())
    found = store.find(str(nine[0].name))
    assert found is not None
    assert found.verified is None


@pytest.mark.parametrize("damage", [b"", b"[]", b"{}", b'{"level": 3}', DEEP, HUGE])
def test_a_damaged_note_says_nothing(
    store: S3BackupStore, client: "S3Client", target: BackupTarget, nine: list[Backup], damage: bytes
) -> None:
    client.put_object(Bucket=target.bucket, Key=f"{nine[0].name}.verified.json", Body=damage)
    found: Any = store.find(str(nine[0].name))
    assert found == replace(nine[0], stored=found.stored, ignored_note=SignatureState.UNSIGNED)
