"""The report put together: what matters first, what proves it last."""

from collections.abc import Sequence

from bot.domain.backups import Export
from bot.domain.runs import Run, RunState
from bot.domain.versions import label
from bot.ports import AuditEvent
from bot.views.kit.text import bare_line, duration
from bot.views.plans import plan as plan_view
from bot.views.plans.kinds import KINDS
from bot.views.runs.html import changes, course
from bot.views.runs.html.parts import BAD, GOOD, WARN, Cell, Facts, Sheet, code, moment, text
from bot.views.runs.html.persons import Persons
from bot.views.runs.report import downtime_s

_OUTCOMES = {
    RunState.SUCCEEDED: ("Succeeded", GOOD),
    RunState.FAILED: ("Failed", BAD),
    RunState.CANCELLED: ("Cancelled", WARN),
    RunState.PARKED: ("Parked: waits for a decision", BAD),
    RunState.VOID: ("Void: could no longer be planned", WARN),
}


def render(run: Run, events: Sequence[AuditEvent], export: Export | None) -> Sheet:
    """Render the report of a run from its audit events (oldest first) and what was exported.

    The same arguments give the same report: there is no time of making in it.
    """
    persons = Persons(events)
    outcome, mark = _OUTCOMES.get(run.state, (run.state.value, WARN))
    sections = [
        course.accounts(events, persons),
        *course.follow_ups(run, events, persons),
        course.checklist(run, persons),
        course.consent(run, events, persons),
        *changes.odd(run),
        changes.plan(run),
        changes.saved(run, export),
        course.timeline(run, events, persons),
        *course.excerpts(events, persons),
    ]
    title = f"{KINDS[run.plan.kind].html_title} {bare_line(run.environment, 60)} to schema {label(run.plan.to_schema)}"
    lead = persons.prose(run.problem, 2000)
    return Sheet(title, outcome, mark, lead, _facts(run, persons), sections, _foot(run, events))


def _facts(run: Run, persons: Persons) -> Facts:
    plan = run.plan
    schema = f"{label(plan.from_schema)} → {label(plan.to_schema)}"
    app = f"{plan.from_app} → {plan.to_app}" if plan.changes_app else f"stays {plan.from_app}"
    took = (run.ended_at - run.started_at).total_seconds() if run.ended_at and run.started_at else None
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
        ("App down", _downtime(run)),
        ("Planned downtime", Cell(f"about {duration(plan.estimate.downtime_s)}")),
    ]
    return Facts(pairs)


def _downtime(run: Run) -> Cell:
    down = downtime_s(run)
    if down is None:
        return Cell("traffic is not known to be back", mark=BAD)
    return Cell(duration(down)) if down else Cell("not at all", mark=GOOD)


def _foot(run: Run, events: Sequence[AuditEvent]) -> Facts:
    last = events[-1] if events else None
    return Facts(
        [
            ("Plan", Cell(plan_view.noun(run.plan))),
            ("Plan's digest", code(run.plan.digest)),
            ("Last audit event", Cell(str(last.sequence) if last else "–", "number")),
            ("Its hash, which covers all before it", code(last.digest if last else "–")),
        ]
    )
