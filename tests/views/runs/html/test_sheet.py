"""The report as a file: what is in it for every kind of run, and that the same run gives the same report."""

import html
import re
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.adapters import htmlreport
from bot.domain.backups import Export
from bot.domain.runs import Run, StepState
from bot.ports import AuditEvent
from bot.views.runs import report_model
from bot.views.runs.html import sheet
from bot.views.runs.html.parts import Bar, Steps
from tests.views import wild
from tests.views.runs.html.incidents import ALL, EVIL, HOSTILE, LONG, PARKED, RECREATED, UNDONE, WENT_WELL, Incident
from tests.views.samples import PLAN
from tests.views.test_limits import quick

FETCHED = re.compile(
    r"<\s*(?:script|img|link|iframe|object|embed|form|base|audio|video|image|use|foreignObject|source)\b|url\(|@import|@font-face"
    r"|\son[a-z]+\s*=\s*[\"']|src\s*=\s*[\"']|href\s*=\s*[\"'](?!#|https?://)",
    re.IGNORECASE,
)


def written(what: Incident) -> str:
    return htmlreport.write(sheet.render(report_model.build(what.run, what.events, what.export))).decode()


def words(what: Incident) -> str:
    """The report as somebody reads it, in one line."""
    body = written(what).partition("<body>")[2]
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", body)).split())


def test_a_report_says_what_was_asked_by_whom_why_and_how_it_ended() -> None:
    shown = words(WENT_WELL)

    assert shown.startswith("Rollback of prod to schema 026 Succeeded Run rk3f9a Asked for /rollback prod 027")
    assert "By an (U0ONCALL) Why flags break booking Schema 027 → 026 App v1.3.0 → v1.2.3" in shown
    assert "App down 22 s Planned downtime about 41 s" in shown


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


def test_a_report_says_what_went_and_where_it_is() -> None:
    shown = words(WENT_WELL)

    assert "view public.active_flags no script: CASCADE took it" in shown
    assert "public.feature_flag_audit_log 1,162 262.1 kB with its table" in shown
    assert "Object physioflow-backups-prod/prod_pre.tar.gz" in shown
    assert f"public.feature_flags 42 900 B exports/rk3f9a/public.feature_flags.csv.gz {'a1' * 32}" in shown


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


def test_a_report_of_a_restore_says_what_came_what_went_and_what_was_odd() -> None:
    shown = words(PARKED)

    assert "What stopped it: smoke-failed: GET /health of physioflow-api answered 503" in shown
    assert "cancelled by binh (U0LEADA)" in shown, "an id means nothing in a file"
    assert "public.appointments 18,204 18,112 -92 public.waitlist 12 0 the whole table goes" in shown
    assert "Replaced database, kept whole as physioflow_prod_backstop_kept_rk3f9a Kept for 7 days" in shown
    assert "found 3 rows of public.invoices break their foreign key" in shown
    assert "App down traffic is not known to be back" in shown


def test_a_report_quotes_what_was_posted_when_people_were_called() -> None:
    shown = words(PARKED)

    assert "restore point before-rk3f9a at 0/9A40128" in shown
    assert (
        "Database log of postgres-0, last lines, values left out LOG: checkpoint starting (2 lines left out)" in shown
    )


def test_a_report_of_an_undoing_says_what_was_taken_back() -> None:
    assert "Undoing of a rollback of prod" in words(RECREATED)
    assert "Objects that come back" in words(RECREATED)
    assert "Takes run rk3f9a back." in words(RECREATED)
    assert "Database that comes back physioflow_prod_backstop_side_rk3f9a" in words(UNDONE)
    assert "No event." in words(UNDONE)


def test_a_report_ends_with_what_proves_it() -> None:
    last = WENT_WELL.events[-1]

    assert f"Plan's digest {PLAN.digest} Last audit event {last.sequence}" in words(WENT_WELL)
    assert f"covers all before it {last.digest}" in words(WENT_WELL)


def test_the_timeline_is_whole_and_to_the_second() -> None:
    shown = words(WENT_WELL)

    assert shown.count(" 2026-02-11 03:0") >= len(WENT_WELL.events)
    assert "2026-02-11 03:02:04 backstop approved" in shown
    assert '<time datetime="2026-02-11T03:02:04Z">' in written(WENT_WELL)
    assert "requested asked for: /rollback prod 027; digest: " + PLAN.short_digest + " " in shown


@pytest.mark.parametrize("name", ALL)
def test_a_report_is_one_file_that_fetches_nothing_and_runs_nothing(name: str) -> None:
    page = written(ALL[name])

    assert page.startswith("<!doctype html>")
    body = page.partition("</style>")[2]
    assert FETCHED.findall(page.partition("<style>")[0] + body) == []
    assert "url(" not in page
    assert "default-src 'none'" in page
    assert written(ALL[name]) == page


def test_nothing_that_was_put_in_is_markup() -> None:
    page = written(HOSTILE)

    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "\u202e" not in page
    assert "{{7*7}}" in page
    assert 'href="javascript' not in page
    assert LONG in words(HOSTILE)
    assert EVIL[:20] in words(HOSTILE)


def test_a_link_that_is_none_cannot_be_followed() -> None:
    events = [replace(event, details={"link": "javascript:alert(1)"}) for event in RECREATED.events[-1:]]

    assert "<a href" not in written(replace(RECREATED, events=events)).partition("<main>")[2]


@quick
@given(wild.runs, wild.events, st.none() | wild.exports)
def test_any_report(run: Run, events: tuple[AuditEvent, ...], export: Export | None) -> None:
    page = written(Incident(run, events, export))

    assert FETCHED.findall(page.partition("</style>")[2]) == []
    assert page.count("<html") == page.count("</html>") == 1
