"""Lists objects and rows that go or come back: what scripts name apart from what CASCADE takes."""

from collections import Counter
from collections.abc import Mapping, Sequence

from bot.domain.planned import PlannedDrop, PlannedRows
from bot.views.kit.blocks import listing
from bot.views.kit.text import code, count, one_line, size

MAX_LENGTH = 1700
_MAX_ROWS = 1100
_IMPLIED = frozenset({"type", "composite type", "rule", "default value", "toast table", "publication filter"})
"""Parts that every relation has and nobody made by hand."""
_PLURALS = {"index": "indexes", "policy": "policies"}
_ORDER = ("table", "partitioned table", "materialized view", "view", "function", "trigger", "sequence", "type")


def describe(drops: Sequence[PlannedDrop], title: str = "What is dropped") -> str:
    """List in one section what goes. CASCADE's victims come first, so that a long list never hides them."""
    if not drops:
        return f"*{title}* – nothing."
    parts = _fold(drops)[1]
    shown = wholes(drops)
    return listing(f"*{title}* – {_sum_up(shown)}", [_line(drop, parts) for drop in shown], MAX_LENGTH)


def list_rows(
    rows: Sequence[PlannedRows], title: str, changed: str, reasons: Mapping[str, str], *, sized: bool = False
) -> str:
    """List rows that go or come back, most first, under their sum.

    Args:
        rows: of the plan.
        title: of the section.
        changed: names what happens to rows of tables that stay.
        reasons: the end of a line by `PlannedRows.reason`.
        sized: the sum has the rows' size as well.
    """
    whole = [row for row in rows if row.all_go]
    total = f"{sum(row.rows for row in whole):,} in all" if whole else ""
    total += f", {size(sum(row.size_bytes for row in whole))}" if whole and sized else ""
    sums = "; and ".join(part for part in (total, changed if len(whole) < len(rows) else "") if part)
    ranked = sorted(rows, key=lambda row: (row.reason == "derived", -row.rows, row.table))
    return listing(f"*{title}* – {sums}", [_row(row) + reasons.get(row.reason, "") for row in ranked], _MAX_ROWS)


def sum_up_rows(rows: Sequence[PlannedRows]) -> tuple[str, int]:
    """Return a count of the rows that all go or come back, and the number of tables of which only some do."""
    changed = sum(not row.all_go for row in rows)
    return count(sum(row.rows for row in rows if row.all_go), "row"), changed


def _row(row: PlannedRows) -> str:
    rows = count(row.rows, "value" if row.reason == "column" else "row")
    return f"• {code(row.table)} {rows if row.all_go else f'a table with {rows}'}, {size(row.size_bytes)}"


def wholes_in(drops: Sequence[PlannedDrop]) -> int:
    """Count the objects that go by themselves, not as a part of another that goes."""
    return len(_fold(drops)[0])


def wholes(drops: Sequence[PlannedDrop]) -> list[PlannedDrop]:
    """Return what goes by itself, CASCADE's victims first."""
    return sorted(_fold(drops)[0], key=lambda drop: (drop.named, _rank(drop), drop.identity))


def _fold(drops: Sequence[PlannedDrop]) -> tuple[list[PlannedDrop], dict[str, list[PlannedDrop]]]:
    """Split into what goes by itself and, by relation, the parts that go with one."""
    gone = {drop.identity for drop in drops}
    roots = {drop.identity for drop in drops if drop.part_of not in gone}
    owners = {drop.identity: drop.part_of for drop in drops if drop.identity not in roots}
    wholes: list[PlannedDrop] = []
    parts: dict[str, list[PlannedDrop]] = {}
    for drop in drops:
        root = _root(drop.part_of, roots, owners) if drop.part_of in gone else ""
        if root:
            parts.setdefault(root, []).append(drop)
        else:
            wholes.append(drop)
    return wholes, parts


def _root(name: str, roots: set[str], owners: dict[str, str]) -> str:
    seen: set[str] = set()
    while name not in roots:
        if name in seen:  # parts of each other: then each is shown by itself
            return ""
        seen.add(name)
        name = owners[name]
    return name


def _sum_up(wholes: Sequence[PlannedDrop]) -> str:
    named = Counter(_kind(drop) for drop in wholes if drop.named)
    taken = Counter(_kind(drop) for drop in wholes if not drop.named)
    words = _counts(named)
    if taken:
        words += ("; " if words else "") + f"⚠ {_counts(taken)} by CASCADE, which no script names"
    return words


def _counts(kinds: Counter[str]) -> str:
    shown = [plural(number, kind) for kind, number in sorted(kinds.items(), key=lambda item: (-item[1], item[0]))]
    return ", ".join(shown[:6]) + (" and others" if len(shown) > 6 else "")  # noqa: PLR2004 -- the slice's own length


def plural(number: int, kind: str) -> str:
    """Count objects of a kind: ``2 indexes``, ``1 policy``."""
    last = kind.rsplit(" ", 1)[-1]
    return count(number, kind, kind[: -len(last)] + _PLURALS[last] if last in _PLURALS else "")


def _line(drop: PlannedDrop, parts: dict[str, list[PlannedDrop]]) -> str:
    mark, tail = ("•", "") if drop.named else ("⚠", " – taken by CASCADE")
    again = " – another of this name is made" if drop.remade else ""
    stays = f" of {code(drop.part_of)}, which stays" if drop.part_of and drop.part_of not in drop.identity else ""
    return f"{mark} {_kind(drop)} {code(drop.identity)}{stays}{_with(parts.get(drop.identity, []))}{tail}{again}"


def _with(parts: Sequence[PlannedDrop]) -> str:
    visible = [part for part in parts if part.kind not in _IMPLIED]
    triggers = [code(part.identity.split(" on ", 1)[0], 80) for part in visible if part.kind == "trigger"]
    others = _counts(Counter(_part_kind(part) for part in visible if part.kind != "trigger"))
    named = ", ".join(f"trigger {name}" for name in triggers[:3])
    more = f"{len(triggers) - 3} more triggers" if len(triggers) > 3 else ""  # noqa: PLR2004 -- the slice's own length
    words = ", ".join(part for part in (named, more, others) if part)
    return f" with {words}" if words else ""


def _part_kind(part: PlannedDrop) -> str:
    return "publication membership" if part.kind == "publication relation" else _kind(part).rsplit(" ", 1)[-1]


def _kind(drop: PlannedDrop) -> str:
    return one_line(drop.kind.removeprefix("table ") if drop.kind != "table" else drop.kind, 40) or "object"


def _rank(drop: PlannedDrop) -> int:
    return _ORDER.index(drop.kind) if drop.kind in _ORDER else len(_ORDER)
