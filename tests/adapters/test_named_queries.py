"""Query files: names, descriptions, faults."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bot.adapters.named_queries import QueryFileError, load

Write = Callable[[str], str]
PACKAGE = "sample_queries"


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    package = tmp_path / PACKAGE
    package.mkdir()
    (package / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    load.cache_clear()

    def put(text: str) -> str:
        (package / "queries.sql").write_text(text, encoding="utf-8")
        return PACKAGE

    yield put
    sys.modules.pop(PACKAGE, None)
    load.cache_clear()


def test_queries_by_name_without_description_and_semicolon(write: Write) -> None:
    package = write("""
-- Anything before the first query is about the file.

-- name: first
-- One line,
-- and another.
SELECT 1
  -- a remark inside stays
  , '50 %%';

-- name: second_2
-- Short.
SELECT 2
""")
    assert dict(load(package, "queries.sql")) == {
        "first": "SELECT 1\n  -- a remark inside stays\n  , '50 %%'",
        "second_2": "SELECT 2",
    }


def test_a_file_is_read_once_and_cannot_be_changed(write: Write) -> None:
    queries = load(write("-- name: one\n-- Says one.\nSELECT 1;"), "queries.sql")
    assert load(PACKAGE, "queries.sql") is queries
    with pytest.raises(TypeError):
        queries["one"] = "DROP"  # type: ignore[index] # the point: it is read-only


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("-- name: one\nSELECT 1;", "no description"),
        ("-- name: one\n-- Says one.\n", "no SQL"),
        ("-- name: One\n-- Says one.\nSELECT 1;", "lower case"),
        ("-- name: a b\n-- Says one.\nSELECT 1;", "lower case"),
        ("-- name: a\n-- X.\nSELECT 1;\n-- name: a\n-- Y.\nSELECT 2;", "there twice"),
    ],
)
def test_a_malformed_file_is_refused_with_its_fault(write: Write, text: str, fault: str) -> None:
    with pytest.raises(QueryFileError, match=rf"{PACKAGE}/queries\.sql.*{fault}"):
        load(write(text), "queries.sql")
