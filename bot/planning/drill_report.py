"""Sums drills up: figures for the text of a report, and a chart for its picture."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from statistics import median

from bot.domain.drill_reports import PHASES, Bar, Chart, DrillReport, DrillSeries, Panel
from bot.domain.drills import Drill, DrillKind, DrillState
from bot.domain.environments import Targets

MAX_PANELS = 3
MAX_BARS = 200
"""More would be thinner than a line."""
_NOTHING = Targets()
_NOT_RESTORING = frozenset({"backup", "undo"})
_TITLES = {
    DrillKind.RESTORE: "Restore drills with backups of {}",
    DrillKind.BUNDLE: "Backups of {}, loaded aside and compared",
}
"""Of the kinds that have a time to restore. A migration drill has none: what it loads is only its ground."""


def build_report(
    environment: str, at: datetime, drills: Sequence[Drill], targets: Mapping[str, Targets]
) -> DrillReport:
    """Sum drills up; the caller adds forecasts and overdue schedules.

    Args:
        environment: that of the drills; "" for all.
        at: now, UTC.
        drills: those that were tried, newest first.
        targets: by environment.
    """
    passed = [drill for drill in drills if drill.state is DrillState.PASSED]
    failed = [drill for drill in drills if drill.state is DrillState.FAILED]
    return DrillReport(
        environment=environment,
        at=at,
        tried=len(drills),
        passed=len(passed),
        failed=len(failed),
        last_passed=next(iter(passed), None),
        last_failed=next(iter(failed), None),
        series=[_sum_up(of, targets) for of in group(drills)],
    )


def group(drills: Iterable[Drill]) -> list[list[Drill]]:
    """Group drills by kind and by the backups they used, newest first; restores come first, then the busiest."""
    found: dict[tuple[DrillKind, str], list[Drill]] = {}
    for drill in drills:
        if drill.kind in _TITLES:
            found.setdefault((drill.kind, drill.bundle_of), []).append(drill)
    return sorted(found.values(), key=lambda of: (of[0].kind is not DrillKind.RESTORE, -len(of), of[0].bundle_of))


def _sum_up(of: Sequence[Drill], targets: Mapping[str, Targets]) -> DrillSeries:
    passed = [drill for drill in of if drill.state is DrillState.PASSED]
    times = [drill.measured.restore_s for drill in passed if drill.measured and drill.measured.restore_s > 0]
    losses = [d.measured.data_loss_s for d in of if d.measured and d.measured.data_loss_s is not None]
    target = targets.get(of[0].bundle_of, _NOTHING)
    return DrillSeries(
        kind=of[0].kind,
        source=of[0].bundle_of,
        passed=len(passed),
        failed=len(of) - len(passed),
        newest_s=times[0] if times else None,
        median_s=median(times) if times else None,
        before_s=median(times[1:]) if times[1:] else None,
        restore_target_s=target.restore_s,
        data_loss_target_s=target.data_loss_s,
        newest_loss_s=losses[0] if losses else None,
        worst_loss_s=max(losses, default=None),
    )


def build_chart(drills: Iterable[Drill], targets: Mapping[str, Targets]) -> Chart | None:
    """Build the chart; None where no drill has measured anything."""
    panels = [_panel(of, targets) for of in group(drills) if any(drill.measured for drill in of)]
    if not panels:
        return None
    return Chart("Drills: time to restore", "One bar per drill, oldest left. Times in UTC.", tuple(panels[:MAX_PANELS]))


def _panel(of: Sequence[Drill], targets: Mapping[str, Targets]) -> Panel:
    target = targets.get(of[0].bundle_of, _NOTHING)
    shown = of[:MAX_BARS]
    title = _TITLES[of[0].kind].format(of[0].bundle_of)
    if len(shown) < len(of):
        title += f", the newest {len(shown)} of {len(of)}"
    return Panel(title, tuple(_bar(drill) for drill in reversed(shown)), target.restore_s, target.data_loss_s)


def _bar(drill: Drill) -> Bar:
    at, failed, measured = drill.ended_at or drill.due_at, drill.state is DrillState.FAILED, drill.measured
    if measured is None:
        return Bar(at, failed=failed)
    counted = [(phase, seconds) for phase, seconds in measured.phases if phase not in _NOT_RESTORING and seconds > 0]
    ranked = sorted(counted, key=lambda item: PHASES.index(item[0]) if item[0] in PHASES else len(PHASES))
    return Bar(at, tuple(ranked), measured.database_bytes, measured.data_loss_s, failed)
