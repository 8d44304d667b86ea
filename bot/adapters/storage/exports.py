"""Rows saved before a drop: one gzip CSV object a relation, and ``export.json`` when all of it was read back."""

import gzip
import hashlib
import io
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol, cast
from urllib.parse import quote

from botocore.exceptions import ClientError

from bot.adapters.storage.bundles import GzipSink
from bot.adapters.storage.csv_rows import CsvRows
from bot.adapters.storage.documents import read_export, write_export
from bot.adapters.storage.failures import is_absent, translated
from bot.adapters.storage.upload import ObjectUpload
from bot.domain.backups import Export, SavedSequence, SavedTable, TableContent
from bot.errors import PermanentError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

EXPORTS_PREFIX = "exports/"
TABLE_SUFFIX = ".csv.gz"
_LEVEL = 1  # rows are saved while the app is down: speed counts, size hardly
_CHUNK_BYTES = 1024 * 1024
_READERS = 4
_HINT = "Nothing was dropped. Repeat the export; if it fails again, check the store."


class S3ExportStore:
    """A run's saved rows; implements `bot.ports.ExportStore` and its `TableSink`.

    Keys are ``exports/{run}/{relation}.csv.gz``, the relation's name percent-encoded. An export made again by the same
    run goes to ``exports/{run}/2/…``: rows that a finished ``export.json`` speaks of are never overwritten.
    """

    def __init__(self, client: "S3Client", bucket: str, run_id: str) -> None:
        self._client = client
        self._bucket = bucket
        self._run_id = run_id
        self._root = f"{EXPORTS_PREFIX}{_key_part(run_id)}/"
        self._prefix = self._root
        self._saved: dict[str, SavedTable] = {}

    def sink(self) -> "S3ExportStore":
        """Begin an export anew."""
        finished = self.existing()
        self._prefix = self._root if finished is None else self._after(finished.prefix)
        self._saved = {}
        return self

    @contextmanager
    def table(self, name: str, columns: Sequence[str]) -> Iterator[Callable[[bytes], None]]:
        """See `bot.ports.TableSink.table`. The bytes are those of ``COPY … WITH (FORMAT csv, HEADER)``.

        Raises:
            PermanentError: ``export-damaged``: no header, or an unfinished row; ``bad-relation-name``.
        """
        if name in self._saved:
            raise PermanentError("bad-relation-name", f"{name} is exported twice.")
        key = f"{self._prefix}{_key_part(name)}{TABLE_SUFFIX}"
        rows = CsvRows()
        with ObjectUpload(self._client, self._bucket, key, content_type="application/gzip", replace=True) as upload:
            compressed = GzipSink(upload, _LEVEL)

            def write(data: bytes) -> None:
                rows.feed(data)
                compressed.write(data)

            yield write
            rows.check(name, tuple(columns))
            compressed.finish()
        stored = upload.result
        self._saved[name] = SavedTable(name, key, rows.rows, stored.size_bytes, stored.sha256, tuple(columns))

    def finish(self, sequences: Sequence[SavedSequence], contents: Sequence[TableContent] = ()) -> Export:
        """Read every object back in full, compare it with what was sent, then write ``export.json``.

        Raises:
            PermanentError: ``export-damaged`` names the relation.
        """
        tables = tuple(self._saved.values())
        with ThreadPoolExecutor(_READERS, thread_name_prefix="read-back") as threads:
            list(threads.map(self._read_back, tables))
        hashes = {content.table: content.content_hash for content in contents}
        hashed = tuple(replace(table, content_hash=hashes.get(table.table, "")) for table in tables)
        export = Export(self._run_id, self._prefix, hashed, tuple(sequences))
        with ObjectUpload(
            self._client, self._bucket, self._index, content_type="application/json", replace=True
        ) as upload:
            upload.write(write_export(export))
        return export

    def existing(self) -> Export | None:
        """See `bot.ports.ExportStore.existing`.

        Raises:
            PermanentError: ``export-damaged``: ``export.json`` is there and cannot be read.
        """
        with translated(self._bucket):
            try:
                text = self._client.get_object(Bucket=self._bucket, Key=self._index)["Body"].read()
            except ClientError as error:
                if is_absent(error):
                    return None
                raise
        try:
            return read_export(text)
        except ValueError as error:
            raise PermanentError("export-damaged", f"{self._index} cannot be read.", _HINT) from error

    def read(self, table: SavedTable) -> Iterator[bytes]:
        """See `bot.ports.ExportStore.read`."""
        with translated(self._bucket):
            try:
                body = _HashedBody(self._client.get_object(Bucket=self._bucket, Key=table.key)["Body"])
            except ClientError as error:
                if is_absent(error):
                    raise PermanentError("export-damaged", f"The saved rows of {table.table} are gone.") from error
                raise
            rows = CsvRows()
            try:
                with gzip.GzipFile(fileobj=cast("io.BufferedIOBase", body)) as text:
                    while data := text.read(_CHUNK_BYTES):
                        rows.feed(data)
                        yield data
            except (EOFError, gzip.BadGzipFile, zlib.error) as error:
                raise PermanentError("export-damaged", f"{table.key} is no whole gzip stream.") from error
        if (body.digest.hexdigest(), rows.rows) != (table.sha256, table.rows):
            raise PermanentError("export-damaged", f"{table.key} is not what was saved of {table.table}.")

    @property
    def _index(self) -> str:
        return f"{self._root}export.json"

    def _after(self, prefix: str) -> str:
        number = prefix.removeprefix(self._root).rstrip("/")
        return f"{self._root}{int(number or 1) + 1}/"

    def _read_back(self, table: SavedTable) -> None:
        with translated(self._bucket):
            body = _HashedBody(self._client.get_object(Bucket=self._bucket, Key=table.key)["Body"])
            rows = _count_rows(body, table)
        if (body.digest.hexdigest(), rows) != (table.sha256, table.rows):
            raise PermanentError(
                "export-damaged",
                f"{table.table} was sent with {table.rows} rows and came back different ({rows} rows).",
                _HINT,
            )


class _Body(Protocol):
    def read(self, size: int, /) -> bytes: ...


class _HashedBody(io.RawIOBase):
    """An object's body, hashed as it is read."""

    def __init__(self, body: _Body) -> None:
        super().__init__()
        self._body = body
        self.digest = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        data = self._body.read(size)
        self.digest.update(data)
        return data


def _count_rows(body: _HashedBody, table: SavedTable) -> int:
    rows = CsvRows()
    try:
        # GzipFile reads to the object's very end, in pieces, and checks length and CRC.
        with gzip.GzipFile(fileobj=cast("io.BufferedIOBase", body)) as text:
            while data := text.read(_CHUNK_BYTES):
                rows.feed(data)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise PermanentError("export-damaged", f"{table.key} is no whole gzip stream.", _HINT) from error
    return rows.rows


def _key_part(name: str) -> str:
    """Make one part of a key of any name: whatever could be read as a path, a query or an escape is percent-encoded.

    Raises:
        PermanentError: ``bad-relation-name``: there is nothing in it, or a NUL.
    """
    if not name.strip(".") or "\0" in name:
        raise PermanentError("bad-relation-name", f"{name!r} cannot be stored under that name.")
    return quote(name, safe="")
