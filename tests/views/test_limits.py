"""Whatever is put in, Slack accepts what comes out, and nothing in it mentions anybody we did not mean."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.domain.approvals import Vote
from bot.domain.backups import Export
from bot.domain.chores import Chore
from bot.domain.drillreports import DrillReport
from bot.domain.runs import OPEN, Run, RunState
from bot.errors import PermanentError
from bot.ports import (
    AuditEvent,
    BackupDetails,
    BackupListing,
    Escalation,
    KeptDatabase,
    NewestBackups,
    Overview,
)
from bot.sandbox.slack.blocks import surfaces
from bot.views import (
    backups,
    card,
    chore,
    drillreport,
    escalation,
    followup,
    manual,
    overview,
    refusal,
    report,
    request,
    status,
)
from bot.views.blocks import View
from tests.views import wild
from tests.views.samples import buttons

quick = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)
OURS = re.compile(r"<!date\^\d+\^[^|<>]+\|[^<>]+>|<@[UW][A-Z0-9]+>")


def check(view: View) -> None:
    """Fail on anything Slack would refuse, and on any markup that is not ours."""
    blocks = list(view.blocks)
    assert surfaces.message_problems(blocks) == []
    assert surfaces.characters(blocks) <= 13_200
    assert 0 < len(view.text) <= 4000
    for text in [view.text, *_texts(blocks)]:
        assert not set("<>") & set(OURS.sub("", text))
        assert not re.search(r"&(?!amp;|lt;|gt;)", text)


def _texts(value: Any) -> list[str]:
    if isinstance(value, Mapping):
        return [value["text"]] if isinstance(value.get("text"), str) else [t for v in value.values() for t in _texts(v)]
    return [text for item in value for text in _texts(item)] if isinstance(value, list) else []


@quick
@given(wild.runs, wild.votes, st.integers(1, 10), st.booleans())
def test_any_card(run: Run, votes: tuple[Vote, ...], quorum: int, production: bool) -> None:  # noqa: FBT001 -- generated
    view = card.render(run, votes, quorum, production=production)

    check(view)
    assert ("retry" in buttons(view)) == (run.state is RunState.PARKED)


@quick
@given(wild.runs, wild.votes, st.integers(1, 10), st.booleans())
def test_any_request_keeps_its_buttons(run: Run, votes: tuple[Vote, ...], quorum: int, production: bool) -> None:  # noqa: FBT001 -- generated
    view = request.render(run, votes, quorum, production=production)

    check(view)
    assert ("approve" in buttons(view)) == (run.state is RunState.PENDING)


@quick
@given(wild.runs, wild.words, wild.many(wild.words))
def test_any_change(run: Run, digest: str, differences: tuple[str, ...]) -> None:
    check(request.render_void(run, digest, differences))
    check(request.render_changed(run, digest, differences))


@quick
@given(wild.runs, wild.events, st.none() | wild.exports)
def test_any_report(run: Run, events: tuple[AuditEvent, ...], export: Export | None) -> None:
    check(report.render(run, events, export))


@quick
@given(wild.runs, wild.escalations)
def test_any_escalation(run: Run, what: Escalation) -> None:
    check(escalation.render(run, what))


@quick
@given(st.lists(wild.runs, max_size=3), st.dictionaries(wild.words, wild.words, max_size=4), wild.many(wild.kept))
def test_any_status(runs: list[Run], frozen: dict[str, str], kept: tuple[KeptDatabase, ...]) -> None:
    view = status.render(runs * 10, frozen, kept)

    check(view)
    assert view.text.startswith(f"{10 * sum(run.state in OPEN for run in runs)} open") or not runs


@quick
@given(wild.overviews)
def test_any_overview(what: Overview) -> None:
    check(overview.render(what))


@quick
@given(wild.words, wild.words, wild.words)
def test_any_refusal_and_note(reference: str, message: str, hint: str) -> None:
    check(refusal.render(PermanentError(reference, message, hint)))
    check(refusal.plain(message))
    check(refusal.note(message))


@quick
@given(st.lists(wild.words, max_size=50))
def test_any_manual(environments: list[str]) -> None:
    check(manual.render(environments))
    check(manual.render_backups(environments))


@quick
@given(wild.listings)
def test_any_list_of_backups_keeps_its_buttons(what: BackupListing) -> None:
    view = backups.render(what)

    check(view)
    assert ("older_backups" in buttons(view)) == (what.page.next_offset is not None)
    assert ("newer_backups" in buttons(view)) == (what.offset > 0)
    rows = [block for block in view.blocks if block["type"] == "actions"]
    assert len(rows) == len(what.page.backups) + (what.offset > 0 or what.page.next_offset is not None)


@quick
@given(wild.details)
def test_any_backup(what: BackupDetails) -> None:
    view = backups.render_details(what)

    check(view)
    assert "verify_backup" in buttons(view)


@quick
@given(wild.drill_reports, st.booleans())
def test_any_drill_report(what: DrillReport, pictured: bool) -> None:  # noqa: FBT001 -- generated
    check(drillreport.render(what, pictured=pictured))


@quick
@given(wild.newest, wild.moments)
def test_any_newest_backups(what: tuple[NewestBackups, ...], at: datetime) -> None:
    check(backups.render_newest(what, at))


@quick
@given(wild.chores)
def test_any_chore(what: Chore) -> None:
    check(chore.render(what))


def test_the_modal_is_one_that_slack_opens() -> None:
    assert surfaces.view_problems(followup.modal("rk3f9a", "{}"), "modal") == []
