"""One S3 server for all tests here, and a fresh bucket for each."""

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bot.adapters.storage import S3BackupStore, connect
from bot.domain.backups import Backup, Manifest, TableContent
from bot.domain.environments import BackupTarget
from bot.sandbox.objectstore import ObjectStore
from tests.adapters.storage.archives import Bucket
from tests.adapters.storage.bucket import KEYS, MakeManifest, ignore
from tests.fakes.keyring import KEYRING

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="package")
def server() -> Iterator[ObjectStore]:
    with ObjectStore() as store:
        yield store


@pytest.fixture
def target(server: ObjectStore) -> Iterator[BackupTarget]:
    bucket = f"backups-{next(_NUMBERS)}"
    server.create_buckets([bucket])
    yield BackupTarget(bucket, server.endpoint_url)
    server.clear_faults()


@pytest.fixture
def client(target: BackupTarget) -> Iterator["S3Client"]:
    client = connect(target, KEYS)
    yield client
    client.close()


@pytest.fixture
def hasty(target: BackupTarget) -> Iterator["S3Client"]:
    """A client that tries once and waits little, so that a fault shows at once."""
    client = connect(target, KEYS, attempts=1, read_timeout_s=2.0)
    yield client
    client.close()


@pytest.fixture
def store(client: "S3Client", target: BackupTarget) -> S3BackupStore:
    return S3BackupStore(client, "prod", target, KEYRING)


@pytest.fixture
def dump(tmp_path: Path) -> Path:
    directory = tmp_path / "dump"
    directory.mkdir()
    (directory / "toc.dat").write_bytes(b"PGDMP" + bytes(100))
    (directory / "3412.dat").write_bytes(b"1\tAnna\n2\tBo\n" * 500)
    return directory


@pytest.fixture
def manifest() -> MakeManifest:
    def make(label: str = "nightly", environment: str = "prod", day: int = 5) -> Manifest:
        at = datetime(2026, 1, day, 2, 0, 0, tzinfo=UTC)
        return Manifest(
            format=1,
            name=f"{environment}_{label}_{at:%Y%m%d_%H%M%S}",
            environment=environment,
            label=label,
            created_at=at,
            app_version="v1.3.0",
            schema_version=27,
            server_version=180006,
            tool_version="18.6",
            files=(),
            tables=(TableContent("public.patients", 1000, "12345678901234567890"),),
        )

    return make


@pytest.fixture
def bucket(client: "S3Client", target: BackupTarget, store: S3BackupStore) -> Bucket:
    return Bucket(client, target, store)


@pytest.fixture
def three(client: "S3Client", target: BackupTarget, dump: Path, manifest: MakeManifest) -> list[Backup]:
    """Written by another process."""
    store = S3BackupStore(client, "prod", target, KEYRING)
    return [store.put_bundle(dump, manifest(day=day), ignore) for day in (3, 1, 2)]
