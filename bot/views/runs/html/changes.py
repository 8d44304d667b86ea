"""Renders the plan, the findings and the saved rows of an HTML report."""

from datetime import timedelta

from bot.domain.changes import How
from bot.domain.planned import PlannedChange, PlannedRestore
from bot.domain.plans import ChainPlan, Plan, SchemaPlan, SwapPlan, UndoRollbackPlan
from bot.domain.runs import Run
from bot.planning.kinds import is_retired, saved_backup
from bot.views.kit.text import bare_line, size, span
from bot.views.plans import changes, drops
from bot.views.plans.kinds import KINDS
from bot.views.runs.html.parts import (
    QUIET,
    WARN,
    Cell,
    Facts,
    Note,
    Part,
    Section,
    checksum,
    code,
    moment,
    number,
    table,
    text,
)
from bot.views.runs.report_model import Change, RunReport

_HOW = {
    "dropped": "with its table",
    "column": "a column's values; the table stays",
    "changed": "the whole table; scripts change or delete some or all of it",
    "derived": "derived, can be computed again",
}


def plan(run: Run) -> Section:
    """Render the plan: scripts, objects, rows, locks, workloads."""
    planned = run.plan
    schema = planned if isinstance(planned, SchemaPlan) else None
    parts: list[Part] = [*(_scripts(schema) if schema else []), *_source(planned)]
    parts += [*_objects(schema), *_changes(planned), *_rows(schema)] if schema else _lost_rows(planned)
    return Section("plan", "What was planned", [*parts, *_workloads(planned), *_locks(planned)])


def saved(report: RunReport) -> Section:
    """Render what was saved, and where it is."""
    parts = [*_backup(report), *_exported(report), *_kept(report)]
    return Section("saved", "What was saved, and where", parts or [Note("Nothing had to be saved.", QUIET)])


def findings(report: RunReport) -> list[Section]:
    """Render what the plan warned of, what the verification found, what could not be copied."""
    lines = [
        *(("known before", line) for line in report.run.plan.warnings),
        *(("found", line) for line in report.findings),
        *(("not copied", line) for line in report.not_copied),
    ]
    rows = [[text(when), text(line, 600)] for when, line in lines]
    return [Section("findings", "Look at this", table("Findings", ("When", "What"), rows))] if rows else []


def _scripts(planned: SchemaPlan) -> list[Part]:
    rows = [
        [code(script.name, 120), text(script.impact, 500), number(str(script.statements)), checksum(script.sha256)]
        for script in planned.scripts
    ]
    return table(
        KINDS[planned.kind].captions.scripts,
        ("Migration", "What undoing it does", "Statements", "sha256 of the script"),
        rows,
    )


def _source(planned: Plan) -> list[Part]:
    if isinstance(planned, SwapPlan):
        come = planned.restore
        what = "Database that comes back" if planned.undoes else "Backup"
        pairs = [
            (what, code(come.incoming if planned.undoes else come.backup)),
            ("Replaced" if planned.undoes else "Taken", moment(come.created_at)),
            ("Verified before", text(come.verified or "never")),
            ("Compared before the swap with", text(come.proof or "see the steps")),
            ("sha256", checksum(come.sha256)),
            ("The replaced database is called", code(come.outgoing) if come.outgoing else text("there was none")),
        ]
        skipped = {"Verified before", "Compared before the swap with", "sha256"} if planned.undoes else set()
        return [Facts([pair for pair in pairs if pair[0] not in skipped]), *_undoes(planned)]
    if isinstance(planned, UndoRollbackPlan):
        source = planned.source
        pairs = [
            ("Structure from", code(source.backup)),
            ("Taken", moment(source.created_at)),
            ("Rows from", code(source.export or "no rows had to be saved")),
        ]
        return [Facts(pairs), *_undoes(planned)]
    return []


def _undoes(planned: Plan) -> list[Part]:
    return [Note(f"Takes run {bare_line(planned.undoes, 40)} back.")] if planned.undoes else []


def _objects(planned: SchemaPlan) -> list[Part]:
    rows = [[text(drop.kind), code(drop.identity), _taken_by(named=drop.named)] for drop in drops.wholes(planned.drops)]
    return table(KINDS[planned.kind].captions.objects, ("Kind", "Object", "Named by"), rows)


def _changes(planned: Plan) -> list[Part]:
    if not isinstance(planned, ChainPlan):
        return []
    renames = [
        [text(item.kind), code(item.identity), code(item.to), number("" if item.rows is None else f"{item.rows:,}")]
        for item in planned.renames
    ]
    shown = changes.wholes(planned.changes or ())
    rows = [[text(item.kind), code(item.identity), _how(item), text("; ".join(item.words), 600)] for item in shown]
    return [
        *table("Objects renamed", ("Kind", "Object", "New name", "Rows that stay"), renames),
        *table("Objects that come or change", ("Kind", "Object", "", "How"), rows),
    ]


def _how(item: PlannedChange) -> Cell:
    return Cell("new" if item.how == How.CREATED else "changed", mark=WARN if item.alarms else "")


def _taken_by(*, named: bool) -> Cell:
    return Cell("a script") if named else Cell("no script: CASCADE took it", mark=WARN)


def _rows(planned: SchemaPlan) -> list[Part]:
    ranked = sorted(planned.rows, key=lambda row: (row.reason == "derived", -row.rows, row.table))
    rows = [
        [code(row.table), number(f"{row.rows:,}"), number(size(row.size_bytes)), text(_HOW.get(row.reason, row.reason))]
        for row in ranked
    ]
    return table(KINDS[planned.kind].captions.rows, ("Table", "Rows", "Size", "How"), rows)


def _lost_rows(planned: Plan) -> list[Part]:
    if not isinstance(planned, SwapPlan):
        return []
    come = planned.restore
    if not come.compared:
        return [Note("Rows written since go; how many is unknown.", WARN)]
    rows = [
        [
            code(loss.table),
            number(f"{loss.rows_now:,}"),
            number(f"{loss.rows_then:,}"),
            Cell("the whole table goes", mark=WARN) if loss.gone else number(f"{loss.rows_then - loss.rows_now:+,}"),
        ]
        for loss in come.losses
    ]
    return table("Rows before and after", ("Table", "Before", "After", "Difference"), rows) or [
        Note("Every table had as many rows before as after.", QUIET)
    ]


def _workloads(planned: Plan) -> list[Part]:
    rows = [
        [code(work.deployment), code(work.image), code(work.target_image), number(str(work.replicas))]
        for work in planned.workloads
    ]
    return table("The app", ("Deployment", "Image before", "Image afterwards", "Replicas"), rows)


def _locks(planned: Plan) -> list[Part]:
    locks = planned.locks if isinstance(planned, ChainPlan) else ()
    rows = [[code(lock.relation), code(lock.mode)] for lock in locks]
    return table("Tables that stay and were to be locked", ("Table", "Lock"), rows)


def _backup(report: RunReport) -> list[Part]:
    data = report.backup
    if not data.get("backup"):
        return []
    where = f"{report.run.plan.saves_to}/{data.get('key', '')}"
    return [Facts([("Emergency backup", code(data["backup"])), ("Object", code(where))])]


def _exported(report: RunReport) -> list[Part]:
    run, export = report.run, report.export
    if export is None:
        done = report.exported
        return [Note(f"Rows: {bare_line(done, 200)}, in {bare_line(run.plan.saves_to, 120)}.")] if done else []
    rows = [
        [
            code(item.table),
            number(f"{item.rows:,}"),
            number(size(item.size_bytes)),
            code(item.key),
            checksum(item.sha256),
        ]
        for item in export.tables
    ]
    caption = f"Rows in {bare_line(run.plan.saves_to, 120)}, read back and counted"
    return table(caption, ("Table", "Rows", "Size", "Object", "sha256"), rows)


def _kept(report: RunReport) -> list[Part]:
    run = report.run
    if not isinstance(run.plan, SwapPlan):
        return []
    come = run.plan.restore
    if is_retired(run):
        return [_kept_in_place(report)]
    if report.change is Change.UNKNOWN:
        return [Note("Whether the databases were swapped is not known: look at their names first.", WARN)]
    if report.change is Change.NONE:
        return [Note("The databases were not swapped: the live one is the one from before.", QUIET)]
    if not come.outgoing:
        return [Note("There was no database before, so none is kept.", QUIET)]
    return [Facts([("Replaced database, kept whole as", code(come.outgoing)), ("Kept for", _kept_for(run, come))])]


def _kept_in_place(report: RunReport) -> Part:
    if not saved_backup(report.run):
        return Note("No emergency backup was taken, and nothing was replaced.", QUIET)
    if report.change is Change.UNKNOWN:
        return Note("Whether the content was replaced is not known: look at the database first.", WARN)
    if report.change is Change.NONE:
        return Note("Nothing was replaced: the old content is as it was.", QUIET)
    return Note("The old content is in the emergency backup, which can be restored like any other.")


def _kept_for(run: Run, come: PlannedRestore) -> Cell:
    ended = run.ended_at
    until = f", until about {ended + timedelta(seconds=come.keep_s):%Y-%m-%d %H:%M} UTC" if ended else ""
    return Cell(span(come.keep_s) + until)
