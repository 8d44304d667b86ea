"""A due drill rests, starts, waits or is missed; and until when a schedule must pass again."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from bot.domain.drills import Drill, DrillKind, DrillState, Schedule
from bot.planning.schedule import Act, Situation, act_on, deadline, overtaken, why_missed
from tests.fakes.clock import NOON

WITHIN_S = 3600
DRILL = Drill("dabcde", "weekly", "staging", DrillKind.BUNDLE, "staging", NOON, NOON, DrillState.PLANNED)
WEEKLY = Schedule("weekly", "staging", DrillKind.BUNDLE, "0 3 * * 1", jitter_s=60, start_within_s=WITHIN_S)
LATE = timedelta(seconds=WITHIN_S)
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("situation", "act"),
    [
        (Situation(NOON - SECOND), Act.REST),
        (Situation(NOON - SECOND, overtaken=True), Act.REST),
        (Situation(NOON), Act.START),
        (Situation(NOON, "A run is active."), Act.WAIT),
        (Situation(NOON + LATE), Act.START),
        (Situation(NOON + LATE + SECOND), Act.MISS),
        (Situation(NOON, overtaken=True), Act.MISS),
    ],
)
def test_each_situation_has_its_act(situation: Situation, act: Act) -> None:
    assert act_on(DRILL, WITHIN_S, situation) is act


@pytest.mark.parametrize(
    ("situation", "why"),
    [
        (Situation(NOON + 2 * LATE, "Frozen.", last_beat=NOON), "Backstop was down, or kept from working, from "),
        (Situation(NOON + 2 * LATE, "Frozen.", overtaken=True), "The next one of its schedule was due "),
        (Situation(NOON + 2 * LATE, "Frozen."), "Frozen."),
        (Situation(NOON + 2 * LATE), "Nothing took it up by 2026-03-01 13:00 UTC."),
    ],
)
def test_a_missed_one_has_a_reason(situation: Situation, why: str) -> None:
    assert why_missed(DRILL, WITHIN_S, situation).startswith(why)


def test_of_several_that_are_due_only_the_last_of_a_schedule_counts() -> None:
    later = replace(DRILL, id="dfghjk", due_at=NOON + LATE, start_at=NOON + LATE)
    asked_for = replace(DRILL, id="dlmnpq", schedule="")

    assert overtaken([DRILL, later, asked_for], NOON + LATE) == {"dabcde"}
    assert overtaken([DRILL, later, asked_for], NOON) == frozenset()


@pytest.mark.parametrize(
    ("overdue_after_s", "second_due", "until"),
    [
        (60, None, NOON + timedelta(seconds=60)),
        (60, NOON + LATE, NOON + timedelta(seconds=60)),
        (None, NOON + LATE, NOON + LATE + timedelta(seconds=60 + WITHIN_S)),
        (None, None, None),
    ],
)
def test_a_schedule_may_fail_once(
    overdue_after_s: int | None, second_due: datetime | None, until: datetime | None
) -> None:
    assert deadline(replace(WEEKLY, overdue_after_s=overdue_after_s), NOON, second_due) == until
