"""Uploads a stream of bytes with bounded memory: the bucket has the whole object afterwards, or nothing."""

import base64
import hashlib
import uuid
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from botocore.exceptions import ClientError

from bot.adapters.storage.failures import is_absent, read_code, translated
from bot.domain.backups import StoredObject
from bot.errors import BotError, PermanentError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

MIB = 1024 * 1024
PART_SIZE_BYTES = 8 * MIB
PARTS_IN_FLIGHT = 3
MAX_PARTS = 10_000  # S3's own limit, so 8 MiB parts end at 80 GB
UPLOAD_MARK = "backstop-upload"
"""Metadata key on every object of ours; its value names the upload."""


def part_size_for(total_bytes: int) -> int:
    """Choose the part size, in bytes, for an object of at most that many bytes."""
    # All parts have the same size, because R2 insists.
    needed = -(-total_bytes // (MAX_PARTS - 1))
    return max(PART_SIZE_BYTES, -(-needed // MIB) * MIB)


class ObjectUpload:
    """One object, written like a file in a `with` block; an exception leaves nothing behind.

    Memory stays under (`PARTS_IN_FLIGHT` + 2) parts of at least 5 MiB, S3's own limit. What fits into one part is one
    PUT. Without `replace` an object that exists is refused: ``backup-exists``.
    """

    def __init__(
        self,
        client: "S3Client",
        bucket: str,
        key: str,
        *,
        content_type: str,
        replace: bool = False,
        part_size_bytes: int = PART_SIZE_BYTES,
    ) -> None:
        self._client: Any = client  # calls share their arguments as dicts, which the stubs cannot see through
        self._place = {"Bucket": bucket, "Key": key}
        self._mark = uuid.uuid4().hex
        self._nature = {"ContentType": content_type, "Metadata": {UPLOAD_MARK: self._mark}}
        # The store refuses an existing object, so that two writers of one name cannot both succeed.
        self._condition: dict[str, str] = {} if replace else {"IfNoneMatch": "*"}
        self._part_size_bytes = part_size_bytes
        self._buffer = bytearray()
        self._digest = hashlib.sha256()
        self._size_bytes = 0
        self._parts: list[Future[CompletedPartTypeDef]] = []
        self._upload_id = ""
        self._threads = ThreadPoolExecutor(PARTS_IN_FLIGHT, thread_name_prefix="upload")
        self.stored: StoredObject | None = None

    def write(self, data: bytes) -> int:
        """Take the next bytes; blocks while all parts are in flight."""
        self._digest.update(data)
        self._size_bytes += len(data)
        self._buffer += data
        while len(self._buffer) > self._part_size_bytes:
            part = bytes(memoryview(self._buffer)[: self._part_size_bytes])
            del self._buffer[: self._part_size_bytes]
            self._send(part)
        return len(data)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self.stored = self._finish()
        finally:
            if self.stored is None:
                self._abort()
            self._threads.shutdown(cancel_futures=True)

    @property
    def result(self) -> StoredObject:
        """The stored object, once the block was left normally."""
        if self.stored is None:
            raise PermanentError("storage-refused", f"The upload of {self._place['Key']} was never finished.")
        return self.stored

    def _send(self, part: bytes) -> None:
        if not self._upload_id:
            with translated(self._place["Bucket"]):
                self._upload_id = self._client.create_multipart_upload(**self._place, **self._nature)["UploadId"]
        if len(self._parts) >= PARTS_IN_FLIGHT:
            self._parts[-PARTS_IN_FLIGHT].result()
        self._parts.append(self._threads.submit(self._send_part, len(self._parts) + 1, part))

    def _send_part(self, number: int, part: bytes) -> "CompletedPartTypeDef":
        with translated(self._place["Bucket"]):
            answer = self._client.upload_part(
                **self._place, UploadId=self._upload_id, PartNumber=number, Body=part, ContentMD5=_md5(part)
            )
        return {"PartNumber": number, "ETag": answer["ETag"]}

    def _finish(self) -> StoredObject:
        last = bytes(self._buffer)
        self._buffer.clear()
        if not self._upload_id:
            put = self._client.put_object
            answer = self._conditionally(put, **self._nature, Body=last, ContentMD5=_md5(last))
        else:
            self._send(last)
            parts = {"Parts": [part.result() for part in self._parts]}
            complete = self._client.complete_multipart_upload
            answer = self._conditionally(complete, UploadId=self._upload_id, MultipartUpload=parts)
        return self._stored(answer)

    def _conditionally(self, write: Any, **arguments: Any) -> Any:
        """Write unless something is there."""
        with translated(self._place["Bucket"]):
            try:
                return write(**self._place, **arguments, **self._condition)
            except ClientError as error:
                if read_code(error) == "NotImplemented" and self._condition:
                    return write(**self._place, **arguments)  # an older store; the caller has checked before
                # boto may repeat a request whose first answer was lost; then our own object is in the way.
                if read_code(error) in {"PreconditionFailed", "NoSuchUpload"} and (own := self._find_own()):
                    return own
                raise

    def _find_own(self) -> Any:
        try:
            found = self._client.head_object(**self._place)
        except ClientError as error:
            if is_absent(error):
                return None
            raise
        return found if found["Metadata"].get(UPLOAD_MARK) == self._mark else None

    def _stored(self, answer: Any) -> StoredObject:
        with translated(self._place["Bucket"]):
            found = self._client.head_object(**self._place)
        if found["ContentLength"] != self._size_bytes:
            raise PermanentError(
                "upload-damaged",
                f"{self._place['Key']}: {self._size_bytes} bytes were sent and {found['ContentLength']} are stored.",
                "Do not use it; repeat the step under another name.",
            )
        return StoredObject(
            key=self._place["Key"],
            size_bytes=self._size_bytes,
            version_id=answer.get("VersionId", ""),
            sha256=self._digest.hexdigest(),
            modified_at=found["LastModified"],
        )

    def _abort(self) -> None:
        """Remove the parts. A failure is ignored: parts are never listed, and a lifecycle rule removes them."""
        self._threads.shutdown(cancel_futures=True)  # a part that arrives after the abort would stay
        if self._upload_id:
            with suppress(BotError), translated(self._place["Bucket"]):
                self._client.abort_multipart_upload(**self._place, UploadId=self._upload_id)


def put_json(client: "S3Client", bucket: str, key: str, document: bytes, *, replace: bool) -> None:
    """Store a small document. Raises what `ObjectUpload` raises."""
    with ObjectUpload(client, bucket, key, content_type="application/json", replace=replace) as upload:
        upload.write(document)


def _md5(data: bytes) -> str:
    # S3's Content-MD5, so that the store itself refuses bytes that changed on the way.
    return base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()
