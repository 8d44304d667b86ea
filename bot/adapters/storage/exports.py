"""Saves rows before they are dropped: one gzip CSV object per relation, and ``export.json`` once all is read back."""

import csv
import gzip
import io
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, cast
from urllib.parse import quote

from botocore.exceptions import ClientError

from bot.adapters.storage.bundles import GzipSink, HashedReader
from bot.adapters.storage.documents import read_export, write_export
from bot.adapters.storage.failures import is_absent, translated
from bot.adapters.storage.signatures import DocumentSigner, refuse_wrong
from bot.adapters.storage.upload import ObjectUpload, put_json
from bot.domain.backups import Export, SavedSequence, SavedTable, TableContent
from bot.domain.signing import Purpose, SignatureState, explain_signature
from bot.errors import PermanentError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# Decision 11: rows go to the bucket, never into a message.
EXPORTS_PREFIX = "exports/"
TABLE_SUFFIX = ".csv.gz"
_LEVEL = 1  # rows are saved while the app is down: speed counts, size hardly
_MAX_HEADER_BYTES = 1024 * 1024  # 1,600 columns of 63 bytes, quoted, are a tenth of it
_CHUNK_BYTES = 1024 * 1024
_READERS = 4
_MAX_DIGITS = 10
_HINT = "Nothing was dropped. Repeat the export; if it fails again, check the store."


class S3ExportStore:
    """A run's saved rows; implements `bot.ports.ExportStore` and its `TableSink`.

    Keys are ``exports/{run}/{relation}.csv.gz``, the relation's name percent-encoded.
    """

    def __init__(self, client: "S3Client", bucket: str, run_id: str, signer: DocumentSigner) -> None:
        self._client = client
        self._bucket = bucket
        self._signer = signer
        self._run_id = run_id
        self._root = f"{EXPORTS_PREFIX}{_key_part(run_id)}/"
        self._prefix = self._root
        self._saved: dict[str, SavedTable] = {}

    def sink(self) -> "S3ExportStore":
        """See `bot.ports.ExportStore.sink`."""
        finished = self._finished()
        # A repeated export goes to exports/{run}/2/…: rows that a finished export.json names are never overwritten.
        self._prefix = self._root if finished is None else self._next_prefix(finished.prefix)
        self._saved = {}
        return self

    @contextmanager
    def table(self, name: str, columns: Sequence[str]) -> Iterator[Callable[[bytes], None]]:
        """See `bot.ports.TableSink.table`. Takes ``COPY … WITH (FORMAT csv, HEADER)``, complete rows only."""
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
        """See `bot.ports.ExportStore.finish`. Reads every object back in full, and compares it with what was sent."""
        tables = tuple(self._saved.values())
        with ThreadPoolExecutor(_READERS, thread_name_prefix="read-back") as threads:
            list(threads.map(self._read_back, tables))
        hashes = {content.table: content.content_hash for content in contents}
        hashed = tuple(replace(table, content_hash=hashes.get(table.table, "")) for table in tables)
        export = Export(self._run_id, self._prefix, hashed, tuple(sequences))
        self._put_index(export)
        return export

    def existing(self) -> Export | None:
        """See `bot.ports.ExportStore.existing`. Raises ``export-damaged`` when ``export.json`` cannot be read."""
        text = self._text()
        if text is None:
            return None
        export = self._read_index(text)
        state = self._signer.check(Purpose.EXPORT, self._index, text)
        if state is not SignatureState.VALID:
            raise _unsigned(self._index, state)
        return export

    def adopt(self) -> Export | None:
        """See `bot.ports.ExportStore.adopt`."""
        text = self._text()
        if text is None:
            return None
        refuse_wrong(self._index, self._signer.check(Purpose.EXPORT, self._index, text))
        export = self._read_index(text)
        for table in export.tables:
            for _ in self.read(table):
                pass
        self._put_index(export)
        return export

    def _put_index(self, export: Export) -> None:
        signed = self._signer.sign(Purpose.EXPORT, self._index, write_export(export))
        put_json(self._client, self._bucket, self._index, signed, replace=True)

    def _finished(self) -> Export | None:
        """Read the index, signed or not: its rows are not overwritten."""
        text = self._text()
        return None if text is None else self._read_index(text)

    def _text(self) -> bytes | None:
        with translated(self._bucket):
            try:
                return self._client.get_object(Bucket=self._bucket, Key=self._index)["Body"].read()
            except ClientError as error:
                if is_absent(error):
                    return None
                raise

    def _read_index(self, text: bytes) -> Export:
        try:
            return read_export(text)
        except ValueError as error:
            raise PermanentError("export-damaged", f"{self._index} cannot be read.", _HINT) from error

    def read(self, table: SavedTable) -> Iterator[bytes]:
        """See `bot.ports.ExportStore.read`."""
        try:
            yield from self._read(table, lambda _: f"{table.key} is not what was saved of {table.table}.")
        except PermanentError as error:
            if error.reference != "object-not-found":
                raise
            raise PermanentError("export-damaged", f"The saved rows of {table.table} are gone.") from error

    @property
    def _index(self) -> str:
        return f"{self._root}export.json"

    def _next_prefix(self, prefix: str) -> str:
        number = prefix.removeprefix(self._root).rstrip("/") or "1"
        if not (number.isascii() and number.isdecimal() and len(number) < _MAX_DIGITS):
            raise PermanentError("export-damaged", f"{self._index} has a prefix that the bot never wrote.", _HINT)
        return f"{self._root}{int(number) + 1}/"

    def _read_back(self, table: SavedTable) -> None:
        def explain(rows: int) -> str:
            return f"{table.table} was sent with {table.rows} rows and came back different ({rows} rows)."

        for _ in self._read(table, explain, _HINT):
            pass

    def _read(self, table: SavedTable, explain: Callable[[int], str], hint: str = "") -> Iterator[bytes]:
        """Yield the decompressed rows; `explain` words a mismatch, from the rows that were found."""
        rows = CsvRows()
        with translated(self._bucket):
            body = HashedReader(self._client.get_object(Bucket=self._bucket, Key=table.key)["Body"])
            try:
                # GzipFile reads to the object's very end, in pieces, and checks length and CRC.
                with gzip.GzipFile(fileobj=cast("io.BufferedIOBase", body)) as text:
                    while data := text.read(_CHUNK_BYTES):
                        rows.feed(data)
                        yield data
            except (EOFError, gzip.BadGzipFile, zlib.error) as error:
                raise PermanentError("export-damaged", f"{table.key} is no whole gzip stream.", hint) from error
        if (body.digest.hexdigest(), rows.rows) != (table.sha256, table.rows):
            raise PermanentError("export-damaged", explain(rows.rows), hint)


class CsvRows:
    """Counts the records of ``COPY … WITH (FORMAT csv, HEADER)`` as they stream by; keeps nothing but the header."""

    def __init__(self) -> None:
        self._quoted = False
        self._records = 0
        self._open = False
        self._header = bytearray()

    def feed(self, data: bytes) -> None:
        """Take the next bytes, cut anywhere."""
        if not data:
            return
        if not self._records and len(self._header) < _MAX_HEADER_BYTES:
            self._header += data[:_MAX_HEADER_BYTES]
        # A quote inside a quoted value is doubled, so counting quotes tells whether a newline ends a record.
        for index, piece in enumerate(data.split(b'"')):
            self._quoted ^= index > 0
            if not self._quoted:
                self._records += piece.count(b"\n")
        self._open = self._quoted or not data.endswith(b"\n")

    @property
    def rows(self) -> int:
        """Records so far, without the header."""
        return max(self._records + self._open - 1, 0)

    @property
    def columns(self) -> tuple[str, ...]:
        """The header's names; empty before it has come."""
        text = io.StringIO(self._header.decode(errors="replace"), newline="")
        try:
            return tuple(next(csv.reader(text), ()))
        except csv.Error:  # a value too long to be a name: no header at all
            return ()

    def check(self, table: str, columns: tuple[str, ...]) -> None:
        """Check that the header is there and the last record is complete. Raises ``export-damaged``."""
        if self._open:
            raise PermanentError("export-damaged", f"The rows of {table} end in the middle of one.")
        if self.columns != columns:
            raise PermanentError("export-damaged", f"The rows of {table} do not begin with its column names.")


def _unsigned(key: str, state: SignatureState) -> PermanentError:
    return PermanentError(
        "export-unsigned",
        f"{key} {explain_signature(state)}, so nothing shows that these rows are those that Backstop saved.",
        "Nothing was changed. If you vouch for them: backstop exports sign ENVIRONMENT RUN, on a machine with the key; "
        "else restore a backup.",
    )


def _key_part(name: str) -> str:
    """Percent-encode a name into one part of a key. Raises ``bad-relation-name`` when it is empty or has a NUL."""
    if not name.strip(".") or "\0" in name:
        raise PermanentError("bad-relation-name", f"{name!r} cannot be stored under that name.")
    return quote(name, safe="")
