"""What people read of a restore and of its undoing."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.adapters import htmlreport
from bot.domain.planned import PlannedLoss, PlannedRestore
from bot.domain.plans import RestorePlan, UndoSwapPlan
from bot.domain.runs import RunState, StepState
from bot.ports import KeptDatabase
from bot.views.plans import swap
from bot.views.runs import approval_request, card, report, report_model
from bot.views.runs.html import sheet
from bot.views.status import status
from tests.views.runs.html.incidents import walked
from tests.views.samples import ASKED, PLAN, RUN, buttons, read, recast

COMES = PlannedRestore(
    backup="prod_nightly_20260211_020000",
    key="prod_nightly_20260211_020000.tar.gz",
    version_id="v1",
    sha256="ab" * 32,
    created_at=ASKED - timedelta(hours=1),
    verified="",
    losses=(
        PlannedLoss("public.flags", 42, 0, gone=True),
        PlannedLoss("public.appointments", 1214, 1000),
        PlannedLoss("public.reports", 7, 8),
    ),
    compared=True,
    incoming="physioflow_prod_backstop_side_rk3f9a",
    outgoing="physioflow_prod_backstop_kept_rk3f9a",
    keep_s=604_800.0,
)
RESTORE = recast(PLAN, RestorePlan, restore=COMES)
RESTORED = replace(walked(replace(RUN, plan=RESTORE), "document"), state=RunState.SUCCEEDED)


def test_the_request_says_what_vanishes_and_where_the_old_database_stays() -> None:
    text = read(approval_request.render(replace(RUN, plan=RESTORE), (), 2, production=True))
    assert "Approve the restore of prod?" in text
    assert "schema 027 → 026, app v1.3.0 → v1.2.3" in text
    assert "never verified; this run verifies it" in text
    assert "*Rows that vanish* – at least 256 in all. Rows written and rows deleted since <!date^" in text
    assert "⚠ 42 rows of `public.flags`: the whole table will vanish" in text
    assert "• at least 214 rows of `public.appointments` since <!date^" in text
    assert "will vanish (1,214 now)" in text
    assert "• `public.reports` gets at least 1 row back (7 now)" in text
    assert "kept whole as `physioflow_prod_backstop_kept_rk3f9a` for 7 days" in text


def test_as_many_rows_as_then_is_not_called_no_loss() -> None:
    """500 written and 500 deleted: the numbers are equal, and 500 rows go."""
    even = replace(RESTORE, restore=replace(COMES, losses=()))
    shown = read(approval_request.render(replace(RUN, plan=even), (), 2, production=True))
    assert "*Rows that vanish* – those written since; every table has as many rows as then. Rows written" in shown
    assert "rows written since go, though no table has fewer rows afterwards" in swap.impact(even)


@pytest.mark.parametrize(
    ("keep_s", "said"), [(604_800, "7 days"), (129_600, "1 day 12 h"), (90_000, "1 day 1 h"), (86_399, "23 h 59 min")]
)
def test_the_old_database_is_not_said_to_be_kept_longer_than_it_is(keep_s: float, said: str) -> None:
    kept = replace(RESTORED, plan=replace(RESTORE, restore=replace(COMES, keep_s=keep_s)))
    assert f"kept_rk3f9a` for {said}; undo" in read(report.render(report_model.build(kept, (), None)))
    assert f">{said}<" in htmlreport.write(sheet.render(report_model.build(kept, (), None))).decode()


def test_no_loss_is_claimed_only_where_it_is_known() -> None:
    blind = replace(RESTORE, restore=replace(COMES, losses=(), compared=False))
    text = read(approval_request.render(replace(RUN, plan=blind), (), 2, production=True))
    assert "how many is unknown" in text


def test_a_done_restore_can_be_undone_by_a_button() -> None:
    assert buttons(card.render(RESTORED, (), 2, production=True)) == {"undo": "rk3f9a"}
    unswapped = replace(walked(replace(RUN, plan=RESTORE), "stop-traffic", StepState.UNDONE), state=RunState.FAILED)
    assert "undo" not in buttons(card.render(unswapped, (), 2, production=True))


def test_a_restore_that_was_left_to_people_after_the_swap_can_be_undone_too() -> None:
    left = replace(walked(replace(RUN, plan=RESTORE), "smoke", StepState.FAILED), state=RunState.FAILED)
    assert buttons(card.render(left, (), 2, production=True)) == {"undo": "rk3f9a"}


def test_an_undo_says_which_run_it_takes_back() -> None:
    undo = recast(RESTORE, UndoSwapPlan, undoes="rk3f9a", restore=replace(COMES, backup=""))
    text = read(approval_request.render(replace(RUN, plan=undo), (), 2, production=True))
    assert "the database that run `rk3f9a` put aside" in text


def test_the_report_says_so_too() -> None:
    text = read(report.render(report_model.build(RESTORED, (), None)))
    assert "✅ Restored" in text
    assert "physioflow_prod_backstop_kept_rk3f9a" in text


@pytest.mark.parametrize("key", ["load", "verify-side", "stop-traffic", "swap"])
def test_the_report_of_a_failed_restore_speaks_of_no_loss_and_of_no_undo(key: str) -> None:
    failed = replace(
        walked(replace(RUN, plan=RESTORE), key, StepState.FAILED, "no"), state=RunState.FAILED, problem="no"
    )

    text = read(report.render(report_model.build(failed, (), None)))

    assert "*Nothing was swapped* – the live database is the one from before" in text
    assert "Rows that vanish" not in text
    assert "kept whole" not in text
    assert "undo" not in text


def test_the_report_of_a_restore_that_cannot_say_whether_it_swapped_says_so() -> None:
    parked = replace(walked(replace(RUN, plan=RESTORE), "swap", StepState.FAILED), state=RunState.PARKED, problem="no")

    text = read(report.render(report_model.build(parked, (), None)))

    assert "*Whether the databases were swapped is not known*" in text
    assert "Nothing was swapped" not in text
    filed = htmlreport.write(sheet.render(report_model.build(parked, (), None))).decode()
    assert "Whether the databases were swapped is not known: look at their names first." in filed


def test_status_names_kept_databases() -> None:
    kept = KeptDatabase("prod", COMES.outgoing, "rk3f9a", 3_400_000, ASKED)
    assert "`/rollback undo rk3f9a` until <!date^" in read(status.render([], {}, [kept]))
