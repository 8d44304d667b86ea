"""What moved between two plans, in words for approvers."""


def difference(key: str, before: object, after: object) -> str:
    """Name what moved in one of a plan's facts, e.g. ``drops: now table public.visits``; values are JSON's types."""
    name = key.replace("_", " ")
    if isinstance(before, list) and isinstance(after, list) and key not in {"schema", "app"}:
        gone = [item for item in before if item not in after]
        came = [item for item in after if item not in before]
        parts = [f"no longer {_word(item)}" for item in gone] + [f"now {_word(item)}" for item in came]
        return f"{name}: " + "; ".join(parts)
    return f"{name}: {_word(before)} → {_word(after)}"


def _word(item: object) -> str:
    if isinstance(item, list):
        return " ".join(_word(part) for part in item)
    if isinstance(item, tuple):
        return "=".join(_word(part) for part in item)
    return str(item)[:80]
