import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bot.adapters.storage import S3BackupStore
from bot.adapters.storage.download import BREAKS_IN_A_ROW, RANGE_BYTES
from bot.domain.backups import Backup, BundleKind
from bot.domain.environments import BackupTarget
from bot.domain.runs import Progress
from bot.errors import PermanentError, TemporaryError
from bot.sandbox.objectstore import ObjectStore
from tests.adapters.storage.archives import Bucket, old
from tests.adapters.storage.bucket import MakeManifest, ignore
from tests.fakes.keyring import KEYRING

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    return tmp_path / "scratch"


@pytest.fixture
def large(store: S3BackupStore, dump: Path, manifest: MakeManifest) -> Backup:
    """A bundle of four ranges."""
    (dump / "9000.dat").write_bytes(os.urandom(3 * RANGE_BYTES + 12_345))
    return store.put_bundle(dump, manifest(), ignore)


def same_files(one: Path, other: Path) -> bool:
    return {p.name: p.read_bytes() for p in one.iterdir()} == {p.name: p.read_bytes() for p in other.iterdir()}


def test_gives_back_what_was_put(store: S3BackupStore, large: Backup, dump: Path, scratch: Path) -> None:
    told: list[Progress] = []
    fetched = store.fetch(large, scratch, told.append)
    assert (fetched.kind, fetched.path, fetched.manifest) == (BundleKind.DIRECTORY, scratch, large.manifest)
    assert fetched.size_bytes == sum(file.stat().st_size for file in dump.iterdir())
    assert same_files(dump, scratch)
    assert [file.stat().st_mode & 0o777 for file in scratch.iterdir()] == [0o600] * 3
    assert told[-1] == Progress(large.stored.size_bytes, large.stored.size_bytes, "bytes")
    store.verify_names(large, ignore)


@pytest.mark.parametrize("after_bytes", [0, RANGE_BYTES // 2, RANGE_BYTES - 1])
def test_goes_on_where_the_connection_was_lost(
    store: S3BackupStore,
    client: "S3Client",
    server: ObjectStore,
    large: Backup,
    dump: Path,
    scratch: Path,
    after_bytes: int,
) -> None:
    asked: list[str] = []
    client.meta.events.register(
        "provide-client-params.s3.GetObject", lambda params, **_: asked.append(params.get("Range", ""))
    )
    server.fault(
        {"kind": "drop", "method": "GET", "key_prefix": large.stored.key, "after_bytes": after_bytes, "times": 2}
    )
    store.fetch(large, scratch, ignore)
    assert same_files(dump, scratch)
    wanted = sum(end - start + 1 for start, end in (map(int, text[6:].split("-")) for text in asked if text))
    # Only the bytes that never came were asked for again.
    assert wanted <= large.stored.size_bytes + 2 * (RANGE_BYTES - after_bytes) + 2 * 256 * 1024


def test_a_store_that_stays_away_is_temporary_and_leaves_nothing(
    hasty: "S3Client", target: BackupTarget, server: ObjectStore, large: Backup, scratch: Path
) -> None:
    server.fault({"kind": "drop", "method": "GET", "key_prefix": large.stored.key, "after_bytes": 0})
    asked: list[str] = []
    hasty.meta.events.register("provide-client-params.s3.GetObject", lambda **_: asked.append("once"))
    with pytest.raises(TemporaryError, match=r"^storage-unavailable: "):
        S3BackupStore(hasty, "prod", target, KEYRING).fetch(large, scratch, ignore)
    assert list(scratch.iterdir()) == []
    assert len(asked) <= 3 * BREAKS_IN_A_ROW


def test_the_version_that_was_listed_is_read_though_another_took_its_place(
    store: S3BackupStore, client: "S3Client", target: BackupTarget, large: Backup, dump: Path, scratch: Path
) -> None:
    client.put_object(Bucket=target.bucket, Key=large.stored.key, Body=b"something else")
    store.fetch(large, scratch, ignore)
    assert same_files(dump, scratch)


def test_an_object_that_is_replaced_meanwhile_is_not_mixed_with_the_new_one(
    store: S3BackupStore, client: "S3Client", target: BackupTarget, scratch: Path
) -> None:
    bucket = Bucket(client, target, store)
    backup = bucket.plant(old(b"SELECT '" + os.urandom(3 * RANGE_BYTES).hex().encode() + b"';\n"))
    replaced: list[str] = []

    def replace_it(_: Progress) -> None:
        if not replaced:
            replaced.append("once")
            client.put_object(Bucket=target.bucket, Key=backup.stored.key, Body=bytes(backup.stored.size_bytes))

    assert store.fetch(backup, scratch, replace_it).kind is BundleKind.PLAIN


def test_without_versions_a_replaced_object_is_refused(
    store: S3BackupStore, client: "S3Client", target: BackupTarget, scratch: Path
) -> None:
    def forget_version(parsed: dict[str, Any], **_: Any) -> None:
        parsed.pop("VersionId", None)

    client.meta.events.register("after-call.s3.HeadObject", forget_version)
    backup = Bucket(client, target, store).plant(old(b"SELECT '" + os.urandom(4 * RANGE_BYTES).hex().encode() + b"';"))

    def replace_it(_: Progress) -> None:
        client.put_object(Bucket=target.bucket, Key=backup.stored.key, Body=bytes(backup.stored.size_bytes))

    with pytest.raises(PermanentError, match=r"^bundle-damaged: .* was replaced while it was read"):
        store.fetch(backup, scratch, replace_it)
    assert list(scratch.iterdir()) == []


def test_gone_since_it_was_listed(
    store: S3BackupStore, client: "S3Client", target: BackupTarget, scratch: Path
) -> None:
    backup = Bucket(client, target, store).plant(old(b"SELECT 1;\n"))
    client.delete_object(Bucket=target.bucket, Key=backup.stored.key)
    with pytest.raises(PermanentError, match=r"^object-not-found: "):
        store.fetch(backup, scratch, ignore)


def test_a_report_that_stops_it_leaves_nothing(store: S3BackupStore, large: Backup, scratch: Path) -> None:
    def stop_late(progress: Progress) -> None:
        if progress.done > progress.total // 2:
            raise PermanentError("cancelled", "Stopped on request.")

    with pytest.raises(PermanentError, match=r"^cancelled: "):
        store.fetch(large, scratch, stop_late)
    assert list(scratch.iterdir()) == []


def test_a_directory_with_something_in_it_is_left_alone(store: S3BackupStore, large: Backup, scratch: Path) -> None:
    scratch.mkdir()
    (scratch / "precious").write_text("keep")
    with pytest.raises(PermanentError, match=r"^scratch-not-empty: "):
        store.fetch(large, scratch, ignore)
    assert (scratch / "precious").read_text() == "keep"


MEASURE = """
import resource, sys
from pathlib import Path
from bot.adapters.storage import Credentials, S3BackupStore, connect
from bot.domain.environments import BackupTarget
from tests.fakes.keyring import KEYRING

target = BackupTarget(sys.argv[1], sys.argv[2])
store = S3BackupStore(connect(target, Credentials(sys.argv[3], "x")), "prod", target, KEYRING)
backup = store.list_backups()[0]
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
fetched = store.fetch(backup, Path(sys.argv[4]), lambda _: None)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024, fetched.size_bytes)
"""


def test_memory_does_not_grow_with_the_bundle(
    client: "S3Client", target: BackupTarget, dump: Path, manifest: MakeManifest, scratch: Path
) -> None:
    block = os.urandom(1024**2)
    with (dump / "big.dat").open("wb") as file:
        for _ in range(160):
            file.write(block)
    S3BackupStore(client, "prod", target, KEYRING, compression_level=0).put_bundle(dump, manifest(), ignore)
    arguments = [target.bucket, str(target.endpoint_url), ObjectStore.access_key, str(scratch)]
    told = subprocess.check_output([sys.executable, "-c", MEASURE, *arguments], text=True)  # noqa: S603 -- our own text
    grown_mib, size_bytes = map(int, told.split())
    assert size_bytes > 160 * 1024**2
    assert grown_mib < 80
