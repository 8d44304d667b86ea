"""Lists what comes, what changes and what gets another name: what people feel most, and every alarm, first."""

from collections import Counter
from collections.abc import Sequence

from bot.domain.changes import How
from bot.domain.planned import PlannedChange, PlannedRename
from bot.views.kit.blocks import listing
from bot.views.kit.text import code, count, one_line
from bot.views.plans.drops import plural

_MAX_CHANGES = 1000
_MAX_RENAMES = 600
_MAX_WORDS = 240
_PARTS = frozenset({"table column", "foreign table column", "index", "table constraint", "sequence"})


def describe(changes: Sequence[PlannedChange] | None, title: str = "What comes and what changes") -> str:
    """List in one section what is new or another afterwards; "" where an old release has not noted it."""
    if changes is None or any(not change.how for change in changes):
        return ""
    shown = wholes(changes)
    if not shown:
        return f"*{title}* – nothing."
    parts = _parts(changes)
    return listing(f"*{title}* – {sum_up(shown)}", [_line(change, parts) for change in shown], _MAX_CHANGES)


def describe_renames(renames: Sequence[PlannedRename], title: str = "What gets another name") -> str:
    """List in one section what is renamed and stays the same; "" for nothing."""
    if not renames:
        return ""
    kinds = Counter(kind_of(rename.kind) for rename in renames)
    sums = ", ".join(plural(number, kind) for kind, number in sorted(kinds.items()))
    return listing(f"*{title}* – {sums}", [f"• {rename_line(rename)}" for rename in renames], _MAX_RENAMES)


def rename_line(rename: PlannedRename) -> str:
    """Return one line of mrkdwn: ``table `public.a` → `public.b`; its 9 rows stay``."""
    rows = "" if rename.rows is None else f"; its {count(rename.rows, 'row')} stay{'s' if rename.rows == 1 else ''}"
    return f"{kind_of(rename.kind)} {code(rename.identity, 120)} → {code(rename.to, 120)}{rows}"


def wholes(changes: Sequence[PlannedChange]) -> list[PlannedChange]:
    """Return what is to be shown by itself: no part of a new relation, and nothing that follows from something else."""
    new = {change.identity for change in changes if change.how == How.CREATED and not change.part_of}
    # An old release has not noted how an object changes.
    listed = (change for change in changes if change.how not in {"", How.FOLLOWS})
    return [item for item in listed if item.how != How.CREATED or item.part_of not in new or item.alarms]


def sum_up(shown: Sequence[PlannedChange]) -> str:
    """Count what is new and what is another, the alarming ones apart."""
    new = sum(change.how == How.CREATED for change in shown)
    alarms = sum(bool(change.alarms) for change in shown)
    words = [f"{new:,} new" if new else "", f"{len(shown) - new:,} changed" if len(shown) > new else ""]
    loud = f"⚠ {alarms:,} of them {'widens rights or brings' if alarms == 1 else 'widen rights or bring'} code"
    loud = loud if alarms else ""
    return "; ".join(part for part in (", ".join(filter(None, words)), loud) if part)


def impact(changes: Sequence[PlannedChange] | None, renames: Sequence[PlannedRename]) -> str:
    """Describe both in half a plain sentence; "" for nothing."""
    shown = wholes(changes or ())
    parts = [f"{count(len(renames), 'object is', 'objects are')} renamed"] if renames else []
    parts += [f"{count(len(shown), 'object comes or changes', 'objects come or change')}"] if shown else []
    return "".join(f", {part}" for part in parts)


def kind_of(kind: str) -> str:
    """Return the kind as people say it: a column is a column."""
    return one_line(kind.removeprefix("table ") if kind != "table" else kind, 40) or "object"


def change_line(change: PlannedChange) -> str:
    """Return one line of mrkdwn, without the parts of a new relation."""
    return _line(change, {})


def _parts(changes: Sequence[PlannedChange]) -> dict[str, Counter[str]]:
    found: dict[str, Counter[str]] = {}
    for change in changes:
        if change.how == How.CREATED and change.part_of and change.kind in _PARTS:
            found.setdefault(change.part_of, Counter())[kind_of(change.kind)] += 1
    return found


def _line(change: PlannedChange, parts: dict[str, Counter[str]]) -> str:
    mark = "⚠" if change.alarms else "•"
    new = "new " if change.how == How.CREATED else ""
    inside = parts.get(change.identity, Counter()) if new else Counter()
    counts = ", ".join(plural(number, kind) for kind, number in sorted(inside.items()))
    words = one_line("; ".join(change.words), _MAX_WORDS)
    tail = (f" with {counts}" if counts else "") + (f": {words}" if words else "")
    return f"{mark} {new}{kind_of(change.kind)} {code(change.identity, 120)}{tail}"
