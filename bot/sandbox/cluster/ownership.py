"""Maintains `metadata.managedFields`, so that the controller that undoes a change can be named."""

from typing import Any

from bot.sandbox.cluster.statuses import Obj

Leaf = tuple[str, ...]


def record_write(old: Obj | None, new: Obj, manager: str, stamp: str, subresource: str = "") -> list[Obj]:
    """Compute the managedFields of `new` after `manager` turned `old` into it; lists count as one field."""
    before, after = _leaves(old or {}), _leaves(new)
    changed = {path for path, value in after.items() if path not in before or before[path] != value}
    entries = []
    mine: set[Leaf] = set()
    for entry in (old or {}).get("metadata", {}).get("managedFields", []):
        owned = _paths(entry["fieldsV1"]) & after.keys()
        if (entry["manager"], entry.get("subresource", "")) == (manager, subresource):
            mine = owned
        elif kept := owned - changed:
            entries.append(entry | {"fieldsV1": _tree(kept)})
    if mine | changed:
        entries.append(_entry(new, manager, stamp, subresource, mine | changed))
    return entries


def _entry(new: Obj, manager: str, stamp: str, subresource: str, paths: set[Leaf]) -> Obj:
    entry = {
        "manager": manager,
        "operation": "Update",
        "apiVersion": new["apiVersion"],
        "time": stamp,
        "fieldsType": "FieldsV1",
        "fieldsV1": _tree(paths),
    }
    return entry | ({"subresource": subresource} if subresource else {})


def _leaves(obj: Obj) -> dict[Leaf, Any]:
    found: dict[Leaf, Any] = {}
    metadata = obj.get("metadata", {})
    tracked = {key: metadata[key] for key in ("labels", "annotations", "ownerReferences") if key in metadata}
    rest = {key: value for key, value in obj.items() if key not in ("apiVersion", "kind", "metadata")}
    _walk({"metadata": tracked, **rest}, (), found)
    return found


def _walk(value: Any, path: Leaf, found: dict[Leaf, Any]) -> None:
    if isinstance(value, dict) and value:
        for key, item in value.items():
            _walk(item, (*path, f"f:{key}"), found)
    elif path and not (path == ("f:metadata",) and not value):
        found[path] = value


def _tree(paths: set[Leaf]) -> Obj:
    root: Obj = {}
    for path in sorted(paths):
        node = root
        for part in path:
            node = node.setdefault(part, {})
    return root


def _paths(tree: Obj, prefix: Leaf = ()) -> set[Leaf]:
    if not tree:
        return {prefix} if prefix else set()
    return set().union(*(_paths(child, (*prefix, part)) for part, child in tree.items()))
