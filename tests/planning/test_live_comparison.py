"""What a comparison with the live database says, and what it takes for a part of one."""

import pytest

from bot.domain.catalogue import Catalogue, DatabaseObject
from bot.planning.live_comparison import MAX_SHIFTS, Contents, RowShift, compare_with_live

ROWS = {"public.patients": 80, "public.visits": 400, "public.settings": 3}
VERSIONS = frozenset({26, 27})


def contents(
    rows: dict[str, int], versions: frozenset[int] | None = VERSIONS, *, kind_of_id: str = "integer"
) -> Contents:
    columns = [
        DatabaseObject(
            "table column", f"{table}.id", table, "d", kept_as=kind_of_id if "visits" in table else "integer"
        )
        for table in rows
    ]
    return Contents(rows, Catalogue(frozenset(columns), "f"), versions)


def test_equal_contents() -> None:
    found = compare_with_live(contents(ROWS), contents(ROWS))
    assert str(found) == (
        "compared with the live database: 3 of 3 tables, columns equal, as many rows in each, the same migrations"
    )
    assert found.partial == ""


def test_every_difference_is_named() -> None:
    loaded = contents(
        {"public.patients": 40, "public.visits": 399, "public.other": 1}, frozenset({26, 28}), kind_of_id="bigint"
    )
    assert str(compare_with_live(loaded, contents(ROWS))) == (
        "compared with the live database: 2 of 3 tables without (public.settings), 1 more tables (public.other), "
        "columns differ in public.visits, rows public.patients 80 → 40; public.visits 400 → 399, "
        "migrations without 027 and with 028 besides"
    )


@pytest.mark.parametrize(
    ("rows", "versions", "partial"),
    [
        ({**ROWS, "public.patients": 40}, VERSIONS, ""),
        ({"public.patients": 80, "public.visits": 400}, VERSIONS, "it lacks 1 of the live database's 3 tables"),
        ({"public.patients": 80, "public.visits": 400}, frozenset({26}), ""),
        ({"public.patients": 80}, frozenset({26}), "it lacks 2 of the live database's 3 tables"),
        (dict.fromkeys(ROWS, 0), VERSIONS, "it has no rows"),
        ({"public.patients": 80}, None, "it lacks 2 of the live database's 3 tables"),
    ],
)
def test_a_part_of_a_database(rows: dict[str, int], versions: frozenset[int] | None, partial: str) -> None:
    assert compare_with_live(contents(rows, versions), contents(ROWS)).partial == partial


def test_of_an_empty_live_database_anything_is_whole() -> None:
    found = compare_with_live(contents(ROWS), contents({}, None))
    assert found.partial == ""
    assert str(found).endswith("as many rows in each, migrations of the live database unknown")


@pytest.mark.parametrize(
    ("live", "loaded", "far"), [(80, 40, True), (80, 41, False), (40, 80, True), (9, 0, False), (10, 0, True)]
)
def test_far_off_is_twice_as_many(live: int, loaded: int, far: bool) -> None:  # noqa: FBT001 -- a case of a table
    assert RowShift("public.t", live, loaded).is_far is far


def test_of_many_the_furthest_off_are_named() -> None:
    live = {f"public.t{number:02}": 100 for number in range(MAX_SHIFTS + 5)}
    loaded = {table: 99 - number for number, table in enumerate(live)}
    text = str(compare_with_live(contents(loaded), contents(live)))
    assert "rows public.t24 100 → 75; public.t23 100 → 76" in text
    assert "; 5 more, the same" in text
