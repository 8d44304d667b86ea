"""Renders the answer to `/migrations ENV`."""

from collections.abc import Sequence
from datetime import datetime

from bot.domain.versions import label
from bot.ports import MigrationRow, Overview
from bot.views.kit.blocks import Block, View, context, header, listing, page, paginate, section
from bot.views.kit.text import ago, code, one_line, paragraph, prose
from bot.views.plans.drill_evidence import back_up

_MAX_ROWS = 8000
_MAX_FAULTS = 1500
_APPLIED = {True: ("✅", ""), False: ("⚪", "(not applied) "), None: ("❔", "")}


def render(overview: Overview) -> View:
    """Render schema and app version, the matrix, and every migration, newest first."""
    name = one_line(overview.environment, 40)
    app = one_line(overview.app_version, 40) or "unknown"
    serving = "serving" if overview.serving else "not serving"
    schema = "schema not known now" if overview.schema is None else f"schema {label(overview.schema)}"
    state = f"*{name}* – {schema}, app {app}, {serving}{_closed(overview)}"
    cold = f"\n❄️ Frozen: {prose(overview.frozen, 300)}" if overview.frozen else ""
    return page(
        f"{name}: {schema}, app {app}",
        [
            header(f"Migrations of {overview.environment}"),
            section(state + cold),
            section(
                listing("*Which app needs which schema*", [f"• {one_line(row, 120)}" for row in overview.matrix], 900)
            ),
            *paginate(_rows(overview.rows, overview.at), _MAX_ROWS),
            *_faults(overview),
            *_example(overview),
        ],
    )


def _closed(overview: Overview) -> str:
    """Explain that the database is closed, and what to do."""
    if overview.schema is not None:
        return ""
    by = f", by run {code(overview.closed_by, 40)}" if overview.closed_by else ", and no run holds it"
    way = "its card shows how far it is" if overview.closed_by else "see `database-closed` in docs/errors.md"
    return f"\n🔒 The database is closed{by}; what is applied cannot be looked up meanwhile: {way}."


def _faults(overview: Overview) -> list[Block]:
    if not overview.faults:
        return []
    lines = [f"• {paragraph(line, 250)}" for line in overview.faults]
    return [section(listing("*⚠ Scripts that cannot be run* – no chain can pass them", lines, _MAX_FAULTS))]


def _example(overview: Overview) -> list[Block]:
    if overview.schema is None:
        return []
    typed = code(f"/rollback {overview.environment} {label(overview.schema)}")
    return [context(f"To undo one and everything newer: {typed}")]


def _rows(rows: Sequence[MigrationRow], at: datetime | None) -> list[str]:
    ranked = sorted(rows, key=lambda row: row.version, reverse=True)
    with_script = [row for row in ranked if row.script is not None]
    without = [label(row.version) for row in ranked if row.script is None]
    lines = [_row(row) + _proven(row, at) for row in with_script]
    if without:
        shown = ", ".join(without[:40]) + (f" and {len(without) - 40} more" if len(without) > 40 else "")  # noqa: PLR2004 -- the slice's length
        lines.append(f"No down script, so a chain cannot pass them: {shown}")
    return lines or ["There are no migrations."]


def _row(row: MigrationRow) -> str:
    mark, words = _APPLIED[row.applied]
    impact = paragraph(row.script.impact, 250) if row.script else ""
    if row.script is not None and row.script.fault is not None:
        impact = "⚠ its script cannot be run"
    return f"{mark} {code(row.name, 100)} {words}– {impact}"


def _proven(row: MigrationRow, at: datetime | None) -> str:
    if at is None:
        return ""
    if row.proof is None:
        return "\n      _no drill has run this script as it is_"
    back = back_up(row.proof.reversible)
    return f"\n      last proven {ago(row.proof.at, at)} by drill {code(row.proof.drill_id, 20)}{back}"
