"""A plain dump is judged alike wherever the stream is cut."""

import pytest

from bot.adapters.storage import plain_sql
from bot.adapters.storage.plain_sql import PlainInspector, looks_plain
from bot.errors import PermanentError
from tests.adapters.storage.archives import PLAIN

SIZES = (1, 7, 300, 5000)
LONG = b"x" * 2000
ROWS = b"COPY t (a) FROM stdin;\n\\N\tit's\n\\.\n"
ATOMIC = b"CREATE FUNCTION f() RETURNS int\n    LANGUAGE sql\n    BEGIN ATOMIC\n "
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
    "a body": ATOMIC + b"SELECT CASE WHEN true THEN 1 ELSE 2 END;\n SELECT (2);\nEND;\n" + ROWS,
    "bodies that are replaced": (b"CREATE OR REPLACE PROCEDURE p() BEGIN ATOMIC\n SELECT 1; END;\n" + ROWS) * 2,
    "a rule of two statements": b"CREATE RULE r AS ON INSERT TO t DO ALSO ( SELECT 1;\n SELECT 2;\n);\n" + ROWS,
    "columns named like a body": b"CREATE VIEW v AS SELECT t.begin, t.case, t.end FROM t;\n" + ROWS,
    "a transaction": b"BEGIN;\n" + ROWS + b"END;\n" + ROWS,
    "a trigger": b"CREATE TRIGGER a BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f();\n" + ROWS,
    "more closed than opened": b"SELECT ')'; SELECT 1);\n" + ROWS,
    "columns with parentheses": b'COPY t (a, "b(") FROM stdin;\n\\N\n\\.\n',
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
    "rows in parentheses": b"SELECT (1; " + ROWS,
    "rows in parentheses, with quotes between": b"SELECT ((1) ')' \")\" $$)$$ /* ) */; " + ROWS,
    "rows in a body": ATOMIC + b"SELECT 1; " + ROWS,
    "rows in a body after a case": ATOMIC + b"SELECT CASE WHEN true THEN 1 END; " + ROWS,
    "rows in a body behind a quote": b"CREATE FUNCTION f() $$a$$BEGIN ATOMIC SELECT 1; " + ROWS,
    "rows in a body behind comments": b"CREATE/**/FUNCTION/**/f()/**/BEGIN/**/ATOMIC SELECT 1; " + ROWS,
    "rows in a body that a number does not end": ATOMIC + b"SELECT 1.end; " + ROWS,
    "rows in a body that a variable does not end": ATOMIC + b"SELECT :end, :{?end}; " + ROWS,
    "rows in a body that a parenthesis does not end": ATOMIC + b"SELECT (end); " + ROWS,
    "columns that are not closed": b"COPY t (a FROM stdin;\n1\n\\.\n",
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
    assert len(inspector._buffer) < 3 * plain_sql.HEAD_BYTES
