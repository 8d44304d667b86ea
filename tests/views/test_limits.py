"""Checks that Slack accepts every rendered message, and that none mentions people by accident, whatever the input."""

from datetime import datetime

from hypothesis import given
from hypothesis import strategies as st

from bot.domain.approvals import Vote
from bot.domain.backups import Export
from bot.domain.drill_reports import DrillReport
from bot.domain.drills import Alert, Drill, DrillState, Standing
from bot.domain.jobs import Job
from bot.domain.runs import OPEN, Run, RunState
from bot.errors import PermanentError
from bot.planning.kinds import is_retired
from bot.ports import (
    AuditEvent,
    BackupDetails,
    BackupListing,
    Escalation,
    HomeFacts,
    KeptDatabase,
    NewestBackups,
    Overview,
)
from bot.sandbox.slack.blocks import surfaces
from bot.views.backups import backups, job
from bot.views.drills import drill, drill_list
from bot.views.drills import report as drillreport
from bot.views.kit import command_help
from bot.views.runs import approval_request, card, escalation, modals, report, report_model
from bot.views.status import home, migrations, status
from tests.views import wild
from tests.views.checking import check, check_markup, quick
from tests.views.samples import buttons


@quick
@given(wild.runs, wild.votes, st.integers(1, 10), st.booleans())
def test_any_card(run: Run, votes: tuple[Vote, ...], quorum: int, production: bool) -> None:  # noqa: FBT001 -- generated
    view = card.render(run, votes, quorum, production=production)

    check(view)
    assert ("retry" in buttons(view)) == (run.state is RunState.PARKED and not is_retired(run))


@quick
@given(wild.runs, wild.votes, st.integers(1, 10), st.booleans())
def test_any_request_keeps_its_buttons(run: Run, votes: tuple[Vote, ...], quorum: int, production: bool) -> None:  # noqa: FBT001 -- generated
    view = approval_request.render(run, votes, quorum, production=production)

    check(view)
    assert ("approve" in buttons(view)) == (run.state is RunState.PENDING and not is_retired(run))
    assert ("reject" in buttons(view)) == (run.state is RunState.PENDING)


@quick
@given(wild.runs, wild.words, wild.many(wild.words))
def test_any_change(run: Run, digest: str, differences: tuple[str, ...]) -> None:
    check(approval_request.render_void(run, digest, differences))
    check(approval_request.render_changed(run, digest, differences))


@quick
@given(wild.runs, wild.events, st.none() | wild.exports)
def test_any_report(run: Run, events: tuple[AuditEvent, ...], export: Export | None) -> None:
    view = report.render(report_model.build(run, events, export))

    check(view)
    over = run.state not in {RunState.PENDING, RunState.APPROVED, RunState.RUNNING}
    assert ("document" in buttons(view)) == over


@quick
@given(wild.runs, wild.escalations)
def test_any_escalation(run: Run, what: Escalation) -> None:
    check(escalation.render(run, what))


@quick
@given(st.lists(wild.runs, max_size=3), st.dictionaries(wild.words, wild.words, max_size=4), wild.many(wild.kept))
def test_any_status(runs: list[Run], frozen: dict[str, str], kept: tuple[KeptDatabase, ...]) -> None:
    view = status.render(runs * 10, frozen, kept, runs * 20)

    check(view)
    assert view.text.startswith(f"{10 * sum(run.state in OPEN for run in runs)} open") or not runs


@quick
@given(wild.overviews)
def test_any_overview(what: Overview) -> None:
    check(migrations.render(what))


@quick
@given(st.lists(wild.words, max_size=50))
def test_any_manual(environments: list[str]) -> None:
    check(command_help.render(environments))
    check(command_help.render_backups(environments))
    check(command_help.render_drills(environments))


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
@given(wild.jobs)
def test_any_job(what: Job) -> None:
    check(job.render(what))


def test_the_modal_is_one_that_slack_opens() -> None:
    assert surfaces.view_problems(modals.render_follow_up("rk3f9a", "{}"), "modal") == []
    assert surfaces.view_problems(modals.render_notes("rk3f9a", "{}"), "modal") == []


@quick
@given(wild.homes)
def test_any_home_tab(facts: HomeFacts) -> None:
    blocks = list(home.render(facts).blocks)

    assert surfaces.view_problems({"type": "home", "blocks": blocks}, "home") == []
    check_markup(blocks)
    rows = [block for block in blocks if block["type"] == "actions"]
    assert len(rows) == min(len(facts.environments), home.MAX_ENVIRONMENTS)


@quick
@given(wild.words, wild.words, wild.words)
def test_any_refused_home_tab(reference: str, message: str, hint: str) -> None:
    blocks = list(home.render_refusal(PermanentError(reference, message, hint)).blocks)

    assert surfaces.view_problems({"type": "home", "blocks": blocks}, "home") == []
    check_markup(blocks)


@quick
@given(wild.drills)
def test_any_drill_keeps_its_buttons(what: Drill) -> None:
    view = drill.render(what)

    check(view)
    assert ("skip_drill" in buttons(view)) == (what.state is DrillState.PLANNED)
    assert buttons(drill.render(what, steer=False)) == {}


@quick
@given(wild.drills, wild.many(wild.words))
def test_any_news_of_a_drill(what: Drill, contacts: tuple[str, ...]) -> None:
    check(drill.render_start(what))
    check(drill.render_failure(what, contacts))


@quick
@given(st.lists(wild.drills, min_size=1, max_size=4))
def test_any_missed_drills(missed: list[Drill]) -> None:
    check(drill.render_missed(missed * 300))


@quick
@given(wild.alerts, wild.many(wild.words), wild.maybe)
def test_any_alert(alert: Alert, contacts: tuple[str, ...], passed_at: datetime | None) -> None:
    check(drill.render_overdue(alert, contacts))
    check(drill.render_relieved(alert, passed_at))


@quick
@given(st.lists(wild.standings, max_size=4), st.lists(wild.drills, max_size=4))
def test_any_list_of_drills(standings: list[Standing], drills: list[Drill]) -> None:
    check(drill_list.render(standings * 10, drills * 5))
