"""A connection string names a database, or nothing is read from it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.config.dsn import Target, parse_dsn

DSNS = [
    ("postgresql://u:p@db.example:5433/app?sslmode=require", Target("db.example", "5433", "app")),
    ("postgres://db/app", Target("db", "5432", "app")),
    ("postgresql://u:p%40ss@[::1]:5433/my%20app", Target("::1", "5433", "my app")),
    ("postgresql://h1:1,h2:2/app", Target("h1,h2", "1,2", "app")),
    ("postgresql:///app?host=/run/pg", Target("/run/pg", "5432", "app")),
    ("host=DB port = 5433 dbname='my app' password='it\\'s'", Target("db", "5433", "my app")),
    ("dbname=app", Target("", "5432", "app")),
    ("postgresql://db", None),
    ("postgresql://db:port/app", None),
    ("postgresql://[::1/app", None),
    ("host=db", None),
    ("mysql://db/app", None),
    ("just words", None),
    ("dbname='app", None),
    ("", None),
]


@pytest.mark.parametrize(("dsn", "target"), DSNS)
def test_a_connection_string_is_understood(dsn: str, target: Target | None) -> None:
    assert parse_dsn(dsn) == target


@given(st.text(max_size=60))
def test_no_text_breaks_the_reading_of_connection_strings(text: str) -> None:
    parse_dsn(text)
    parse_dsn(f"postgresql://{text}")
    parse_dsn(f"dbname={text}")
