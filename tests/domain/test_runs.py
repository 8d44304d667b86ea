"""Runs: their states, their names, their steps."""

import re
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from bot.domain.runs import NEXT, OPEN, Step, run_id_of
from tests.fakes.clock import NOON


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
