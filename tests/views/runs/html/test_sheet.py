"""The report as a file: what is in it for every kind of run, and that the same run gives the same report."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.backups import Export
from bot.domain.runs import Run
from bot.ports import AuditEvent
from tests.views import wild
from tests.views.checking import quick
from tests.views.runs.html.incidents import ALL, WENT_WELL, Incident
from tests.views.runs.html.reading import words, written
from tests.views.samples import PLAN

FETCHED = re.compile(
    r"<\s*(?:script|img|link|iframe|object|embed|form|base|audio|video|image|use|foreignObject|source)\b|url\(|@import|@font-face"
    r"|\son[a-z]+\s*=\s*[\"']|src\s*=\s*[\"']|href\s*=\s*[\"'](?!#|https?://)",
    re.IGNORECASE,
)


def test_a_report_says_what_was_asked_by_whom_why_and_how_it_ended() -> None:
    shown = words(WENT_WELL)

    assert shown.startswith("Rollback of prod to schema 026 Succeeded Run rk3f9a Asked for /rollback prod 027")
    assert "By an (U0ONCALL) Why flags break booking Schema 027 → 026 App v1.3.0 → v1.2.3" in shown
    assert "App down 22 s Planned downtime about 41 s" in shown


def test_a_report_ends_with_what_proves_it() -> None:
    last = WENT_WELL.events[-1]

    assert f"Plan's digest {PLAN.digest} Last audit event {last.sequence}" in words(WENT_WELL)
    assert f"covers all before it {last.digest}" in words(WENT_WELL)


@pytest.mark.parametrize("name", ALL)
def test_a_report_is_one_file_that_fetches_nothing_and_runs_nothing(name: str) -> None:
    page = written(ALL[name])

    assert page.startswith("<!doctype html>")
    body = page.partition("</style>")[2]
    assert FETCHED.findall(page.partition("<style>")[0] + body) == []
    assert "url(" not in page
    assert "default-src 'none'" in page
    assert written(ALL[name]) == page


@quick
@given(wild.runs, wild.events, st.none() | wild.exports)
def test_any_report(run: Run, events: tuple[AuditEvent, ...], export: Export | None) -> None:
    page = written(Incident(run, events, export))

    assert FETCHED.findall(page.partition("</style>")[2]) == []
    assert page.count("<html") == page.count("</html>") == 1
