"""A drill at every stage."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from bot.domain.drills import Drill, DrillKind, DrillState
from bot.domain.runs import Step, StepState

DUE = datetime(2026, 2, 16, 2, 0, tzinfo=UTC)
PLANNED = Drill(
    "dk3f9a", "weekly", "staging", DrillKind.RESTORE, "staging", DUE, DUE, announced_at=DUE - timedelta(days=1)
)
RUNNING = replace(
    PLANNED,
    state=DrillState.RUNNING,
    started_at=DUE,
    steps=(
        Step("backup", 0, "Take a backup", StepState.DONE, started_at=DUE, ended_at=DUE + timedelta(seconds=3)),
        Step("load", 1, "Load it", StepState.RUNNING, started_at=DUE + timedelta(seconds=3)),
    ),
)
FAILED = replace(RUNNING, state=DrillState.FAILED, ended_at=DUE + timedelta(minutes=2), problem="load-failed: No room.")
AT = "<!date^1771207200^{date_short_pretty} {time}|2026-02-16 02:00 UTC>"
DAY_BEFORE = "<!date^1771120800^{date_short_pretty} {time}|2026-02-15 02:00 UTC>"
