"""What people read of a restore in place and of its undoing."""

from dataclasses import replace

from bot.adapters import htmlreport
from bot.domain.plans import PlanKind
from bot.domain.runs import RunState, StepState
from bot.planning import checklist
from bot.planning.checklist import checklist_of
from bot.views import card, incident, report, request
from tests.views.samples import PLAN, RUN, buttons, read
from tests.views.test_swap import COMES

IN_PLACE = replace(
    PLAN,
    kind=PlanKind.RESTORE_IN_PLACE,
    scripts=(),
    drops=(),
    rows=(),
    locks=(),
    restore=replace(COMES, incoming="", outgoing="", keep_s=0.0),
)
SAVED = "prod_pre-restore-rk3f9a_20260211_033000"
STEPS = tuple(
    replace(step, state=StepState.DONE, data={"backup": SAVED} if step.key == checklist.BACKUP else {})
    for step in checklist_of(PlanKind.RESTORE_IN_PLACE)
)
RESTORED = replace(RUN, plan=IN_PLACE, state=RunState.SUCCEEDED, steps=STEPS)


def test_the_request_says_that_the_app_is_down_for_all_of_it_and_how_it_is_undone() -> None:
    text = read(request.render(replace(RUN, plan=IN_PLACE), (), 2, production=True))
    assert "asks to restore *prod* from a backup, in place." in text
    assert "*In place*: no second database is allowed here" in text
    assert "*Rows that vanish* – at least 256 in all. Rows written and rows deleted since <!date^" in text
    assert "*The app is down for the whole load*, about " in text
    assert "undo restores that backup, in place" in text
    assert "kept whole as" not in text


def test_the_card_and_the_confirmation_say_so_too() -> None:
    shown = read(card.render(replace(RUN, plan=IN_PLACE), (), 2, production=True))
    assert "at least 256 rows of 2 tables go; the app is down for the whole load, in place, for about " in shown
    assert buttons(card.render(RESTORED, (), 2, production=True)) == {"undo": "rk3f9a"}


def test_the_report_says_where_the_old_content_is() -> None:
    text = read(report.render(RESTORED, (), None))
    assert "✅ Restored in place" in text
    assert f"*The old content* – is in `{SAVED}`; `/rollback undo rk3f9a` restores it." in text
    unsaved = replace(RESTORED, state=RunState.FAILED, problem="x: y.", steps=())
    told = read(report.render(unsaved, (), None))
    assert "*Nothing was replaced* – the old content is as it was. No emergency backup was taken." in told


def test_the_report_promises_no_undo_of_what_was_not_replaced() -> None:
    """The emergency backup is there before anything is loaded."""
    stopped = [
        replace(step, state=StepState.WAITING) if step.position >= RESTORED.step(checklist.REPLACE).position else step
        for step in STEPS
    ]
    failed = replace(RESTORED, state=RunState.FAILED, problem="x: y.", steps=tuple(stopped))

    text = read(report.render(failed, (), None))

    assert f"*Nothing was replaced* – the old content is as it was. The emergency backup `{SAVED}` was taken." in text
    assert "/rollback undo" not in text
    assert "Rows that vanish" not in text
    assert "undo" not in buttons(card.render(failed, (), 2, production=True))


def test_an_undo_says_which_run_it_takes_back() -> None:
    undo = replace(IN_PLACE, undoes="rk3f9a", restore=replace(COMES, backup=SAVED))
    text = read(request.render(replace(RUN, plan=undo), (), 2, production=True))
    assert f"`{SAVED}`, the emergency backup of run `rk3f9a`, which is undone, taken" in text


def test_the_file_says_where_the_old_content_is() -> None:
    page = htmlreport.write(incident.render(RESTORED, (), None)).decode()
    assert "Restore in place of prod" in page
    assert SAVED in page
    assert "/rollback undo rk3f9a restores it" in page
    unsaved = tuple(replace(step, state=StepState.WAITING, data={}) for step in STEPS)
    stopped = htmlreport.write(incident.render(replace(RESTORED, steps=unsaved), (), None)).decode()
    assert "nothing was replaced" in stopped
    assert "/rollback undo" not in stopped
