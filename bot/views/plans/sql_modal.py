"""Shows the SQL that a plan runs, statement by statement, and everything that differs afterwards, in a modal."""

from collections.abc import Iterator, Mapping, Sequence

from bot.domain.migrations import DownScript
from bot.domain.planned import PlannedScript
from bot.domain.plans import ChainPlan, Plan
from bot.views.kit.blocks import Block, context, divider, paginate, section
from bot.views.kit.text import code, count, escape, one_line, printable
from bot.views.plans import changes, drops

CALLBACK_ID = "plan_sql"
_MAX_CHUNK = 2700
_MAX_BLOCKS = 90
_MAX_LISTED = 8000
_MAX_CHARACTERS = 120_000


def render(plan: Plan, scripts: Sequence[DownScript]) -> Block:
    """Build the modal; `scripts` are those of the plan whose files are unchanged."""
    by_version = {script.version: script for script in scripts}
    planned = plan.scripts if isinstance(plan, ChainPlan) else ()
    about = (
        f"Plan `{plan.short_digest}`. These statements run as they stand here, in one transaction; a script's own "
        "BEGIN and COMMIT, and what it does to the tracking table, are taken out: Backstop does both."
    )
    blocks = [section(about)] if planned else [section("This plan runs no script.")]
    for script in planned:
        blocks += [divider(), *_script(script, by_version)]
    blocks = _fit(blocks, reserved=_MAX_LISTED)
    if isinstance(plan, ChainPlan):
        blocks += [divider(), *_everything(plan)]
    return {
        "type": "modal",
        "callback_id": CALLBACK_ID,
        "title": {"type": "plain_text", "text": "The SQL that will run"},
        "close": {"type": "plain_text", "text": "Close"},
        "blocks": blocks[:100],
    }


def _script(planned: PlannedScript, loaded: Mapping[int, DownScript]) -> Iterator[Block]:
    script = loaded.get(planned.version)
    yield section(f"*{one_line(planned.name, 120)}* – {count(planned.statements, 'statement')}")
    yield context(f"sha256 {code(planned.sha256, 80)}")
    if script is None:
        yield section("⚠ Its file is another than the planned one, or gone. This plan will not run: ask again.")
        return
    for chunk in _chunks("\n".join(f"{statement.sql};" for statement in script.statements)):
        yield section(f"```\n{chunk}\n```")


def _chunks(sql: str) -> Iterator[str]:
    """Split SQL at the ends of lines, each part short enough for a section once it is escaped."""
    kept = ""
    for line in printable(sql.replace("```", "'''")).split("\n"):
        for part in _parts(line):
            if kept and len(kept) + 1 + len(part) > _MAX_CHUNK:
                yield kept
                kept = ""
            kept += ("\n" if kept else "") + part
    if kept:
        yield kept


def _parts(line: str) -> Iterator[str]:
    """Escape a line, cut where it is longer than a section."""
    size = _MAX_CHUNK // len("&amp;")
    whole = escape(line)
    if len(whole) <= _MAX_CHUNK:
        yield whole
    else:
        yield from (escape(line[at : at + size]) for at in range(0, len(line), size))


def _fit(blocks: list[Block], reserved: int) -> list[Block]:
    kept: list[Block] = []
    room = _MAX_CHARACTERS - reserved
    for block in blocks:
        room -= len(str(block))
        if room < 0 or len(kept) == _MAX_BLOCKS:
            kept.append(context("⚠ The rest does not fit here: read it in the scripts' files, which the sha256 name."))
            break
        kept.append(block)
    return kept


def _everything(plan: ChainPlan) -> list[Block]:
    lines = [f"• gone: {one_line(drop.kind, 40)} {code(drop.identity, 160)}" for drop in drops.wholes(plan.drops)]
    lines += [f"• renamed: {changes.rename_line(rename)}" for rename in plan.renames]
    lines += [changes.change_line(change) for change in changes.wholes(plan.changes or ())]
    title = "*Everything that differs afterwards*, parts of what is named left out"
    return paginate([title, *(lines or ["nothing"])], _MAX_LISTED)
