"""Renders the answer to `/rollback status`: runs, newest first, and freezes."""

from collections.abc import Mapping, Sequence

from bot.domain.runs import OPEN, Run, StepState
from bot.ports import KeptDatabase
from bot.views.buttons import for_follow_up
from bot.views.kit.blocks import Block, View, actions, listing, page, paginate, section
from bot.views.kit.text import code, moment, one_line, person, prose, size
from bot.views.plans import plan as plan_view
from bot.views.runs.card import STATES

_MAX_TEXT = 6500
_MAX_KEPT = 1500
_MAX_FROZEN = 20
_MAX_FOLLOW_UPS = 1800
_WITH_BUTTONS = 3


def render(
    runs: Sequence[Run],
    frozen: Mapping[str, str],
    kept: Sequence[KeptDatabase] = (),
    follow_ups: Sequence[Run] = (),
) -> View:
    """Render open runs, then the others; freezes with person and reason; kept databases; open follow-ups."""
    ranked = sorted(runs, key=lambda run: run.state not in OPEN)
    lines = [line for run in ranked for line in _lines(run)] or ["There has been no run yet."]
    cold = _frozen(frozen)
    held = sum(run.state in OPEN for run in runs)
    text = f"{held} open, {len(runs)} shown" if runs else "There has been no run yet."
    return page(text, [section("*Runs*"), *paginate([*cold, *lines], _MAX_TEXT), *_old(kept), *_open(follow_ups)])


def _frozen(frozen: Mapping[str, str]) -> list[str]:
    """Render a line per freeze; those that do not fit are named."""
    known = sorted(frozen.items())
    lines = [f"❄️ *{one_line(name, 40)}* is frozen: {prose(why, 300)}" for name, why in known[:_MAX_FROZEN]]
    more = [one_line(name, 40) for name, _ in known[_MAX_FROZEN:]]
    listed = ", ".join(more[:_MAX_FROZEN]) + (", …" if len(more) > _MAX_FROZEN else "")
    return [*lines, *([f"❄️ … and {len(more):,} more are frozen: {listed}"] if more else [])]


def _old(kept: Sequence[KeptDatabase]) -> list[Block]:
    lines = [
        f"• *{one_line(old.environment, 40)}* {code(old.name, 80)}, {size(old.size_bytes)}: "
        f"{code(f'/rollback undo {old.run_id}', 60)} until {moment(old.until, '{date_short_pretty} {time}')}"
        for old in sorted(kept, key=lambda old: old.until, reverse=True)
    ]
    return [section(listing("*Kept databases*", lines, _MAX_KEPT))] if lines else []


def _open(follow_ups: Sequence[Run]) -> list[Block]:
    """Render the oldest first, because those get forgotten. The first few have a button each."""
    if not follow_ups:
        return []
    blocks = [section(f"*Fix and re-deployment still to be planned* – {len(follow_ups):,}")]
    for run in follow_ups[:_WITH_BUTTONS]:
        blocks += [section(_follow_up(run)), *actions(for_follow_up(run))]
    rest = [_follow_up(run) for run in follow_ups[_WITH_BUTTONS:]]
    return [*blocks, *([section(listing("", rest, _MAX_FOLLOW_UPS))] if rest else [])]


def _follow_up(run: Run) -> str:
    since = moment(run.ended_at or run.created_at, "{date_short_pretty}")
    return (
        f"🔲 {code(run.id, 40)} *{one_line(run.environment, 40)}* {plan_view.headline(run.plan)}, since {since}: "
        f"{code(f'/rollback close {run.id} LINK', 60)}"
    )


def _lines(run: Run) -> list[str]:
    when = moment(run.ended_at or run.created_at, "{date_short_pretty} {time}")
    first = f"{STATES[run.state]} · {code(run.id, 40)} *{one_line(run.environment, 40)}* {plan_view.headline(run.plan)}"
    lines = [first, f"      asked for by {person(run.requester)} · {when}"]
    now = next((step for step in run.steps if step.state is StepState.RUNNING), None)
    if now is not None:
        lines[1] += f" · now: {one_line(now.title, 150)}"
    return [*lines, *([f"      {prose(run.problem, 300)}"] if run.problem else [])]
