"""A sidecar that does not fit is no manifest."""

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from bot.adapters.storage import S3BackupStore
from bot.adapters.storage.documents import read_sidecar, write_sidecar
from bot.domain.backups import Backup, BundleFile, DatabaseSettings
from bot.domain.bundle_limits import LIMITS
from bot.domain.environments import BackupTarget

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@pytest.mark.parametrize(
    "damage",
    ["not json", "[]", '{"format": 1}', "[" * 2000, "other format", "other size", "no time zone", "no such time"],
)
def test_a_sidecar_that_does_not_fit_is_no_manifest(
    store: S3BackupStore, client: "S3Client", target: BackupTarget, three: list[Backup], damage: str
) -> None:
    key = f"{three[0].name}.manifest.json"
    document = json.loads(client.get_object(Bucket=target.bucket, Key=key)["Body"].read())
    if damage == "other format":
        damage = json.dumps(document | {"format": 2})
    if damage == "other size":
        damage = json.dumps(document | {"bundle": document["bundle"] | {"size_bytes": 1}})
    if damage == "no time zone":
        damage = json.dumps(document | {"created_at": "2026-01-03T02:00:00"})
    if damage == "no such time":
        damage = json.dumps(document | {"created_at": "0001-01-01T00:00:00+14:00"})
    client.put_object(Bucket=target.bucket, Key=key, Body=damage.encode())
    found = store.find(str(three[0].name))
    assert found is not None
    assert (found.manifest, found.stored.sha256) == (None, "")


def test_a_huge_sidecar_is_not_even_read(
    store: S3BackupStore, client: "S3Client", target: BackupTarget, three: list[Backup]
) -> None:
    key = f"{three[0].name}.manifest.json"
    client.put_object(Bucket=target.bucket, Key=key, Body=b" " * (LIMITS.max_manifest_bytes + 1))
    reads: list[str] = []
    client.meta.events.register("before-call.s3.GetObject", lambda params, **_: reads.append(params["url_path"]))
    listed = store.list_backups()
    assert [backup.manifest is None for backup in listed] == [True, False, False]
    assert not [path for path in reads if path.endswith(key)]


@pytest.mark.parametrize("files", [1, 1500], ids=["for people", "long"])
def test_a_sidecar_names_the_databases_settings(three: list[Backup], files: int) -> None:
    backup = three[0]
    assert backup.manifest is not None
    acl, values = (("owner", "", "CONNECT", True),), (("", "search_path", '"$user", public'), ("app", "a.b", "}{"))
    settings = DatabaseSettings("owner", "UTF8", "C", "C", "i", "de", "", "fast", 0, "It's}\n", True, acl, values)
    members = tuple(BundleFile(f"dump/{number}.dat", number, "ab" * 32) for number in range(files))
    for database in (settings, None):
        manifest = replace(backup.manifest, database=database, files=members)
        assert read_sidecar(write_sidecar(manifest, backup.stored)) == (
            manifest,
            replace(backup.stored, modified_at=None),
        )
