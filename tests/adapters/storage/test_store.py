"""Texts of any size, stored as they come."""

import gzip
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

from bot.adapters.storage import S3BackupStore
from bot.domain.environments import BackupTarget

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

KEY = "salvage/r2abcd/20260211_030000.sql.gz"


def test_a_text_in_pieces_is_one_gzip_object(store: S3BackupStore, client: "S3Client", target: BackupTarget) -> None:
    with store.open_text(KEY) as write:
        for number in range(1000):
            write(f"-- đã {number}\n".encode())

    found = client.get_object(Bucket=target.bucket, Key=KEY)
    assert gzip.decompress(found["Body"].read()).decode() == "".join(f"-- đã {number}\n" for number in range(1000))
    assert found["ContentType"] == "application/gzip"
    assert store.list_backups() == []


def test_what_was_broken_off_is_not_there(store: S3BackupStore, client: "S3Client", target: BackupTarget) -> None:
    def break_off() -> None:
        with store.open_text(KEY) as write:
            write(b"-- half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        break_off()

    with pytest.raises(ClientError):
        client.head_object(Bucket=target.bucket, Key=KEY)
