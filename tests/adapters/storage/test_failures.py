import socket
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    IncompleteReadError,
    NoCredentialsError,
    ReadTimeoutError,
)

from bot.adapters.storage import Credentials, S3BackupStore, connect
from bot.adapters.storage.failures import translated
from bot.domain.environments import BackupTarget
from bot.errors import PermanentError, TemporaryError
from bot.sandbox.objectstore import ObjectStore
from tests.fakes.keyring import KEYRING

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

SECRET = "wJalrXUtnFEMI"


def answered(code: str, status: int) -> ClientError:
    return ClientError(
        {"Error": {"Code": code, "Message": SECRET}, "ResponseMetadata": {"HTTPStatusCode": status}},  # type: ignore[typeddict-item] # what errors carry of it
        "PutObject",
    )


@pytest.mark.parametrize(
    ("code", "status", "kind", "reference"),
    [
        ("NoSuchBucket", 404, PermanentError, "bucket-not-found"),
        ("AccessDenied", 403, PermanentError, "storage-forbidden"),
        ("InvalidAccessKeyId", 403, PermanentError, "storage-forbidden"),
        ("SignatureDoesNotMatch", 403, PermanentError, "storage-forbidden"),
        ("ExpiredToken", 400, PermanentError, "storage-forbidden"),
        ("403", 403, PermanentError, "storage-forbidden"),
        ("404", 404, PermanentError, "object-not-found"),
        ("PreconditionFailed", 412, PermanentError, "backup-exists"),
        ("EntityTooLarge", 400, PermanentError, "storage-refused"),
        ("SlowDown", 503, TemporaryError, "storage-unavailable"),
        ("InternalError", 500, TemporaryError, "storage-unavailable"),
        ("502", 502, TemporaryError, "storage-unavailable"),
        ("RequestTimeout", 400, TemporaryError, "storage-unavailable"),
        ("ConditionalRequestConflict", 409, TemporaryError, "storage-unavailable"),
    ],
)
def test_answers(code: str, status: int, kind: type[Exception], reference: str) -> None:
    with pytest.raises(kind, match=rf"^{reference}: ") as caught, translated("vault"):
        raise answered(code, status)
    assert SECRET not in str(caught.value)
    assert isinstance(caught.value.__cause__, ClientError)


@pytest.mark.parametrize(
    ("error", "kind", "reference"),
    [
        (ReadTimeoutError(endpoint_url="http://s3"), TemporaryError, "storage-unavailable"),
        (ConnectTimeoutError(endpoint_url="http://s3"), TemporaryError, "storage-unavailable"),
        (ConnectionClosedError(endpoint_url="http://s3"), TemporaryError, "storage-unavailable"),
        (IncompleteReadError(actual_bytes=1, expected_bytes=2), TemporaryError, "storage-unavailable"),
        (NoCredentialsError(), PermanentError, "storage-forbidden"),
        (BotoCoreError(), PermanentError, "storage-refused"),
    ],
)
def test_no_answers(error: Exception, kind: type[Exception], reference: str) -> None:
    with pytest.raises(kind, match=rf"^{reference}: "), translated("vault"):
        raise error


def test_a_bucket_that_is_not_there(client: "S3Client", target: BackupTarget) -> None:
    nowhere = S3BackupStore(client, "prod", BackupTarget("no-such-bucket", target.endpoint_url), KEYRING)
    with pytest.raises(PermanentError, match=r"^bucket-not-found: .*no-such-bucket"):
        nowhere.list_backups()
    with pytest.raises(PermanentError, match=r"^bucket-not-found: "), nowhere.open_text("salvage/x.gz") as write:
        write(b"x")


def test_keys_the_store_does_not_know_are_refused_and_not_repeated(target: BackupTarget) -> None:
    wrong = connect(target, Credentials("AKIAWRONG", SECRET))
    with pytest.raises(PermanentError, match=r"^storage-forbidden: ") as caught:
        S3BackupStore(wrong, "prod", target, KEYRING).list_backups()
    assert "AKIAWRONG" not in str(caught.value)
    assert SECRET not in str(caught.value)
    assert SECRET not in repr(Credentials("AKIAWRONG", SECRET))
    wrong.close()


def test_a_store_that_refuses_connections() -> None:
    with socket.socket() as held:  # bound and not listening: nobody else gets the port
        held.bind(("127.0.0.1", 0))
        target = BackupTarget("vault", f"http://127.0.0.1:{held.getsockname()[1]}")
        client = connect(target, Credentials("a", "b"), attempts=1)
        with pytest.raises(TemporaryError, match=r"^storage-unavailable: .*vault"):
            S3BackupStore(client, "prod", target, KEYRING).list_backups()
        client.close()


def test_a_store_in_trouble(server: ObjectStore, hasty: "S3Client", target: BackupTarget) -> None:
    server.fault({"kind": "5xx", "status": 500})
    with pytest.raises(TemporaryError, match=r"^storage-unavailable: "):
        S3BackupStore(hasty, "prod", target, KEYRING).list_backups()


def test_a_store_that_falls_silent(server: ObjectStore, hasty: "S3Client", target: BackupTarget) -> None:
    server.fault({"kind": "delay", "delay_s": 5.0})
    with pytest.raises(TemporaryError, match=r"^storage-unavailable: "):
        S3BackupStore(hasty, "prod", target, KEYRING).list_backups()


def test_a_passing_error_is_ridden_out(server: ObjectStore, store: S3BackupStore) -> None:
    server.fault({"kind": "5xx", "status": 500, "times": 1})
    assert store.list_backups() == []
