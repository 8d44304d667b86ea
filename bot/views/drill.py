"""A drill's message in its environment's channel: one, from its begin to its result."""

from bot.domain.drills import Drill, DrillState
from bot.domain.runs import Step
from bot.views.blocks import View, context, page, paginate, section
from bot.views.card import MARKS
from bot.views.text import code, duration, moment, one_line, progress, prose

_MARKS = {DrillState.RUNNING: "▶️", DrillState.PASSED: "✅", DrillState.FAILED: "❌"}


def render(drill: Drill) -> View:
    """Render what is practised, how far it is, and how it ended."""
    where = one_line(drill.environment, 40)
    text = f"{_MARKS.get(drill.state, '🗓')} Drill {drill.id} ({drill.kind}) in {where}: {drill.state}"
    problem = [section(f"*What made it red:* {prose(drill.problem, 900)}")] if drill.problem else []
    steps = paginate([_line(step) for step in drill.steps], 7000)
    begun = drill.started_at or drill.start_at
    small = f"{code(drill.id, 20)} · bundle of {one_line(drill.bundle_of, 40)} · begun {moment(begun)}"
    return page(text, [section(f"*{text}*"), *problem, *steps, context(small)])


def _line(step: Step) -> str:
    took = duration(max(0.0, step.elapsed_s)) if step.elapsed_s is not None else ""
    pace = progress(step.progress) if step.progress else took
    extra = [part for part in (pace, prose(" ".join(step.detail.split()), 500)) if part]
    return f"{MARKS[step.state]} {one_line(step.title, 150)}" + (f" – {' · '.join(extra)}" if extra else "")
