"""Renders the Home tab. Times are Slack's own, so that unchanged facts look unchanged (decision 17)."""

from datetime import datetime

from bot.domain.backups import Backup
from bot.domain.drills import Drill
from bot.domain.runs import OPEN, Run, RunState, StepState
from bot.domain.versions import label
from bot.errors import BotError
from bot.ports import EnvironmentSummary, HomeFacts, KeptDatabase
from bot.views.backups.backups import MAX_NAME, STAMP, state
from bot.views.drills.drill import STATES as DRILL_STATES
from bot.views.drills.kinds import KINDS
from bot.views.kit.blocks import Block, View, actions, button, context, divider, header, listing, render_error, section
from bot.views.kit.text import code, count, duration, moment, one_line, person, prose, size
from bot.views.plans import plan as plan_view
from bot.views.runs.card import STATES, approvers

START = "start_rollback"
MAX_ENVIRONMENTS = 24
"""Four blocks each; Slack allows a Home tab 100."""

_TEXT = "Where every environment stands"
_MAX_FOLLOW_UPS = 8
_MAX_KEPT = 5
_MAX_LINES = 2800


def render(facts: HomeFacts) -> View:
    """Render every environment, those with a run first; past the 24th they are counted."""
    ranked = sorted(facts.environments, key=lambda summary: summary.run is None)
    blocks = [block for summary in ranked[:MAX_ENVIRONMENTS] for block in _environment(summary, facts.at)]
    more = len(ranked) - MAX_ENVIRONMENTS
    if more > 0:
        blocks.append(context(f"… and {count(more, 'more environment')}: {code('/rollback status')} shows all runs."))
    if not ranked:
        blocks.append(section("No environment is configured."))
    blocks.append(context(f"{code('/rollback help')} says what can be asked. This page is at most a minute old."))
    return View(_TEXT, blocks)


def render_refusal(error: BotError) -> View:
    """Render a refusal in the place of the facts."""
    blocks = [
        header("Backstop"),
        section("This page shows where databases stand, to full members of the workspace only."),
        *render_error(error).blocks,
    ]
    return View(_TEXT, blocks)


def _environment(summary: EnvironmentSummary, now: datetime) -> list[Block]:
    return [
        header(summary.environment),
        section(listing("", _lines(summary, now), _MAX_LINES)),
        *actions([button("Roll back…", START, summary.environment)]),
        divider(),
    ]


def _lines(summary: EnvironmentSummary, now: datetime) -> list[str]:
    lines = [f"*{_schema(summary)} · {_app(summary)}*"]
    if summary.run is not None:
        lines += _run(summary, summary.run)
    if summary.frozen is not None:
        lines.append(f"❄️ *Frozen:* {prose(summary.frozen, 300)}")
    lines += [f"⚠️ {prose(problem, 300)}" for problem in summary.problems[:6]]
    lines += [*_bundles(summary, now)]
    if summary.last_drill is not None:
        lines.append(_drill(summary.last_drill))
    return [*lines, *_follow_ups(summary), *_kept(summary.kept)]


def _drill(drill: Drill) -> str:
    at = f", {moment(drill.ended_at, STAMP)}" if drill.ended_at else ""
    took = (
        f": {KINDS[drill.kind].timed} {duration(drill.measured.restore_s)}"
        if drill.measured and drill.measured.phases
        else ""
    )
    why = f": {prose(drill.problem, 200)}" if drill.problem else ""
    where = f" of {one_line(drill.environment, 40)}" + (
        f" with a backup of {one_line(drill.bundle_of, 40)}" if drill.bundle_of != drill.environment else ""
    )
    return f"*Last drill:* {DRILL_STATES[drill.state]} {KINDS[drill.kind].noun}{where}{at}{took}{why}"


def _schema(summary: EnvironmentSummary) -> str:
    return f"Schema {label(summary.schema)}" if summary.schema is not None else "Schema not known now"


def _app(summary: EnvironmentSummary) -> str:
    if summary.serving is None:
        return "app not known now"
    version = one_line(summary.app_version, 60) or "of an unknown version"
    return f"app {version}, {'serving' if summary.serving else 'NOT serving'}"


def _run(summary: EnvironmentSummary, run: Run) -> list[str]:
    shown = f"{STATES[run.state]} · {code(run.id, 40)} {plan_view.headline(run.plan)}"
    lines = [f"{shown}, in <#{summary.channel}>, asked for by {person(run.requester)}"]
    if run.state is RunState.PENDING:
        missing = max(0, summary.quorum - len(approvers(run, summary.votes)))
        lines.append(f"      waits for {missing} of {summary.quorum} approvals, expires {_when(run)}")
    step = next((step for step in run.steps if step.state is StepState.RUNNING), None)
    if step is not None and run.state in OPEN:
        done = sum(other.state is StepState.DONE for other in run.steps)
        lines.append(f"      step {done + 1} of {len(run.steps)}: {one_line(step.title, 150)}")
    return [*lines, *([f"      {prose(run.problem, 300)}"] if run.problem else [])]


def _when(run: Run) -> str:
    return moment(run.expires_at, STAMP)


def _bundles(summary: EnvironmentSummary, now: datetime) -> list[str]:
    if summary.newest is None:
        return [] if any("bucket" in problem for problem in summary.problems) else ["Newest backup: there is none"]
    newest = summary.newest
    lines = [f"Newest backup: {_bundle(newest, now)}, {size(newest.stored.size_bytes)}, {state(newest)}"]
    proven = summary.proven
    if proven is None:
        return [*lines, "Last proven restore: none of the newest backups has been restored and compared"]
    when = moment(proven.verified.at, STAMP) if proven.verified is not None else ""
    what = "that one" if proven.name == newest.name else code(str(proven.name), MAX_NAME)
    return [*lines, f"Last proven restore: {what}, restored and compared {when}"]


def _bundle(backup: Backup, now: datetime) -> str:
    # Decision 17: in days only, because a page that changed every second would be sent every second.
    days = (now - backup.name.created_at).days
    old = f", *{days:,} days old*" if days > 1 else ""
    return f"{code(str(backup.name), MAX_NAME)} of {moment(backup.name.created_at, STAMP)}{old}"


def _follow_ups(summary: EnvironmentSummary) -> list[str]:
    lines = [
        f"☐ Plan fix and re-deployment, run {code(run.id, 40)} of {moment(run.created_at, STAMP)}: "
        f"{code(f'/rollback close {run.id} LINK', 60)}"
        for run in summary.follow_ups[::-1][:_MAX_FOLLOW_UPS]
    ]
    more = len(summary.follow_ups) - _MAX_FOLLOW_UPS
    return [*lines, *([f"☐ … and {more:,} more"] if more > 0 else [])]


def _kept(kept: tuple[KeptDatabase, ...]) -> list[str]:
    lines = [
        f"Kept: {code(old.name, 80)}, {size(old.size_bytes)}, until {moment(old.until, STAMP)}: "
        f"{code(f'/rollback undo {old.run_id}', 60)}"
        for old in kept[:_MAX_KEPT]
    ]
    more = len(kept) - _MAX_KEPT
    return [*lines, *([f"… and {count(more, 'more kept database')}"] if more > 0 else [])]
