"""What was stored is read back: a backup counts as taken only if the bot's own reader accepts it from the bucket."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bot.adapters.storage import S3BackupStore
from bot.domain.backups import BundleFile
from bot.domain.bundle_limits import LIMITS, BundleLimits
from bot.domain.environments import BackupTarget
from bot.errors import PermanentError
from bot.sandbox.objectstore import ObjectStore
from tests.adapters.storage.archives import manifest_for
from tests.adapters.storage.bucket import MakeManifest, ignore, keys
from tests.fakes.keyring import KEYRING

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

NAME = "prod_nightly_20260105_020000"
BUNDLE, SIDECAR = f"{NAME}.tar.gz", f"{NAME}.manifest.json"
Limited = Callable[..., S3BackupStore]


@pytest.fixture
def limited(client: "S3Client", target: BackupTarget) -> Limited:
    def make(**limits: int) -> S3BackupStore:
        return S3BackupStore(client, "prod", target, KEYRING, limits=BundleLimits(**limits))

    return make


def test_a_dump_of_too_many_files_is_refused_before_anything_is_stored(
    limited: Limited, client: "S3Client", target: BackupTarget, dump: Path, manifest: MakeManifest
) -> None:
    with pytest.raises(PermanentError, match="backup-too-many-files: The dump has 2 files or more"):
        limited(max_files=1).put_bundle(dump, manifest(), ignore)
    assert keys(client, target) == []
    assert limited(max_files=2).put_bundle(dump, manifest(), ignore).manifest is not None


def test_a_manifest_that_the_reader_finds_too_large_is_refused_before_anything_is_stored(
    limited: Limited, client: "S3Client", target: BackupTarget, dump: Path, manifest: MakeManifest
) -> None:
    with pytest.raises(PermanentError, match="backup-manifest-too-large"):
        limited(max_manifest_bytes=8 * 1024 + 100).put_bundle(dump, manifest(), ignore)
    assert keys(client, target) == []


def test_whatever_the_writer_lets_through_the_reader_accepts(
    limited: Limited, dump: Path, manifest: MakeManifest, tmp_path: Path
) -> None:
    """The same limits, to the file and nearly to the byte."""
    for number in range(1500):
        (dump / f"{number + 10_000}.dat").write_bytes(b"%d" % number)
    store = limited(max_files=1502, max_manifest_bytes=(8 + 172) * 1024)
    backup = store.put_bundle(dump, manifest(), ignore)
    assert store.find(NAME) == backup
    store.verify_names(store.list_backups()[0], ignore)
    assert store.fetch(backup, tmp_path / "out", ignore).manifest == backup.manifest
    with pytest.raises(PermanentError, match="backup-manifest-too-large"):
        limited(max_manifest_bytes=(8 + 171) * 1024).put_bundle(dump, manifest("second"), ignore)
    (dump / "1.dat").write_bytes(b"one more")
    with pytest.raises(PermanentError, match="backup-too-many-files"):
        store.put_bundle(dump, manifest("second"), ignore)


@pytest.mark.parametrize("key", [BUNDLE, SIDECAR])
def test_a_store_that_answers_other_bytes_than_it_was_given(
    store: S3BackupStore, server: ObjectStore, dump: Path, manifest: MakeManifest, key: str
) -> None:
    server.fault({"kind": "garble", "method": "GET", "key_prefix": key})
    with pytest.raises(PermanentError, match=rf"^backup-not-accepted: {BUNDLE} was stored, but the bot cannot read it"):
        store.put_bundle(dump, manifest(), ignore)
    server.clear_faults()
    if key == BUNDLE:
        assert store.find(NAME) is None, "it must not be listed as good"


def test_a_bundle_is_not_downloaded_again(
    store: S3BackupStore, client: "S3Client", dump: Path, manifest: MakeManifest
) -> None:
    (dump / "3413.dat").write_bytes(bytes(20 * 1024 * 1024))
    ranges: list[str] = []
    client.meta.events.register(
        "before-parameter-build.s3.GetObject", lambda params, **_: ranges.append(params.get("Range", params["Key"]))
    )
    store.put_bundle(dump, manifest(), ignore)
    (beginning, sidecar) = ranges
    assert sidecar == SIDECAR
    assert int(beginning.removeprefix("bytes=0-")) < 300 * 1024


def test_the_limits_hold_200_000_large_objects_and_20_000_tables() -> None:
    files = {f"dump/blob_{16384 + number}.dat.gz": b"" for number in range(220_000)}
    manifest = manifest_for(files)
    assert len(manifest.files) < LIMITS.max_files
    entry = len('{"name":"dump/blob_1234567890.dat.gz","size_bytes":1234567890,"sha256":""},') + 64
    assert LIMITS.max_files * entry < LIMITS.max_manifest_bytes
    assert LIMITS.manifest_bytes(manifest) == LIMITS.max_manifest_bytes
    assert not hasattr(BundleFile("x", 1, ""), "__dict__"), "220,000 of them must stay small"
