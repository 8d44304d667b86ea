"""What a comparison of a kept database with the live one found: counts and a key, never a row."""

from bot.domain.row_recovery import Salvage
from bot.views.kit.blocks import listing
from bot.views.kit.text import code, count, one_line

TABLES_MOST = 1200
SKIPPED_MOST = 900
NAME_MOST = 140


def lines(found: Salvage) -> list[str]:
    """Say what is in the file, what is not, and what to do with it."""
    offered = [table for table in found.tables if table.inserts or table.updates]
    elsewhere = sum(table.only_live for table in found.tables)
    said = [f"{count(found.compared, 'table')} compared: {_sum(found)}."]
    if offered:
        each = [
            f"• {code(table.table, NAME_MOST)}: {count(table.inserts, 'row')} to bring back, {table.updates:,} changed"
            for table in offered
        ]
        said.append(listing("*In the file*", each, TABLES_MOST))
    if found.skipped:
        each = [f"• {code(table.table, NAME_MOST)}: {one_line(table.reason, 200)}" for table in found.skipped]
        said.append(listing("*Not in the file*", each, SKIPPED_MOST))
    if elsewhere:
        said.append(f"{count(elsewhere, 'row')} only in the live database; nothing is offered for them.")
    said.append(f"The SQL is in the environment's bucket as {code(found.key)}: patients' rows, so not in this thread.")
    said.append("Nothing was applied. Review it, then have the owner of the tables run it.")
    return said


def _sum(found: Salvage) -> str:
    inserts = sum(table.inserts for table in found.tables)
    updates = sum(table.updates for table in found.tables)
    if not inserts and not updates:
        return "no row is missing"
    return f"{count(inserts, 'row')} missing, {count(updates, 'row')} with other values"
