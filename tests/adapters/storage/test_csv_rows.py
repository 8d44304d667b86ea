import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.adapters.storage.exports import CsvRows
from bot.errors import PermanentError

CELLS = st.one_of(st.none(), st.text(alphabet='ab",\n\r é', max_size=6))


def as_postgres_writes(rows: list[list[str | None]]) -> bytes:
    """Quote like COPY: NULL is nothing, the empty string is ``""``."""

    def cell(value: str | None) -> str:
        if value is None:
            return ""
        special = not value or any(mark in value for mark in '",\r\n')
        return '"' + value.replace('"', '""') + '"' if special else value

    return "".join(",".join(map(cell, row)) + "\n" for row in rows).encode()


@given(rows=st.lists(st.lists(CELLS, min_size=2, max_size=2), max_size=8), cut=st.integers(1, 7))
def test_counts_what_the_csv_module_counts_wherever_the_stream_is_cut(rows: list[list[str | None]], cut: int) -> None:
    text = as_postgres_writes([["id", "note"], *rows])
    counter = CsvRows()
    for start in range(0, len(text), cut):
        counter.feed(text[start : start + cut])
    assert len(rows) == counter.rows
    assert sum(1 for _ in csv.reader(io.StringIO(text.decode(), newline=""))) - 1 == counter.rows
    counter.check("public.notes", ("id", "note"))


def test_a_null_of_a_single_column_is_a_row_though_its_line_is_empty() -> None:
    counter = CsvRows()
    counter.feed(b"note\n\n\n")
    assert counter.rows == 2


def test_a_column_name_may_hold_quotes_commas_and_newlines() -> None:
    counter = CsvRows()
    counter.feed(b'"odd ""name""","a,b","two\nlines"\n1,2,3\n')
    assert counter.columns == ('odd "name"', "a,b", "two\nlines")
    assert counter.rows == 1


def test_nothing_is_no_row_and_no_header() -> None:
    counter = CsvRows()
    counter.feed(b"")
    assert (counter.rows, counter.columns) == (0, ())


@pytest.mark.parametrize(
    "text", [b"id,note\n1,half", b'id,note\n1,"half\n', b"note,id\n1,2\n", b"", b"id,note", b"x" * 200_000 + b"\n"]
)
def test_refuses_a_stream_without_its_header_or_its_end(text: bytes) -> None:
    counter = CsvRows()
    counter.feed(text)
    with pytest.raises(PermanentError, match=r"^export-damaged: The rows of public\.notes "):
        counter.check("public.notes", ("id", "note"))
