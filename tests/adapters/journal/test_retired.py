"""Runs of a kind that no longer is made come out of the journal as an older version has written them."""

import json
from collections.abc import Callable

import psycopg
import pytest

from bot.adapters.journal import Pool, PostgresJournal
from tests.adapters.samples import StoppedClock
from tests.engine.retired import ROWS, old_run


@pytest.mark.parametrize("name", ROWS)
def test_an_old_restore_in_place_is_read_as_it_was(older_dsn: str, migrated: Callable[[], Pool], name: str) -> None:
    with psycopg.connect(older_dsn) as conn:
        columns = ", ".join(ROWS[name]["run"])
        insert = f"INSERT INTO backstop.runs ({columns}) SELECT {columns} FROM "
        conn.execute(
            f"{insert} jsonb_populate_record(NULL::backstop.runs, %s)".encode(), [json.dumps(ROWS[name]["run"])]
        )
        steps = "INSERT INTO backstop.steps SELECT * FROM jsonb_populate_recordset(NULL::backstop.steps, %s)"
        conn.execute(steps, [json.dumps(ROWS[name]["steps"])])

    journal, run = PostgresJournal(migrated(), StoppedClock()), old_run(name)
    assert journal.runs.find(run.id) == run
    assert list(journal.runs.newest("prod")) == [run]
    assert run.plan.digest == ROWS[name]["run"]["digest"]
