"""Drills that are over, as a book has them."""

from dataclasses import replace
from datetime import datetime, timedelta

from bot.domain.drills import Drill, DrillKind, DrillState, Measurement
from tests.fakes.clock import NOON

PHASES = (("backup", 9.0), ("fetch", 2.0), ("load", 20.0), ("verify", 5.0), ("swap", 1.0), ("app", 12.0), ("undo", 7.0))
MEASURED = Measurement("staging_test-rollback_20260301_030000", 10**6, 10**7, 500, PHASES, 3600.0, 30.0, 40.0)


def drill_of(
    days: float,
    kind: DrillKind = DrillKind.RESTORE,
    *,
    of: str = "staging",
    failed: str = "",
    measured: Measurement | None = MEASURED,
) -> Drill:
    """One that ended so many days before noon, in staging."""
    at = NOON - timedelta(days=days)
    state = DrillState.FAILED if failed else DrillState.PASSED
    name = f"d{kind.value[0]}{of[0]}{round(days * 10):03d}"
    drill = Drill(name, "weekly", "staging", kind, of, at, at, state)
    return replace(drill, started_at=at, ended_at=at, problem=failed, measured=measured)


def took(seconds: float, estimated_s: float | None = 40.0, data_loss_s: float | None = 3600.0) -> Measurement:
    """A restore of that many seconds."""
    return replace(MEASURED, phases=(("load", seconds),), estimated_s=estimated_s, data_loss_s=data_loss_s)


def ended(drill: Drill) -> datetime:
    """When it did."""
    assert drill.ended_at is not None
    return drill.ended_at
