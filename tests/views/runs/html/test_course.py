"""The course of a run: its steps, votes, notes, timeline."""

import re
from dataclasses import replace
from datetime import timedelta

from bot.domain.runs import Run, StepState
from bot.views.runs import report_model
from bot.views.runs.html import sheet
from bot.views.runs.html.parts import Bar, Steps
from tests.views.runs.html.incidents import PARKED, RECREATED, WENT_WELL
from tests.views.runs.html.reading import words, written
from tests.views.samples import PLAN


def test_a_follow_up_closed_weeks_later_does_not_flatten_the_checklist() -> None:
    late = [
        replace(step, state=StepState.DONE, ended_at=step.started_at + timedelta(days=20))
        if step.key == "follow-up" and step.started_at
        else step
        for step in WENT_WELL.run.steps
    ]

    before, after = bars(WENT_WELL.run), bars(replace(WENT_WELL.run, steps=tuple(late)))

    assert [(bar.left, bar.width) for bar in after] == [(bar.left, bar.width) for bar in before]
    assert max(bar.width for bar in after) > 20
    assert after[-1].took == ""


def bars(run: Run) -> list[Bar]:
    sections = {section.key: section for section in sheet.render(report_model.build(run, (), None)).sections}
    (steps,) = sections["checklist"].parts
    assert isinstance(steps, Steps)
    return list(steps.bars)


def test_a_report_says_who_agreed_to_which_digest_and_whose_vote_did_not_count() -> None:
    shown = words(WENT_WELL)

    assert f"Digest of the plan that ran {PLAN.digest}" in shown
    assert f"2026-02-11 03:00:31 binh (U0LEADA) approved reaction {PLAN.short_digest}" in shown
    assert "dung (U0ENG) did not count: you are not one of this environment's approvers. reaction –" in shown


def test_a_vote_that_the_recheck_took_out_is_not_said_to_have_been_taken_back() -> None:
    details = {"user": "U0LEADB", "digest": PLAN.digest, "why": "the vote of <@U0LEADB> no longer counts: a guest."}
    last = WENT_WELL.events[-1]
    taken_out = replace(last, sequence=last.sequence + 1, actor="backstop", event="vote-withdrawn", details=details)
    shown = words(replace(WENT_WELL, events=(*WENT_WELL.events, taken_out)))

    assert "chi (U0LEADB) taken out: the vote of chi (U0LEADB) no longer counts: a guest." in shown
    assert "took the vote back" not in shown


def test_a_report_has_every_step_with_its_time_and_its_place_in_the_run() -> None:
    assert "Stop incoming traffic done 03:03:01 6.2 s 5 pods stopped, 2 services held" in words(WENT_WELL)
    assert "Restore traffic not reached Document what happened not reached" in words(PARKED)
    places = [float(place) for place in re.findall(r' x="([\d.]+)%"', written(WENT_WELL))]
    assert places == sorted(places)
    assert len(places) == len(WENT_WELL.run.steps)


def test_a_report_has_what_people_wrote_and_what_is_still_to_be_done() -> None:
    assert "What went wrong binh (U0LEADA) , 2026-02-11 03:00:00 UTC The flag check ran on every request." in words(
        WENT_WELL
    )
    assert "The flag check ran on every request.\nThe booking page" in written(WENT_WELL)
    assert "Plan fix and re-deployment open /rollback close rk3f9a LINK" in words(WENT_WELL)
    assert "Nobody has written about it yet." in words(PARKED)
    assert "Plan fix and re-deployment closed by chi (U0LEADB) https://example.org/fix/7" in words(RECREATED)
    assert '<a href="https://example.org/fix/7" rel="noopener noreferrer">' in written(RECREATED)


def test_a_report_quotes_what_was_posted_when_people_were_called() -> None:
    shown = words(PARKED)

    assert "restore point before-rk3f9a at 0/9A40128" in shown
    assert (
        "Database log of postgres-0, last lines, the server's own only LOG: checkpoint starting (2 lines left out)"
        in shown
    )


def test_the_timeline_is_whole_and_to_the_second() -> None:
    shown = words(WENT_WELL)

    assert shown.count(" 2026-02-11 03:0") >= len(WENT_WELL.events)
    assert "2026-02-11 03:02:04 backstop approved" in shown
    assert '<time datetime="2026-02-11T03:02:04Z">' in written(WENT_WELL)
    assert "requested asked for: /rollback prod 027; digest: " + PLAN.short_digest + " " in shown
