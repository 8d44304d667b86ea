"""Runs: their states, their names, their steps."""

import re
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.catalogue import Catalogue, DatabaseFacts, DatabaseObject, Session
from bot.domain.migrations import AppliedMigration, build_chain
from bot.domain.runs import NEXT, OPEN, Step, run_id_of
from tests.fakes.clock import NOON
from tests.fakes.scripts import SCRIPTS


def test_closed_states_are_final_and_open_ones_are_not() -> None:
    assert set(NEXT) == OPEN
    assert all(NEXT[state] for state in OPEN)


@given(st.text())
def test_a_run_is_named_by_its_request(request_id: str) -> None:
    name = run_id_of(request_id)
    assert re.fullmatch("r[a-km-z2-9]{5}", name)
    assert name == run_id_of(request_id)


def test_requests_have_runs_of_their_own() -> None:
    assert len({run_id_of(f"trigger-{number}") for number in range(1000)}) > 990
    assert run_id_of("trigger-1") == "rcjrwz"


def test_a_step_has_taken_as_long_as_it_took() -> None:
    step = Step("chain", 0, "Run it", started_at=NOON, ended_at=NOON + timedelta(seconds=2))
    assert step.elapsed_s == 2.0
    assert Step("chain", 0, "Run it", started_at=NOON).elapsed_s is None


def test_a_chain_is_newest_first_and_complete() -> None:
    scripts = {script.version: script for script in SCRIPTS}
    assert [script.version for script in build_chain(scripts, (24, 25, 26, 27), 25)] == [27, 26, 25]
    assert [script.version for script in build_chain(scripts, (25, 27), 25)] == [27, 25]
    assert build_chain(scripts, (24,), 25) == ()
    with pytest.raises(KeyError) as missing:
        build_chain(scripts, (22, 23, 24, 25), 23)
    assert missing.value.args == (24, 23)


def test_catalogues_are_compared_by_kind_and_identity() -> None:
    table, view = DatabaseObject("table", "a", definition="1"), DatabaseObject("view", "a", definition="1")
    before = Catalogue(frozenset({table, view}), "x")
    after = Catalogue(frozenset({DatabaseObject("table", "a", definition="2")}), "y")
    assert before.lost_in(after) == (view,)
    assert before.changed_in(after) == (DatabaseObject("table", "a", definition="2"),)
    assert before.relations(["view"]) == {"a"}


def test_the_schema_is_the_newest_migration() -> None:
    facts = DatabaseFacts("db", 180006, 1, (), (), (), can_take_exclusive_access=True, can_create=True)
    assert facts.schema == 0
    applied = (AppliedMigration(27, "027_x"), AppliedMigration(3, "003_y"))
    assert DatabaseFacts("db", 1, 1, applied, (), (), can_take_exclusive_access=True, can_create=True).schema == 27


def test_a_session_never_shows_its_query() -> None:
    assert str(Session(7, "app", "", "10.0.0.1", "idle", 2.6)) == "pid 7 (unnamed, app, idle for 3 s)"
