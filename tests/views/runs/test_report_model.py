"""The model of a report: one value that both renderers show."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain.runs import RunState, StepState
from bot.views.runs import report, report_model
from bot.views.runs.html import sheet
from bot.views.runs.report_model import Change, Verdict
from tests.views.runs.html.incidents import ALL, PARKED, RECREATED, WENT_WELL, Incident
from tests.views.samples import RUN, read, running


def built(what: Incident) -> report_model.RunReport:
    return report_model.build(what.run, what.events, what.export)


@pytest.mark.parametrize("name", ALL)
def test_the_same_run_makes_the_same_model_for_both_renderers(name: str) -> None:
    model = built(ALL[name])

    assert model == built(ALL[name])
    assert report.render(model).blocks
    assert sheet.render(model).sections


def test_both_renderers_show_the_downtime_of_the_model() -> None:
    model = replace(built(WENT_WELL), downtime_s=77.0)

    assert "The app was down for 1 min 17 s" in read(report.render(model))
    assert ("App down", "1 min 17 s") in [(name, cell.text) for name, cell in sheet.render(model).facts.pairs]


def test_a_model_says_what_became_of_the_database() -> None:
    failed = replace(running("chain", StepState.FAILED), state=RunState.FAILED)
    parked = replace(failed, state=RunState.PARKED)

    assert [report_model.build(run, [], None).change for run in (RUN, failed, parked, WENT_WELL.run)] == [
        Change.NONE,
        Change.NONE,
        Change.UNKNOWN,
        Change.MADE,
    ]


def test_a_model_has_every_vote_and_the_approvers_whose_vote_counted() -> None:
    model = built(WENT_WELL)

    assert {vote.verdict for vote in model.votes} == {Verdict.APPROVED, Verdict.REFUSED}
    assert set(model.approvers) == {vote.voter for vote in model.votes if vote.verdict is Verdict.APPROVED}


def test_a_model_has_the_follow_up_and_the_calls_for_help() -> None:
    assert built(WENT_WELL).follow_up == report_model.FollowUp("Plan fix and re-deployment")
    assert built(RECREATED).follow_up == report_model.FollowUp(
        "Plan fix and re-deployment", "U0LEADB", "https://example.org/fix/7"
    )
    (call,) = built(PARKED).help_calls
    assert call.recovery == ["archiver: last 0/9A3F000", "restore point before-rk3f9a at 0/9A40128"]
    assert built(PARKED).findings == ["3 rows of public.invoices break their foreign key"]
    assert built(PARKED).took_s is None
    assert built(WENT_WELL).took_s == timedelta(seconds=26).total_seconds()
