"""`/drill report` in words."""

from datetime import timedelta

from bot.domain.drill_reports import DrillReport, DrillSeries, Overdue, RestoreForecast
from bot.domain.drills import DrillKind
from bot.domain.planned import Forecast
from bot.views.drills import report as drillreport
from tests.drills import drill_of
from tests.fakes.clock import NOON
from tests.views.samples import read

RESTORES = DrillSeries(DrillKind.RESTORE, "staging", 13, 1, 42.0, 40.0, 40.0, 900.0, 86_400.0, 50_400.0, 93_600.0)
BUNDLES = DrillSeries(DrillKind.BUNDLE, "prod", 3, 0, 1500.0, 1200.0, 1200.0, 1200.0)
MADE = Forecast(900.0, 720.0, 1140.0, 1 - 2 / 14, 13, ("staging",))


def test_a_whole_report() -> None:
    failed = drill_of(8, failed="load-failed: The bundle <x> does not load.")
    report = DrillReport(
        "", NOON, 17, 16, 1, drill_of(3), failed, (RESTORES, BUNDLES),
        (RestoreForecast("prod", "prod_nightly_20260301_020000", 840.0, MADE),),
        (Overdue("weekly", NOON - timedelta(days=20)), Overdue("new", None)), "staging",
    )  # fmt: skip

    assert read(drillreport.render(report, pictured=True)) == (
        "What drills have taught\n"
        "17 drills: 16 passed, 1 failed.\n"
        "Last passed: 3 days ago, `drs030` (restore in staging).\n"
        "Last failed: 8 days ago, `drs080` (restore in staging): load-failed: The bundle &lt;x&gt; does not load.\n"
        "*Time to restore, data-loss window*\n"
        "• Restores of staging: 42 s last time, 40 s as the median of 13, within the target of 15 min; 5 % slower than "
        "the median of those before\n"
        "      data-loss window 14 h last time, 26 h at worst, ⚠ over the target of 24 h\n"
        "• Backups of prod, loaded aside and compared: 25 min last time, 20 min as the median of 3, ⚠ over the target "
        "of 20 min; 25 % slower than the median of those before\n"
        "*The next restore*\n"
        "• prod, `prod_nightly_20260301_020000`: about 14 min by the bot's estimate; by the history 12 min to 19 min "
        "in 85 % of cases, from 13 restores in staging.\n"
        "*⚠ Overdue, or never passed*\n"
        "• `weekly` last passed 20 days ago\n"
        "• `new` has never passed\n"
        "The picture follows."
    )


def test_no_drills_yet_says_how_to_start_one() -> None:
    view = drillreport.render(DrillReport("staging", NOON, 0, 0, 0, ground="staging"), pictured=False)

    assert read(view) == (
        "There have been no drills of staging yet.\n"
        "Start one: `/drill staging now`. To have them come round, add `[[drills]]` to the configuration."
    )


def test_nowhere_to_drill() -> None:
    assert "there is none: add one" in read(drillreport.render(DrillReport("", NOON, 0, 0, 0), pictured=False))


def test_what_is_not_known_is_said() -> None:
    none_passed = DrillSeries(DrillKind.RESTORE, "staging", 0, 2)
    forecasts = (
        RestoreForecast("prod", problem="no-restorable-backup: prod has no backups."),
        RestoreForecast("live", "live_x_20260301_020000", 60.0),
    )
    report = DrillReport("staging", NOON, 2, 0, 2, None, drill_of(1, failed="x"), (none_passed,), forecasts)
    shown = read(drillreport.render(report, pictured=False))

    assert "⚠ None has passed." in shown
    assert "• Restores of staging: 2 drills, none has passed" in shown
    assert "• prod: unknown. no-restorable-backup: prod has no backups." in shown
    assert "about 1 min by the bot's estimate; no restore drill has checked that estimate yet." in shown
    assert "No picture" in shown


def test_a_history_that_is_cut_says_so() -> None:
    report = DrillReport("", NOON, 1000, 1000, 0, drill_of(1), truncated=True)

    assert "The newest 1,000 drills: 1,000 passed" in read(drillreport.render(report, pictured=True))
