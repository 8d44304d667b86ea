"""Values and names as SQL, in one line each, whatever is in them."""

import pytest

from bot.adapters.row_recovery.sql_text import identifier, literal


@pytest.mark.parametrize(
    ("value", "sql"),
    [
        (None, "NULL"),
        ("", "''"),
        ("O'Brien", "'O''Brien'"),
        ("two\nlines\r", "E'two\\nlines\\r'"),
        ("a\\b", "E'a\\\\b'"),
        ("'); DROP TABLE x; --", "'''); DROP TABLE x; --'"),
    ],
)
def test_a_value_is_a_literal_in_one_line(value: str | None, sql: str) -> None:
    assert literal(value) == sql


@pytest.mark.parametrize(
    ("parts", "sql"), [(("id",), '"id"'), (("public", "a.b"), '"public"."a.b"'), (('say "no"',), '"say ""no"""')]
)
def test_a_name_is_quoted(parts: tuple[str, ...], sql: str) -> None:
    assert identifier(*parts) == sql
