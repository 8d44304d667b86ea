"""A kill at every port call of a drill's life, before and after it took effect: it is announced, run and told once."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from bot.domain.drills import DrillState
from bot.engine.maintenance.sweeper import REQUEST_AGE_S, sweep
from tests.engine.drills.drill_office import DAILY, DAY, HOUR, Office
from tests.fakes.process import Killed, Process
from tests.fakes.world import World

MOMENT = timedelta(seconds=REQUEST_AGE_S + 1)


def take_up(office: Office) -> None:
    sweep(office.services)
    office.work()


def live(scratch: Path, kill_at: int, *, after: bool, moments: list[timedelta]) -> tuple[Office, bool]:
    """Let the scheduler look at each moment, and a successor a little later; gives whether anybody died."""
    office = Office(World(scratch), DAILY)
    office.process = Process("first", kill_at, after=after)
    died = False
    for moment in moments:
        for act in (
            lambda at=moment: office.until(at),
            lambda at=moment: office.until(at + MOMENT),
            lambda: take_up(office),
            lambda at=moment: office.until(at + 2 * MOMENT),
        ):
            try:
                act()
            except Killed:
                died = True
                office.process = Process("successor")
    return office, died


def everywhere(
    scratch: Path, moments: list[timedelta], faults_in: Callable[[Office], list[str]], *, after: bool
) -> int:
    """Play it with a kill at each call; gives how many calls there are."""
    number, died = 0, True
    while died:
        number += 1
        office, died = live(scratch, number, after=after, moments=moments)
        assert [f"call {number}: {fault}" for fault in faults_in(office)] == []
    return number


killed = pytest.mark.parametrize("after", [False, True], ids=["before", "after"])


@killed
def test_a_drill_passes_once_wherever_the_process_dies(tmp_path: Path, *, after: bool) -> None:
    def faults_in(office: Office) -> list[str]:
        said = list(dict.fromkeys(office.said()))
        checks = {
            f"it is {office.drill().state}": office.drill().state is not DrillState.PASSED,
            f"said {said}": said != [DrillState.PLANNED, DrillState.PASSED],
            "not told": office.drill().told_at is None,
            "missed": bool(office.world.announcer.missed),
            "left over": bool(office.world.journal.requests.unfinished(0)),
            "no beat": office.world.drills.last_beat() is None,
        }
        return [fault for fault, holds in checks.items() if holds]

    assert everywhere(tmp_path, [timedelta(), 2 * HOUR, 3 * HOUR], faults_in, after=after) > 20


@killed
def test_missed_drills_are_said_once_wherever_the_process_dies(tmp_path: Path, *, after: bool) -> None:
    def faults_in(office: Office) -> list[str]:
        missed = [drill.id for group in office.world.announcer.missed.values() for drill in group]
        drills = [drill for drill in office.world.drills.table.values() if drill.due_at < office.world.clock.now()]
        checks = {
            f"{len(drills)} drills": len(drills) != 3,
            "not all missed": {drill.state for drill in drills} != {DrillState.MISSED},
            "not said, or twice": sorted(missed) != sorted(drill.id for drill in drills),
            "in several messages": len(office.world.announcer.missed) != 1,
            "not noted as told": any(drill.told_at is None for drill in drills),
        }
        return [fault for fault, holds in checks.items() if holds]

    assert everywhere(tmp_path, [timedelta(), 2 * DAY + 6 * HOUR], faults_in, after=after) > 20


@killed
def test_an_alert_is_raised_and_cleared_once_wherever_the_process_dies(tmp_path: Path, *, after: bool) -> None:
    def faults_in(office: Office) -> list[str]:
        words = [word for _, word in office.world.announcer.alerts.values()]
        return [] if words == ["passed 2026-03-03 15:00"] and not office.world.drills.raised else [f"{words}"]

    assert everywhere(tmp_path, [timedelta(), 30 * HOUR, 51 * HOUR], faults_in, after=after) > 20
