"""The result of a comparison: counted, and the same again after it was stored."""

import json
from dataclasses import asdict

from bot.domain.row_recovery import RecoveredTable, Salvage, SkippedTable, read_salvage

FOUND = Salvage(
    (RecoveredTable('"public"."patients"', 3, 2, 7), RecoveredTable('"public"."visits"', 1, 0, 0)),
    (SkippedTable('"public"."keyless"', "it has no primary key"),),
    compared=11,
    key="salvage/r2abcd/20260211_030000.sql.gz",
)


def test_only_rows_with_sql_are_counted() -> None:
    assert FOUND.rows == 6


def test_what_was_stored_is_read_as_it_was() -> None:
    assert read_salvage(json.loads(json.dumps(asdict(FOUND)))) == FOUND
