"""Looking into a bucket, and what the tests here share."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from bot.adapters.storage import Credentials
from bot.domain.backups import Manifest
from bot.domain.environments import BackupTarget
from bot.domain.runs import Progress
from bot.sandbox.objectstore import ObjectStore

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

KEYS = Credentials(ObjectStore.access_key, ObjectStore.secret_key)
MakeManifest = Callable[..., Manifest]


def ignore(_: Progress) -> None:
    """Take no notice of progress."""


def keys(client: "S3Client", target: BackupTarget) -> list[str]:
    """Every key in the bucket."""
    return [item["Key"] for item in client.list_objects_v2(Bucket=target.bucket).get("Contents", ())]


def open_uploads(client: "S3Client", target: BackupTarget) -> list[str]:
    """Keys of multipart uploads that were neither completed nor aborted."""
    return [item["Key"] for item in client.list_multipart_uploads(Bucket=target.bucket).get("Uploads", ())]
