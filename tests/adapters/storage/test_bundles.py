import gzip
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bot.adapters.storage import S3BackupStore
from bot.adapters.storage.bundles import Meter, hash_dump, write_bundle
from bot.domain.backups import BackupName
from bot.domain.environments import BackupTarget
from bot.domain.runs import Progress
from bot.errors import PermanentError, TemporaryError
from bot.sandbox.objectstore import ObjectStore
from tests.adapters.storage.bucket import MakeManifest, ignore, keys, open_uploads
from tests.fakes.keyring import KEYRING

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

NAME = "prod_nightly_20260105_020000"
TAR = shutil.which("tar") or "tar"
BUNDLE, SIDECAR = f"{NAME}.tar.gz", f"{NAME}.manifest.json"


def test_tar_can_list_and_unpack_it(
    store: S3BackupStore, client: "S3Client", target: BackupTarget, dump: Path, manifest: MakeManifest, tmp_path: Path
) -> None:
    store.put_bundle(dump, manifest(), ignore)
    archive = tmp_path / "bundle.tar.gz"
    client.download_file(target.bucket, BUNDLE, str(archive))
    listed = subprocess.check_output([TAR, "-tzf", archive], text=True)  # noqa: S603 -- our own archive
    assert listed.split() == ["manifest.json", "dump/toc.dat", "dump/3412.dat"]
    subprocess.check_call([TAR, "-xzf", archive, "-C", tmp_path])  # noqa: S603 -- the same
    inner = json.loads((tmp_path / "manifest.json").read_text())
    for file in inner["files"]:
        content = (tmp_path / file["name"]).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (file["size_bytes"], file["sha256"])


def test_the_answer_says_what_is_stored(
    store: S3BackupStore, client: "S3Client", target: BackupTarget, dump: Path, manifest: MakeManifest
) -> None:
    backup = store.put_bundle(dump, manifest(), ignore)
    content = client.get_object(Bucket=target.bucket, Key=BUNDLE)["Body"].read()
    assert backup.name == BackupName.parse(NAME)
    assert (backup.stored.key, backup.stored.size_bytes) == (BUNDLE, len(content))
    assert backup.stored.sha256 == hashlib.sha256(content).hexdigest()
    assert backup.manifest is not None
    assert [file.name for file in backup.manifest.files] == ["dump/toc.dat", "dump/3412.dat"]
    about = json.loads(client.get_object(Bucket=target.bucket, Key=SIDECAR)["Body"].read())["bundle"]
    assert about == {
        "key": BUNDLE,
        "size_bytes": len(content),
        "sha256": backup.stored.sha256,
        "version_id": client.head_object(Bucket=target.bucket, Key=BUNDLE)["VersionId"],
    }


def test_progress_counts_each_byte_twice_and_ends_complete(
    store: S3BackupStore, dump: Path, manifest: MakeManifest
) -> None:
    told: list[Progress] = []
    store.put_bundle(dump, manifest(), told.append)
    size_bytes = sum(file.stat().st_size for file in dump.iterdir())
    assert told[-1] == Progress(2 * size_bytes, 2 * size_bytes, "bytes")
    assert [progress.done for progress in told] == sorted({progress.done for progress in told})


def test_a_large_dump_is_reported_a_hundred_times_at_most() -> None:
    told: list[Progress] = []
    meter = Meter(1000 * 1024**2, told.append)
    for _ in range(16_000):
        meter.add(65_536)
    assert 90 <= len(told) <= 101
    assert told[-1].done == told[-1].total


def test_a_report_that_stops_it_leaves_nothing(
    store: S3BackupStore, client: "S3Client", target: BackupTarget, dump: Path, manifest: MakeManifest
) -> None:
    (dump / "big.dat").write_bytes(os.urandom(20 * 1024**2))

    def stop_late(progress: Progress) -> None:
        if progress.done > 0.95 * progress.total:
            raise PermanentError("cancelled", "Stopped on request.")

    with pytest.raises(PermanentError, match=r"^cancelled: "):
        store.put_bundle(dump, manifest(), stop_late)
    assert keys(client, target) == []
    assert open_uploads(client, target) == []
    assert store.list_backups() == []


@pytest.mark.parametrize("there", [BUNDLE, SIDECAR])
def test_refuses_to_overwrite(
    store: S3BackupStore, client: "S3Client", target: BackupTarget, dump: Path, manifest: MakeManifest, there: str
) -> None:
    client.put_object(Bucket=target.bucket, Key=there, Body=b"precious")
    with pytest.raises(PermanentError, match=rf"^backup-exists: .*{NAME}"):
        store.put_bundle(dump, manifest(), ignore)
    assert keys(client, target) == [there]


def test_of_two_at_once_one_is_refused(
    store: S3BackupStore, client: "S3Client", target: BackupTarget, dump: Path, manifest: MakeManifest
) -> None:
    def overtake(_: Progress) -> None:  # after the first look, before the write
        if BUNDLE not in keys(client, target):
            client.put_object(Bucket=target.bucket, Key=BUNDLE, Body=b"the other one")

    with pytest.raises(PermanentError, match=r"^backup-exists: "):
        store.put_bundle(dump, manifest(), overtake)
    assert client.get_object(Bucket=target.bucket, Key=BUNDLE)["Body"].read() == b"the other one"


def test_a_bundle_whose_sidecar_was_never_written_is_not_ours(
    server: ObjectStore,
    hasty: "S3Client",
    store: S3BackupStore,
    target: BackupTarget,
    dump: Path,
    manifest: MakeManifest,
) -> None:
    server.fault({"kind": "5xx", "method": "PUT", "key_prefix": SIDECAR})
    with pytest.raises(TemporaryError, match=r"^storage-unavailable: "):
        S3BackupStore(hasty, "prod", target, KEYRING).put_bundle(dump, manifest(), ignore)
    assert keys(hasty, target) == [BUNDLE]
    assert store.list_backups() == []
    assert store.find(NAME) is None


@pytest.mark.parametrize("name", ["prod_nightly", "staging_nightly_20260105_020000", f"{NAME}.tar.gz", f"../{NAME}"])
def test_a_name_that_is_none_is_refused(store: S3BackupStore, dump: Path, manifest: MakeManifest, name: str) -> None:
    with pytest.raises(PermanentError, match=r"^bad-backup-name: "):
        store.put_bundle(dump, replace(manifest(), name=name), ignore)


def test_a_dump_must_be_plain_files(store: S3BackupStore, dump: Path, manifest: MakeManifest, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    (dump / "link.dat").symlink_to("/etc/hostname")
    for directory in (empty, tmp_path / "nowhere", dump):
        with pytest.raises(PermanentError, match=r"^dump-unreadable: ") as caught:
            store.put_bundle(directory, manifest(), ignore)
        assert str(tmp_path) not in str(caught.value)


@pytest.mark.parametrize("content", [b"shorter", b"2\tAnna\n2\tBo\n" * 500])
def test_a_file_that_changes_while_it_is_bundled_is_noticed(dump: Path, content: bytes) -> None:
    meter = Meter(1, ignore)
    files = hash_dump(dump, meter)
    (dump / "3412.dat").write_bytes(content)
    with pytest.raises(PermanentError, match=r"^dump-changed: dump/3412\.dat"):
        write_bundle(dump, files, b"{}", BytesIO(), meter)


def test_the_same_dump_makes_the_same_archive(dump: Path) -> None:
    meter = Meter(1, ignore)
    files = hash_dump(dump, meter)
    archives = [BytesIO(), BytesIO()]
    for archive in archives:
        write_bundle(dump, files, b"{}", archive, meter)
    assert archives[0].getvalue() == archives[1].getvalue()
    with tarfile.open(fileobj=BytesIO(archives[0].getvalue())) as tar:
        assert all(member.isfile() for member in tar)


MEASURE = """
import resource, sys
from datetime import UTC, datetime
from pathlib import Path
from bot.adapters.storage import Credentials, S3BackupStore, connect
from bot.domain.backups import Manifest
from bot.domain.environments import BackupTarget
from tests.fakes.keyring import KEYRING

target = BackupTarget(sys.argv[1], sys.argv[2])
store = S3BackupStore(connect(target, Credentials(sys.argv[3], "x")), "prod", target, KEYRING, compression_level=0)
store.list_backups()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
at = datetime(2026, 1, 5, 2, 0, 0, tzinfo=UTC)
manifest = Manifest(1, sys.argv[4], "prod", "nightly", at, "", 27, 180006, "18.6", (), ())
backup = store.put_bundle(Path(sys.argv[5]), manifest, lambda _: None)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024, backup.stored.size_bytes)
"""


def test_memory_does_not_grow_with_the_dump(target: BackupTarget, dump: Path) -> None:
    block = os.urandom(1024**2)
    with (dump / "big.dat").open("wb") as file:
        for _ in range(200):
            file.write(block)
    arguments = [target.bucket, str(target.endpoint_url), ObjectStore.access_key, NAME, str(dump)]
    told = subprocess.check_output([sys.executable, "-c", MEASURE, *arguments], text=True)  # noqa: S603 -- our own text
    grown_mib, size_bytes = map(int, told.split())
    assert size_bytes > 200 * 1024**2
    assert grown_mib < 64


def test_gzip_can_read_every_level(
    client: "S3Client", target: BackupTarget, dump: Path, manifest: MakeManifest
) -> None:
    for day, level in enumerate((0, 1, 6, 9), start=1):
        wanted = manifest(day=day)
        S3BackupStore(client, "prod", target, KEYRING, compression_level=level).put_bundle(dump, wanted, ignore)
        content = client.get_object(Bucket=target.bucket, Key=f"{wanted.name}.tar.gz")["Body"].read()
        assert b"1\tAnna\n2\tBo\n" * 500 in gzip.decompress(content)
