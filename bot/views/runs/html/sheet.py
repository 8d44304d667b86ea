"""Renders a run's report as the sheet of an HTML file: what matters first, what proves it last."""

from bot.domain.runs import RunState
from bot.domain.versions import label
from bot.views.kit.text import bare_line, duration
from bot.views.plans import plan as plan_view
from bot.views.plans.kinds import KINDS
from bot.views.runs.html import changes, course
from bot.views.runs.html.parts import BAD, GOOD, WARN, Cell, Facts, Persons, Sheet, code, moment, text
from bot.views.runs.report_model import RunReport

_OUTCOMES = {
    RunState.SUCCEEDED: ("Succeeded", GOOD),
    RunState.FAILED: ("Failed", BAD),
    RunState.CANCELLED: ("Cancelled", WARN),
    RunState.PARKED: ("Parked: waits for a decision", BAD),
    RunState.VOID: ("Void: could no longer be planned", WARN),
}


def render(report: RunReport) -> Sheet:
    """Render the whole report; the same model returns the same sheet."""
    run, persons = report.run, Persons(report.names)
    outcome, mark = _OUTCOMES.get(run.state, (run.state.value, WARN))
    sections = [
        course.accounts(report.accounts, persons),
        *course.follow_ups(report, persons),
        course.checklist(run, persons),
        course.votes(report, persons),
        *changes.findings(report),
        changes.plan(run),
        changes.saved(report),
        course.timeline(report.timeline, persons),
        *course.excerpts(report.help_calls, persons),
    ]
    title = f"{KINDS[run.plan.kind].html_title} {bare_line(run.environment, 60)} to schema {label(run.plan.to_schema)}"
    lead = persons.prose(run.problem, 2000)
    return Sheet(title, outcome, mark, lead, _facts(report, persons), sections, _foot(report))


def _facts(report: RunReport, persons: Persons) -> Facts:
    run, plan, took = report.run, report.run.plan, report.took_s
    schema = f"{label(plan.from_schema)} → {label(plan.to_schema)}"
    app = f"{plan.from_app} → {plan.to_app}" if plan.changes_app else f"stays {plan.from_app}"
    pairs = [
        ("Run", code(run.id)),
        ("Asked for", code(plan.asked_for)),
        ("By", text(persons.name(run.requester), 200)),
        ("Why", text(run.reason or "no reason was given", 500)),
        ("Schema", text(schema)),
        ("App", text(app, 200)),
        ("Asked (UTC)", moment(run.created_at)),
        ("Began (UTC)", moment(run.started_at)),
        ("Ended (UTC)", moment(run.ended_at)),
        ("Took", Cell("–" if took is None else duration(took))),
        ("App down", _downtime(report.downtime_s)),
        ("Planned downtime", Cell(f"about {duration(plan.estimate.downtime_s)}")),
    ]
    return Facts(pairs)


def _downtime(down: float | None) -> Cell:
    if down is None:
        return Cell("traffic is not known to be back", mark=BAD)
    return Cell(duration(down)) if down else Cell("not at all", mark=GOOD)


def _foot(report: RunReport) -> Facts:
    run, last = report.run, report.last_event
    return Facts(
        [
            ("Plan", Cell(plan_view.noun(run.plan))),
            ("Plan's digest", code(run.plan.digest)),
            ("Last audit event", Cell(str(last.sequence) if last else "–", "number")),
            ("Its hash, which covers all before it", code(last.digest if last else "–")),
        ]
    )
