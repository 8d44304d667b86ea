"""What a row of drills teaches: figures and the picture's values."""

from bot.domain.drills import DrillKind
from bot.domain.environments import Targets
from bot.planning.drill_report import MAX_BARS, MAX_PANELS, build_chart, build_report
from tests.drills import drill_of, took
from tests.fakes.clock import NOON

TARGETS = {"staging": Targets(900, 86_400), "prod": Targets(None, 3600)}


def test_figures() -> None:
    drills = [
        drill_of(1, measured=took(50.0, data_loss_s=7200.0)),
        drill_of(2, DrillKind.MIGRATION, of="prod"),
        drill_of(3, failed="load-failed: No room.", measured=None),
        drill_of(4, measured=took(40.0, data_loss_s=90_000.0)),
        drill_of(5, measured=took(44.0)),
        drill_of(6, DrillKind.BUNDLE, of="prod", measured=took(300.0, data_loss_s=None)),
    ]
    report = build_report("", NOON, drills, TARGETS)

    assert (report.tried, report.passed, report.failed) == (6, 5, 1)
    assert (report.last_passed, report.last_failed) == (drills[0], drills[2])
    staging, prod = report.series
    assert (staging.kind, staging.source, staging.passed, staging.failed) == (DrillKind.RESTORE, "staging", 3, 1)
    assert (staging.newest_s, staging.median_s, staging.before_s) == (50.0, 44.0, 42.0)
    assert (staging.newest_loss_s, staging.worst_loss_s) == (7200.0, 90_000.0)
    assert (staging.restore_target_s, staging.data_loss_target_s) == (900, 86_400)
    assert (prod.newest_s, prod.before_s, prod.newest_loss_s, prod.restore_target_s) == (300.0, None, None, None)


def test_backup_and_undo_are_no_part_of_the_time_to_restore() -> None:
    chart = build_chart([drill_of(1)], TARGETS)

    assert chart is not None
    ((bar,),) = (panel.bars for panel in chart.panels)
    assert [phase for phase, _ in bar.phases] == ["fetch", "load", "verify", "swap", "app"]
    assert bar.total_s == 40.0
    assert build_report("", NOON, [drill_of(1)], TARGETS).series[0].newest_s == 40.0


def test_the_picture_has_the_oldest_first_and_says_what_it_leaves_out() -> None:
    chart = build_chart([drill_of(days) for days in range(MAX_BARS + 5)], TARGETS)

    assert chart is not None
    (panel,) = chart.panels
    assert len(panel.bars) == MAX_BARS
    assert panel.bars[-1].at == NOON
    assert panel.title == "Restore drills with backups of staging, the newest 200 of 205"
    assert (panel.restore_target_s, panel.data_loss_target_s) == (900, 86_400)


def test_a_failed_drill_is_shown_even_if_it_measured_nothing() -> None:
    chart = build_chart([drill_of(1), drill_of(2, failed="x", measured=None)], TARGETS)

    assert chart is not None
    assert [(bar.failed, bar.total_s > 0) for bar in chart.panels[0].bars] == [(True, False), (False, True)]


def test_there_is_no_picture_of_nothing() -> None:
    assert build_chart([], TARGETS) is None
    assert build_chart([drill_of(1, DrillKind.MIGRATION), drill_of(2, failed="x", measured=None)], TARGETS) is None


def test_panels_are_few_and_restores_come_first() -> None:
    drills = [drill_of(1, DrillKind.BUNDLE, of=name) for name in ("prod", "qa", "dev", "demo")]
    chart = build_chart([*drills, drill_of(9)], TARGETS)

    assert chart is not None
    assert len(chart.panels) == MAX_PANELS
    assert chart.panels[0].title == "Restore drills with backups of staging"
