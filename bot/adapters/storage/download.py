"""Downloads an object in ranges, some ahead, and resumes each at the byte where it broke off."""

import hashlib
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from bot.adapters.storage.bundles import Meter
from bot.adapters.storage.failures import read_code, translated
from bot.domain.backups import StoredObject
from bot.errors import PermanentError, TemporaryError
from bot.ports import Report

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

RANGE_BYTES = 8 * 1024 * 1024
RANGES_IN_FLIGHT = 3
BREAKS_IN_A_ROW = 5
"""Attempts at a range without a byte gained before it is given up."""
_REPLACED = frozenset({"PreconditionFailed", "412", "InvalidRange", "416"})
_READ_BYTES = 256 * 1024
_FIRST_PAUSE_S = 0.1


class ObjectDownload:
    """One version of one object, read once, from first byte to last; `digest` is the sha256 of the bytes so far.

    Memory stays under (`RANGES_IN_FLIGHT` + 2) ranges.
    """

    def __init__(self, client: "S3Client", bucket: str, stored: StoredObject, report: Report) -> None:
        self._client: Any = client  # calls share their arguments as dicts, which the stubs cannot see through
        self._bucket = bucket
        self._stored = stored
        self._meter = Meter(stored.size_bytes, report)
        self._pin = {"VersionId": stored.version_id} if stored.version_id else {}
        self._stop = threading.Event()
        self.digest = hashlib.sha256()

    def chunks(self) -> Iterator[bytes]:
        """Yield the object's bytes, one range at a time; ``bundle-damaged`` when it is not what was listed."""
        self._pin_down()
        # Ranges ahead, because one connection seldom fills the line; few, because each is in memory.
        threads = ThreadPoolExecutor(RANGES_IN_FLIGHT, thread_name_prefix="download")
        try:
            for content in self._in_order(threads):
                self.digest.update(content)
                yield content
                self._meter.add(len(content))
        finally:
            self._stop.set()
            threads.shutdown(cancel_futures=True)

    def beginning(self, size_bytes: int) -> bytes:
        """Return at most so many of the object's first bytes, without `digest`. Raises what `chunks` raises."""
        self._pin_down()
        return self._range(0, min(size_bytes, self._stored.size_bytes))

    def _in_order(self, threads: ThreadPoolExecutor) -> Iterator[bytes]:
        ahead: deque[Future[bytes]] = deque()
        for start in range(0, self._stored.size_bytes, RANGE_BYTES):
            ahead.append(threads.submit(self._range, start, min(start + RANGE_BYTES, self._stored.size_bytes)))
            if len(ahead) == RANGES_IN_FLIGHT:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()

    def _range(self, start: int, end: int) -> bytes:
        content = bytearray()
        breaks = 0
        while len(content) < end - start and not self._stop.is_set():
            before = len(content)
            try:
                self._read_on(content, start, end)
            except TemporaryError:
                breaks = 1 if len(content) > before else breaks + 1
                if breaks >= BREAKS_IN_A_ROW:
                    raise
                self._stop.wait(_FIRST_PAUSE_S * 2**breaks)
        return bytes(content)

    def _read_on(self, content: bytearray, start: int, end: int) -> None:
        """Append the missing bytes of a range; bytes from before a break stay."""
        at = start + len(content)
        with translated(self._bucket):
            answer = self._ask(f"bytes={at}-{end - 1}")
            if not answer.get("ContentRange", "").startswith(f"bytes {at}-{end - 1}/"):
                raise PermanentError("storage-refused", f"The store of bucket {self._bucket} does not serve ranges.")
            with answer["Body"] as body:
                while not self._stop.is_set() and (data := body.read(min(_READ_BYTES, end - start - len(content)))):
                    content += data

    def _ask(self, wanted: str) -> Any:
        try:
            return self._client.get_object(Bucket=self._bucket, Key=self._stored.key, Range=wanted, **self._pin)
        except ClientError as error:
            if read_code(error) in _REPLACED:
                raise self._damaged("was replaced while it was read") from error
            raise

    def _pin_down(self) -> None:
        """Check that it is the listed object, and pin its version, so that all ranges come from one object."""
        with translated(self._bucket):
            found = self._client.head_object(Bucket=self._bucket, Key=self._stored.key, **self._pin)
        if found["ContentLength"] != self._stored.size_bytes:
            raise self._damaged(f"has {found['ContentLength']} bytes where {self._stored.size_bytes} were listed")
        if self._stored.etag not in ("", found["ETag"].strip('"')):
            raise self._damaged("was replaced since it was listed")
        version_id = found.get("VersionId", "")
        self._pin = {"VersionId": version_id} if version_id else {"IfMatch": found["ETag"]}

    def _damaged(self, how: str) -> PermanentError:
        hint = "List the backups again and choose one."
        return PermanentError("bundle-damaged", f"{self._stored.key} {how}.", hint)
