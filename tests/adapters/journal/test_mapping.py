"""Plans and runs in a journal stay readable and keep their digest, whatever release has written them."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psycopg
import pytest

from bot.adapters.journal import Pool, PostgresJournal, mapping
from bot.domain.plans import PLANS, PlanKind
from tests.adapters.samples import StoppedClock
from tests.engine.retired import ROWS, old_run
from tests.fakes.keyring import KEYRING

STORED: Mapping[str, Any] = json.loads((Path(__file__).parent / "stored_plans.json").read_text())
"""What releases with one class for all plans have written, and the digest that people voted for."""


@pytest.mark.parametrize("name", STORED)
def test_a_plan_of_an_old_release_has_its_kind_and_its_digest(name: str) -> None:
    stored = STORED[name]["plan"]
    plan = mapping.read_plan(stored)

    assert type(plan) is PLANS[PlanKind(stored["kind"])]
    assert plan.digest == STORED[name]["digest"]
    assert plan.undoes == stored.get("undoes", "")


@pytest.mark.parametrize("name", STORED)
def test_a_plan_is_read_as_it_was_written(name: str) -> None:
    plan = mapping.read_plan(STORED[name]["plan"])
    row = mapping.plan_row(plan)
    written = json.loads(row["plan"])

    assert mapping.read_plan(written) == plan
    assert (written["version"], written["kind"], row["digest"]) == (2, plan.kind.value, plan.digest)


def test_there_is_one_of_every_kind() -> None:
    assert {stored["plan"]["kind"] for stored in STORED.values()} == {kind.value for kind in PlanKind}


def test_old_names_of_fields_are_read() -> None:
    chain = mapping.read_plan(STORED["chain-of-the-samples"]["plan"])
    assert getattr(chain, "requested_app", "") == STORED["chain-of-the-samples"]["plan"]["wished_app"] == "v1.2.3"
    undo = mapping.read_plan(STORED["undo-of-a-rollback"]["plan"])
    assert getattr(undo, "source", None) is not None


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

    journal, run = PostgresJournal(migrated(), StoppedClock(), KEYRING), old_run(name)
    assert journal.runs.find(run.id) == run
    assert list(journal.runs.newest("prod")) == [run]
    assert run.plan.digest == ROWS[name]["run"]["digest"]
