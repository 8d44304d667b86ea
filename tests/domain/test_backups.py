"""Names of backups, there and back."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.backups import BackupName, Export, SavedTable

NAMES = st.builds(
    BackupName,
    environment=st.from_regex(r"[a-z][a-z0-9]{0,20}", fullmatch=True),
    label=st.from_regex(r"[A-Za-z0-9][A-Za-z0-9.\-]{0,99}", fullmatch=True),
    # microseconds are not in a name; years before 1000 are not four digits in every C library
    created_at=st.datetimes(datetime(1000, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC)).map(  # noqa: DTZ001 -- hypothesis adds the zone
        lambda at: at.replace(microsecond=0)
    ),
)


@given(NAMES)
def test_a_name_is_read_as_it_was_written(name: BackupName) -> None:
    assert BackupName.parse(str(name)) == name
    assert BackupName.parse(f"{name}.tar.gz") == name


@given(st.text(max_size=60))
def test_any_text_is_a_name_or_none(text: str) -> None:
    name = BackupName.parse(text)
    assert name is None or str(name) == text.strip().removesuffix(".tar.gz")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "latest",
        "prod_nightly",
        "prod_20260105_020000",
        "prod_nightly_20261305_020000",
        "prod_nightly_20260105_250000",
        "prod_nightly_20260105_020000.sql",
        "prod_nightly_20260105_020000/../x",
        "Prod_nightly_20260105_020000",
        "prod_-x_20260105_020000",
        "prod_a b_20260105_020000",
        "prod_nightly_٢٠٢٦٠١٠٥_٠٢٠٠٠٠",
    ],
)
def test_what_is_no_name(text: str) -> None:
    assert BackupName.parse(text) is None


def test_an_export_counts_its_rows() -> None:
    tables = (SavedTable("a", "k", 3, 1, "", ()), SavedTable("b", "k", 4, 1, "", ()))
    assert Export("r1", "exports/r1/", tables).rows == 7
