import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, IncompleteReadError, ResponseStreamingError

from bot.errors import PermanentError
from bot.sandbox.objectstore import ObjectStore

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

BUCKET = "store-tests"


@pytest.fixture
def s3(objectstore: ObjectStore) -> Iterator["S3Client"]:
    """A client that does not retry, so that one fault is one failure."""
    objectstore.create_buckets([BUCKET])
    client = client_with_key(objectstore, objectstore.access_key)
    yield client
    objectstore.clear_faults()
    versions = client.list_object_versions(Bucket=BUCKET)
    for version in [*versions.get("Versions", []), *versions.get("DeleteMarkers", [])]:
        client.delete_object(Bucket=BUCKET, Key=version["Key"], VersionId=version["VersionId"])
    client.close()


def client_with_key(store: ObjectStore, access_key: str, signature: str = "s3v4") -> "S3Client":
    config = Config(
        signature_version=signature,
        retries={"total_max_attempts": 1},
        request_checksum_calculation="when_required",
        s3={"addressing_style": "path"},
    )
    return boto3.client(
        "s3",
        endpoint_url=store.endpoint_url,
        aws_access_key_id=access_key,
        aws_secret_access_key=store.secret_key,
        region_name="us-east-1",
        config=config,
    )


def keys(s3: "S3Client") -> list[str]:
    return [found["Key"] for found in s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])]


def refusal(call: Callable[[], Any]) -> tuple[int, str]:
    with pytest.raises(ClientError) as refused:
        call()
    answer = refused.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]


def test_buckets_keep_versions(s3: "S3Client", objectstore: ObjectStore) -> None:
    first = s3.put_object(Bucket=BUCKET, Key="k", Body=b"one")["VersionId"]
    second = s3.put_object(Bucket=BUCKET, Key="k", Body=b"two")["VersionId"]
    assert first != second
    assert s3.get_object(Bucket=BUCKET, Key="k", VersionId=first)["Body"].read() == b"one"
    objectstore.create_buckets([BUCKET])  # once more changes nothing
    assert s3.get_object(Bucket=BUCKET, Key="k")["Body"].read() == b"two"


def test_an_unknown_access_key_is_refused(objectstore: ObjectStore) -> None:
    stranger = client_with_key(objectstore, "AKIASTRANGER")
    assert refusal(stranger.list_buckets) == (403, "InvalidAccessKeyId")
    stranger.close()


def test_an_unsigned_request_is_refused(objectstore: ObjectStore) -> None:
    answer = raw(objectstore, f"GET /{BUCKET}/k HTTP/1.1\r\nHost: x\r\n\r\n")
    assert b" 403 " in answer.splitlines()[0]


@pytest.mark.parametrize("signature", ["s3", "s3v4"])
def test_a_presigned_url_is_served(s3: "S3Client", objectstore: ObjectStore, signature: str) -> None:
    s3.put_object(Bucket=BUCKET, Key="k", Body=b"one")
    signer = client_with_key(objectstore, objectstore.access_key, signature)
    presigned = signer.generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": "k"})
    signer.close()
    path = presigned.removeprefix(objectstore.endpoint_url)
    assert raw(objectstore, f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").endswith(b"one")


def raw(store: ObjectStore, request: str) -> bytes:
    with socket.create_connection(("127.0.0.1", store.port), timeout=5) as conn:
        conn.sendall(request.encode())
        return b"".join(iter(lambda: conn.recv(65536), b""))


def test_put_if_none_match_refuses_an_existing_key(s3: "S3Client") -> None:
    s3.put_object(Bucket=BUCKET, Key="k", Body=b"one", IfNoneMatch="*")
    again = refusal(lambda: s3.put_object(Bucket=BUCKET, Key="k", Body=b"two", IfNoneMatch="*"))
    assert again == (412, "PreconditionFailed")
    assert s3.get_object(Bucket=BUCKET, Key="k")["Body"].read() == b"one"


def test_put_if_none_match_accepts_a_deleted_key(s3: "S3Client") -> None:
    s3.put_object(Bucket=BUCKET, Key="k", Body=b"one")
    s3.delete_object(Bucket=BUCKET, Key="k")
    s3.put_object(Bucket=BUCKET, Key="k", Body=b"two", IfNoneMatch="*")
    assert keys(s3) == ["k"]


def test_complete_multipart_upload_if_none_match_refuses_an_existing_key(s3: "S3Client") -> None:
    s3.put_object(Bucket=BUCKET, Key="k", Body=b"one")
    upload = s3.create_multipart_upload(Bucket=BUCKET, Key="k")["UploadId"]
    part = s3.upload_part(Bucket=BUCKET, Key="k", UploadId=upload, PartNumber=1, Body=b"two")
    done = refusal(
        lambda: s3.complete_multipart_upload(
            Bucket=BUCKET,
            Key="k",
            UploadId=upload,
            MultipartUpload={"Parts": [{"ETag": part["ETag"], "PartNumber": 1}]},
            IfNoneMatch="*",
        )
    )
    assert done == (412, "PreconditionFailed")
    assert s3.get_object(Bucket=BUCKET, Key="k")["Body"].read() == b"one"


def test_one_of_many_conditional_writers_wins(s3: "S3Client") -> None:
    ready = threading.Barrier(4)
    size_bytes = 20_000_000  # moto writes what is over 16 MiB to disk, which leaves a wide gap between look and write

    def write(number: int) -> int:
        ready.wait()
        try:
            s3.put_object(Bucket=BUCKET, Key="race", Body=bytes([number]) * size_bytes, IfNoneMatch="*")
        except ClientError as error:
            return int(error.response["ResponseMetadata"]["HTTPStatusCode"])
        return 200

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(write, range(4))) == [200, 412, 412, 412]
    assert len(s3.list_object_versions(Bucket=BUCKET)["Versions"]) == 1


def test_an_upload_whose_client_dies_stores_nothing(s3: "S3Client", objectstore: ObjectStore) -> None:
    with socket.create_connection(("127.0.0.1", objectstore.port), timeout=5) as conn:
        sign = f"Authorization: AWS4-HMAC-SHA256 Credential={objectstore.access_key}/20260211/us-east-1/s3/aws4_request"
        conn.sendall(f"PUT /{BUCKET}/cut HTTP/1.1\r\nHost: x\r\n{sign}\r\nContent-Length: 99999\r\n\r\nabc".encode())
        conn.shutdown(socket.SHUT_WR)
        conn.recv(65536)  # until it has given up
    assert keys(s3) == []


def test_5xx_answers_as_many_times_as_asked(s3: "S3Client", objectstore: ObjectStore) -> None:
    objectstore.fault({"kind": "5xx", "method": "put", "times": 2})
    objectstore.fault({"kind": "5xx", "method": "PUT", "times": 1, "status": 500})
    outcomes = [refusal(lambda: s3.put_object(Bucket=BUCKET, Key="k", Body=b"x")) for _ in range(3)]
    assert outcomes == [(503, "SlowDown"), (503, "SlowDown"), (500, "InternalError")]
    s3.put_object(Bucket=BUCKET, Key="k", Body=b"x")
    assert keys(s3) == ["k"]


def test_a_fault_hits_only_its_key_prefix_and_until_cleared(s3: "S3Client", objectstore: ObjectStore) -> None:
    objectstore.fault({"kind": "5xx", "key_prefix": "prod_"})
    s3.put_object(Bucket=BUCKET, Key="dev_1", Body=b"x")
    for _ in range(2):
        assert refusal(lambda: s3.put_object(Bucket=BUCKET, Key="prod_1", Body=b"x")) == (503, "SlowDown")
    objectstore.clear_faults()
    s3.put_object(Bucket=BUCKET, Key="prod_1", Body=b"x")
    assert keys(s3) == ["dev_1", "prod_1"]


def test_delay_holds_the_request_and_ends_when_cleared(s3: "S3Client", objectstore: ObjectStore) -> None:
    objectstore.fault({"kind": "delay", "delay_s": 0.2, "times": 1})
    started = time.monotonic()
    s3.list_objects_v2(Bucket=BUCKET)
    assert time.monotonic() - started >= 0.2
    objectstore.fault({"kind": "delay", "delay_s": 60, "times": 1})
    threading.Timer(0.1, objectstore.clear_faults).start()
    s3.list_objects_v2(Bucket=BUCKET)
    assert time.monotonic() - started < 40


def test_drop_cuts_a_download_midway(s3: "S3Client", objectstore: ObjectStore) -> None:
    s3.put_object(Bucket=BUCKET, Key="k", Body=b"x" * 100_000)
    objectstore.fault({"kind": "drop", "method": "GET", "after_bytes": 40_000, "times": 1})
    body = s3.get_object(Bucket=BUCKET, Key="k")["Body"]
    with pytest.raises((IncompleteReadError, ResponseStreamingError)):
        body.read()
    assert len(s3.get_object(Bucket=BUCKET, Key="k")["Body"].read()) == 100_000


def test_drop_cuts_an_upload_midway_and_stores_nothing(s3: "S3Client", objectstore: ObjectStore) -> None:
    objectstore.fault({"kind": "drop", "method": "PUT", "after_bytes": 40_000, "times": 1})
    with pytest.raises(ConnectionClosedError):
        s3.put_object(Bucket=BUCKET, Key="k", Body=b"x" * 100_000)
    assert keys(s3) == []


def test_drop_at_the_bodys_size_stores_the_object_and_loses_the_answer(
    s3: "S3Client", objectstore: ObjectStore
) -> None:
    objectstore.fault({"kind": "drop", "method": "PUT", "after_bytes": 1_000, "times": 1})
    with pytest.raises(ConnectionClosedError):
        s3.put_object(Bucket=BUCKET, Key="k", Body=b"x" * 1_000)
    assert keys(s3) == ["k"]


@pytest.mark.parametrize(
    "spec",
    [
        {},
        {"kind": "explode"},
        {"kind": "5xx", "status": 200},
        {"kind": "5xx", "times": 0},
        {"kind": "delay", "delay_s": -1},
        {"kind": "drop", "after_bytes": -1},
        {"kind": "5xx", "colour": "red"},
        {"kind": "5xx", "status": "many"},
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(objectstore: ObjectStore, spec: dict[str, object]) -> None:
    with pytest.raises(PermanentError) as refused:
        objectstore.fault(spec)
    assert refused.value.reference == "bad-fault"
    assert refused.value.hint


def test_stop_closes_the_port_and_leaves_no_thread(capfd: pytest.CaptureFixture[str]) -> None:
    before = set(threading.enumerate())
    with ObjectStore() as store:
        client = store.client()
        client.list_buckets()
        client.close()
    assert {thread for thread in threading.enumerate() if thread.name == "object-store"} <= before
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", store.port), timeout=1)
    assert capfd.readouterr() == ("", "")
    store.stop()  # a second stop is nothing
