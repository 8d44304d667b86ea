import hashlib
import os
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from botocore.awsrequest import AWSRequest, AWSResponse
from botocore.compat import HTTPHeaders

from bot.adapters.storage.upload import MAX_PARTS, MIB, PART_SIZE_BYTES, PARTS_IN_FLIGHT, ObjectUpload, part_size_for
from bot.domain.environments import BackupTarget
from bot.errors import PermanentError, TemporaryError
from bot.sandbox.objectstore import ObjectStore
from tests.adapters.storage.bucket import keys, open_uploads

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PART = 5 * MIB  # the smallest a store takes
SMALL, LARGE = b"a little", os.urandom(3 * PART + 17)


def upload(client: "S3Client", target: BackupTarget, key: str = "thing", **more: Any) -> ObjectUpload:
    return ObjectUpload(client, target.bucket, key, content_type="application/gzip", part_size_bytes=PART, **more)


def read(client: "S3Client", target: BackupTarget, key: str = "thing") -> bytes:
    return client.get_object(Bucket=target.bucket, Key=key)["Body"].read()


@pytest.mark.parametrize("content", [b"", SMALL, LARGE[:PART], LARGE[: PART + 1], LARGE])
def test_stores_what_was_written(client: "S3Client", target: BackupTarget, content: bytes) -> None:
    with upload(client, target) as sink:
        for start in range(0, len(content), 700_000):
            sink.write(content[start : start + 700_000])
    assert read(client, target) == content
    stored = sink.result
    assert (stored.size_bytes, stored.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert stored.version_id
    assert stored.modified_at is not None
    assert open_uploads(client, target) == []


@pytest.mark.parametrize("content", [SMALL, LARGE])
def test_an_exception_in_the_block_leaves_nothing(client: "S3Client", target: BackupTarget, content: bytes) -> None:
    with pytest.raises(KeyboardInterrupt), upload(client, target) as sink:  # noqa: PT012 -- the block is the subject
        sink.write(content)
        raise KeyboardInterrupt
    assert keys(client, target) == []
    assert open_uploads(client, target) == []
    with pytest.raises(PermanentError, match="never finished"):
        _ = sink.result


def test_a_part_that_fails_ends_the_upload(server: ObjectStore, hasty: "S3Client", target: BackupTarget) -> None:
    # Part 2 breaks midway: the create is a POST, so the drop hits a PUT.
    server.fault({"kind": "drop", "method": "PUT", "after_bytes": 1000, "times": 1})
    with pytest.raises(TemporaryError, match=r"^storage-unavailable: "), upload(hasty, target) as sink:
        sink.write(LARGE)
    assert keys(hasty, target) == []
    assert open_uploads(hasty, target) == []


def test_a_slow_store_slows_the_writer(server: ObjectStore, client: "S3Client", target: BackupTarget) -> None:
    server.fault({"kind": "delay", "method": "PUT", "delay_s": 30.0})
    taken: list[int] = []

    def write() -> None:
        with upload(client, target) as sink:
            for number in range(8):
                sink.write(LARGE[:PART])
                taken.append(number)

    writer = threading.Thread(target=write)
    writer.start()
    until = time.monotonic() + 10
    while len(taken) <= PARTS_IN_FLIGHT and time.monotonic() < until:
        time.sleep(0.01)
    time.sleep(0.2)
    held = len(taken)
    server.clear_faults()  # ends the delays too
    writer.join()
    assert held == PARTS_IN_FLIGHT + 1  # and one more that waits for a place
    assert len(read(client, target)) == 8 * PART


def test_an_abort_that_fails_too_keeps_the_first_error(
    server: ObjectStore, hasty: "S3Client", target: BackupTarget
) -> None:
    server.fault({"kind": "5xx", "method": "DELETE"})
    with pytest.raises(ValueError, match="stop here"), upload(hasty, target) as sink:  # noqa: PT012 -- the same
        sink.write(LARGE)
        raise ValueError("stop here")
    assert keys(hasty, target) == []


@pytest.mark.parametrize("content", [SMALL, LARGE])
def test_never_overwrites_unless_allowed_to(client: "S3Client", target: BackupTarget, content: bytes) -> None:
    with upload(client, target) as sink:
        sink.write(b"first")
    with pytest.raises(PermanentError, match=r"^backup-exists: "), upload(client, target) as sink:
        sink.write(content)
    assert read(client, target) == b"first"
    assert open_uploads(client, target) == []
    with upload(client, target, replace=True) as sink:
        sink.write(content)
    assert read(client, target) == content


@pytest.mark.parametrize(("content", "method"), [(SMALL, "PUT"), (LARGE, "POST")])
def test_an_answer_that_was_lost_is_no_refusal(
    server: ObjectStore, client: "S3Client", target: BackupTarget, content: bytes, method: str
) -> None:
    sink = upload(client, target)
    with sink:
        sink.write(content)
        # Armed after the first parts: the last write is carried out, its answer lost, and boto3 repeats it.
        spec = {"kind": "drop", "method": method, "after_bytes": len(SMALL) if method == "PUT" else 1000, "times": 1}
        if method == "POST":
            client.meta.events.register("before-send.s3.CompleteMultipartUpload", _once(server, spec))
        else:
            server.fault(spec)
    assert read(client, target) == content
    assert sink.result.size_bytes == len(content)


def _once(server: ObjectStore, spec: dict[str, Any]) -> Any:
    armed: list[bool] = []

    def arm(request: AWSRequest, **_: Any) -> None:
        if not armed:
            armed.append(True)
            server.fault(spec | {"after_bytes": len(request.body or b"")})

    return arm


@pytest.mark.parametrize(("content", "operation"), [(SMALL, "PutObject"), (LARGE, "CompleteMultipartUpload")])
def test_a_store_that_does_not_implement_the_condition_is_asked_without(
    client: "S3Client", target: BackupTarget, content: bytes, operation: str
) -> None:
    refused: list[str] = []

    def refuse(request: AWSRequest, **_: Any) -> AWSResponse | None:
        if "If-None-Match" not in request.headers:
            return None
        refused.append(operation)
        body = b"<Error><Code>NotImplemented</Code><Message>a header</Message></Error>"
        return AWSResponse(str(request.url), 501, HTTPHeaders(), _Raw(body))

    client.meta.events.register(f"before-send.s3.{operation}", refuse)  # type: ignore[arg-type] # the stubs forget that an answer may be given
    with upload(client, target) as sink:
        sink.write(content)
    assert refused == [operation]
    assert read(client, target) == content


class _Raw:
    """The body of an answer that never came over a wire."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, **_: Any) -> Any:
        yield self._body

    def read(self, *_: Any) -> bytes:
        body, self._body = self._body, b""
        return body


def test_a_stored_size_that_differs_is_damage(client: "S3Client", target: BackupTarget) -> None:
    def shorten(parsed: dict[str, Any], **_: Any) -> None:
        parsed["ContentLength"] = 3

    client.meta.events.register("after-call.s3.HeadObject", shorten)
    told = r"^upload-damaged: thing: 8 bytes were sent and 3 are stored"
    with pytest.raises(PermanentError, match=told), upload(client, target) as sink:
        sink.write(SMALL)


def test_part_sizes_keep_within_the_limit_of_ten_thousand_parts() -> None:
    assert part_size_for(10) == PART_SIZE_BYTES
    for total_bytes in (79 * 1024**3, 500 * 1024**3, 5 * 1024**4):
        size_bytes = part_size_for(total_bytes)
        assert size_bytes % MIB == 0
        assert -(-total_bytes // size_bytes) <= MAX_PARTS
