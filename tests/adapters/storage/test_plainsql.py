"""A plain dump is judged alike wherever the stream is cut."""

import pytest

from bot.adapters.storage import plainsql
from bot.adapters.storage.plainsql import PlainInspector, looks_plain
from bot.errors import PermanentError
from tests.adapters.storage.archives import PLAIN

SIZES = (1, 7, 300, 5000)
LONG = b"x" * 2000
GOOD = {
    "as pg_dump writes it": PLAIN,
    "with carriage returns": PLAIN.replace(b"\n", b"\r\n"),
    "a long string": b"SELECT '" + LONG + b"''" + LONG + b"';\n",
    "a long row": b"COPY t (a) FROM stdin;\n" + LONG + b"\\\\" * 999 + b"\\n\n\\.\n",
    "rows without a last newline": b"COPY t FROM stdin;\n1\n\\.",
    "many columns": b'COPY t ("a ""b"" \n;", ' + b", ".join([b"column_name"] * 150) + b") FROM stdin;\n1\n\\.\n",
    "a word that is a column": b"CREATE TABLE t (copy int);\nSELECT copy FROM t;\n",
    "a long body": b"DO $a_b$ " + LONG + b" $a_c$ '\\' $a_b$;\nSELECT 1;\n",
    "comments": b"/* a /* '\\! */ ' */ SELECT 1; -- it's \\! nothing\n",
    "names": b'SELECT "a\\b""c" FROM t;\n',
    "prefixes": b"SELECT E'\\'\\\\', B'01', x'ff', N'a\\', U&'\\0061';\n",
}
BAD = {
    "shell": PLAIN + b"\\! id\n",
    "far behind": b"SELECT '" + LONG + b"';" + LONG + b" \\! id\n",
    "after a long body": b"DO $a$" + LONG + b"$a$; \\! id\n",
    "in a long row": b"COPY t FROM stdin;\n" + LONG + b"\\! id\n\\.\n",
    "line in a long string": b"SELECT '" + LONG + b"\n\\! id" + LONG + b"';\n",
    "restrict that is none": b"SELECT 1; \\restrict abc\n",
    "restrict with a guest": b"\\restrict abc \\! id\n",
    "tag too long": b"DO $" + b"a" * 300 + b"$ ' $" + b"a" * 300 + b"$; \\! id --'\n",
    "number before a tag": b"SELECT 1$a$ ' $a$; \\! id --'\n",
    "rows that never begin": b"COPY t FROM stdin WITH (FORMAT csv);\n'\n\\.\n",
    "quoting switched off": b"SET  Standard_Conforming_Strings = 'off';\n",
    "end of rows in a string": b"SELECT '\n\\.\n';\n",
}


def judge(text: bytes, size: int) -> str:
    inspector = PlainInspector("dump.sql", step_bytes=1)
    try:
        for start in range(0, len(text), size):
            inspector.feed(text[start : start + size])
        inspector.finish()
    except PermanentError as error:
        return error.reference
    return ""


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", GOOD)
def test_what_pg_dump_may_write_is_accepted(kind: str, size: int) -> None:
    assert judge(GOOD[kind], size) == ""


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", BAD)
def test_what_psql_might_run_is_refused(kind: str, size: int) -> None:
    assert judge(BAD[kind], size) == "bundle-unsafe"


@pytest.mark.parametrize("text", [b"SELECT 'a", b"/* a", b"COPY t FROM stdin;\n1\n", b"DO $$ a", b'SELECT "a', b"E'a"])
@pytest.mark.parametrize("size", SIZES)
def test_what_ends_in_the_middle_is_damaged(text: bytes, size: int) -> None:
    assert judge(text, size) == "bundle-damaged"


def test_zero_bytes_are_no_text() -> None:
    assert judge(b"SELECT 1;\0\n", 99) == "bundle-unknown"
    assert not looks_plain(b"SELECT 1;\0")


@pytest.mark.parametrize("head", [b"\xef\xbb\xbf-- a\nSET x = 1;", b"/* a */ begin;", b"\n\n\\restrict a\n", PLAIN])
def test_text_with_a_statement_looks_plain(head: bytes) -> None:
    assert looks_plain(head)


@pytest.mark.parametrize("head", [b"", b"selection of songs", b"<html>", b"{}", b"PK\3\4"])
def test_other_text_does_not(head: bytes) -> None:
    assert not looks_plain(head)


def test_memory_does_not_grow_with_a_row() -> None:
    inspector = PlainInspector("dump.sql")
    inspector.feed(b"COPY t FROM stdin;\n")
    for _ in range(50):
        inspector.feed(b"x" * 100_000)
    assert len(inspector._buffer) < 3 * plainsql.HEAD_BYTES
