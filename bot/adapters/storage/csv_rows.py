"""Counting the rows of PostgreSQL's CSV as it streams by."""

import csv
import io

from bot.errors import PermanentError

_MAX_HEADER_BYTES = 1024 * 1024  # 1,600 columns of 63 bytes, quoted, are a tenth of it


class CsvRows:
    """Counts records of ``COPY … WITH (FORMAT csv, HEADER)``: a newline inside quotes ends none.

    A quote inside a quoted value is doubled, so counting quotes tells inside from outside; nothing is kept but the
    header, however large a value is.
    """

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
        for index, piece in enumerate(data.split(b'"')):
            self._quoted ^= index > 0
            if not self._quoted:
                self._records += piece.count(b"\n")
        self._open = self._quoted or not data.endswith(b"\n")

    @property
    def rows(self) -> int:
        """Records so far, the header left out."""
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
        """See that the header is there and the last record is whole.

        Raises:
            PermanentError: ``export-damaged``.
        """
        if self._open:
            raise PermanentError("export-damaged", f"The rows of {table} end in the middle of one.")
        if self.columns != columns:
            raise PermanentError("export-damaged", f"The rows of {table} do not begin with its column names.")
