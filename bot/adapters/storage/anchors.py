"""Keeps anchors of the audit log in a bucket: locked where the store has object lock, else as versions."""

import base64
import hashlib
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from bot.adapters.storage.failures import is_absent, read_code, translated
from bot.errors import BotError
from bot.ports import Clock, KeptAnchor, KeptAnchors

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

READERS = 16
_DIGITS = 12
_PAGE, _SOME = 1000, 100
_NO_LOCK = frozenset(
    {
        "AccessDenied",
        "InvalidArgument",
        "InvalidRequest",
        "MethodNotAllowed",
        "NotImplemented",
        "ObjectLockConfigurationNotFoundError",
    }
)
"""What stores answer where objects cannot be locked, or not by us."""
_TAKEN = frozenset({"PreconditionFailed", "412", "ConditionalRequestConflict"})
_NULL_VERSION = "null"


class S3AnchorStore:
    """Implements `bot.ports.AnchorStore`: one object ``PREFIX000000000001.json`` for each anchor, never overwritten.

    Args:
        client: see `client.connect`; one that does not wait long, because runs wait for it.
        bucket, prefix: where they are; `prefix` ends in "/".
        lock_days: for how many days each is locked where the bucket has object lock.
        clock: for the lock's end.
    """

    def __init__(self, client: "S3Client", bucket: str, prefix: str, lock_days: int, clock: Clock) -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = prefix
        self._lock_days = lock_days
        self._clock = clock
        self._hint = 0
        self._locks = True
        self._name = re.compile(re.escape(prefix) + rf"(\d{{{_DIGITS}}})\.json")

    @property
    def place(self) -> str:
        """See `bot.ports.AnchorStore.place`."""
        return f"{self._bucket}/{self._prefix}"

    def newest(self) -> tuple[int, bytes] | None:
        """See `bot.ports.AnchorStore.newest`. Numbers are consecutive, so it is found in few requests."""
        with translated(self._bucket):
            low, high = self._bracket()
            while high - low > _PAGE:
                middle = (low + high) // 2
                low, high = (middle, high) if self._after(middle) else (low, middle)
            number = max([low, *self._after(low, high - low)])
            if not number:
                return None
            try:
                document = self._read(self._key(number))
            except ClientError as error:
                if is_absent(error):  # deleted since
                    return None
                raise
        self._hint = number
        return number, document

    def _bracket(self) -> tuple[int, int]:
        """Find a number that is there, or 0, and one above which there is none."""
        low = self._hint if self._hint and self._after(self._hint - 1) else 0
        step = 1
        while self._after(low + step):
            low, step = low + step, step * 2
        return low, low + step

    def _after(self, number: int, limit: int = 1) -> list[int]:
        """List the anchors above a number, `limit` at most."""
        # Not one alone: what else somebody has put there must not hide it.
        most = max(_SOME, min(limit, _PAGE))
        arguments: Any = {"Bucket": self._bucket, "Prefix": self._prefix, "MaxKeys": most}
        if number:
            arguments["StartAfter"] = self._key(number)
        found = self._client.list_objects_v2(**arguments).get("Contents", [])
        return [number for item in found if (number := self._number(item["Key"]))]

    def put(self, number: int, document: bytes) -> bool:
        """See `bot.ports.AnchorStore.put`."""
        arguments = {
            "Bucket": self._bucket,
            "Key": self._key(number),
            "Body": document,
            "ContentType": "application/json",
            # Object lock wants it, and the store itself then refuses bytes that changed on the way.
            "ContentMD5": base64.b64encode(hashlib.md5(document, usedforsecurity=False).digest()).decode(),
            "IfNoneMatch": "*",
        }
        with translated(self._bucket):
            try:
                self._put(arguments)
            except ClientError as error:
                if read_code(error) not in _TAKEN:
                    raise
                # boto may repeat a request whose first answer was lost; then our own object is in the way.
                return self._read(self._key(number)) == document
        self._hint = number
        return True

    def _put(self, arguments: Any) -> None:
        if self._locks:
            until = self._clock.now().astimezone(UTC) + timedelta(days=self._lock_days)
            try:
                self._client.put_object(**arguments, ObjectLockMode="COMPLIANCE", ObjectLockRetainUntilDate=until)
            except ClientError as error:
                if read_code(error) not in _NO_LOCK:
                    raise
            else:
                return
        self._client.put_object(**arguments)
        self._locks = False  # only now: what refused the lock may have been something else

    def read_all(self) -> KeptAnchors:
        """See `bot.ports.AnchorStore.read_all`."""
        versions: dict[int, list[_Version]] = {}
        with translated(self._bucket):
            seen = True
            try:
                listed = list(self._list_versions())
            except ClientError as error:
                if read_code(error) not in _NO_LOCK:
                    raise
                listed, seen = [_Version(number) for number in self._all_numbers()], False
            for version in listed:
                versions.setdefault(version.number, []).append(version)
            ordered = [sorted(found, key=attrgetter("age")) for _, found in sorted(versions.items())]
            with ThreadPoolExecutor(READERS, thread_name_prefix="anchors") as threads:
                documents = [list(threads.map(self._read_version, found)) for found in ordered]
        seen = seen and not any(version.version_id == _NULL_VERSION for version in listed)
        kept = zip(sorted(versions), documents, strict=True)
        return KeptAnchors([KeptAnchor(number, tuple(found)) for number, found in kept], seen)

    def _list_versions(self) -> "Iterator[_Version]":
        pages = self._client.get_paginator("list_object_versions").paginate(Bucket=self._bucket, Prefix=self._prefix)
        place = 0
        for page in pages:
            for kind in ("Versions", "DeleteMarkers"):
                found: Any = page.get(kind, [])
                for item in found:
                    place += 1
                    if number := self._number(item["Key"]):
                        since = (item["LastModified"], item["IsLatest"], -place)  # newest first is S3's order
                        yield _Version(number, item["VersionId"], kind == "DeleteMarkers", since)

    def _all_numbers(self) -> Iterator[int]:
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=self._prefix)
        for page in pages:
            yield from (number for item in page.get("Contents", []) if (number := self._number(item["Key"])))

    def _read_version(self, version: "_Version") -> bytes | None:
        if version.is_deletion:
            return None
        try:
            return self._read(self._key(version.number), version.version_id)
        except ClientError as error:
            if is_absent(error):
                return None
            raise

    def _read(self, key: str, version_id: str = "") -> bytes:
        which: Any = {"VersionId": version_id} if version_id else {}
        return self._client.get_object(Bucket=self._bucket, Key=key, **which)["Body"].read()

    def weakness(self) -> str:
        """See `bot.ports.AnchorStore.weakness`."""
        if self._is_enabled("get_object_lock_configuration", "ObjectLockConfiguration", "ObjectLockEnabled"):
            return ""
        if self._is_enabled("get_bucket_versioning", "Status"):
            return (
                f"{self.place} has versions and no object lock: somebody who may delete versions could remove anchors "
                "of the audit log"
            )
        return f"{self.place} shows neither object lock nor versioning: anchors of the audit log could be overwritten"

    def _is_enabled(self, operation: str, *path: str) -> bool:
        try:
            with translated(self._bucket):
                answer = getattr(self._client, operation)(Bucket=self._bucket)
        except BotError:
            return False
        for name in path:
            answer = answer.get(name, {})
        return bool(answer == "Enabled")

    def _key(self, number: int) -> str:
        return f"{self._prefix}{number:0{_DIGITS}}.json"

    def _number(self, key: str) -> int:
        found = self._name.fullmatch(key)
        return int(found[1]) if found else 0


@dataclass(frozen=True)
class _Version:
    """One version of an anchor, or the mark of its deletion; `age` sorts them, oldest first."""

    number: int
    version_id: str = ""
    is_deletion: bool = False
    age: tuple[datetime, bool, int] = (datetime.min.replace(tzinfo=UTC), False, 0)
