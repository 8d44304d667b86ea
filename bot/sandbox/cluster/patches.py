"""Applies the patch formats: RFC 7386 merge patch, strategic merge patch, RFC 6902 JSON patch, server-side apply."""

import copy
from typing import Any

from bot.sandbox.cluster import statuses

MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
JSON = "application/json-patch+json"
APPLY = "application/apply-patch+yaml"
ACCEPTED = [JSON, MERGE, STRATEGIC, APPLY]

# Lists merged by a key, by the field's name (and the parent field's, where names clash).
_MERGE_KEYS = {
    "containers": "name",
    "initContainers": "name",
    "ephemeralContainers": "name",
    "env": "name",
    "volumes": "name",
    "volumeMounts": "mountPath",
    "volumeDevices": "devicePath",
    "imagePullSecrets": "name",
    "hostAliases": "ip",
    "conditions": "type",
    "ownerReferences": "uid",
    "topologySpreadConstraints": "topologyKey",
}
_SETS = {"finalizers"}


def apply(content_type: str, current: Any, patch: Any) -> Any:
    """Apply a patch in that format; `current` is left alone.

    Raises:
        ApiError: 415 for another format, 400 for a malformed patch, 422 when a JSON patch does not apply.
    """
    if content_type == JSON:
        return apply_json(current, patch)
    if content_type not in (MERGE, STRATEGIC, APPLY):
        raise statuses.unsupported_media_type(ACCEPTED)
    if not isinstance(patch, dict):
        raise statuses.bad_request("error decoding patch: json: cannot unmarshal into Go value of type map")
    # An applied configuration is merged as a strategic patch is; whose fields they are is for `objects` to check.
    return merge(current, patch) if content_type == MERGE else merge_strategic(current, patch, "")


def merge(current: Any, patch: Any) -> Any:
    """RFC 7386: null removes a key, lists are replaced whole."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    result = dict(current) if isinstance(current, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge(result.get(key), value)
    return result


def merge_strategic(current: Any, patch: Any, parent: str) -> Any:
    """Merge maps, and lists of maps by their merge key (containers by name, service ports by port)."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    if patch.get("$patch") == "replace":
        return {key: copy.deepcopy(value) for key, value in patch.items() if key != "$patch"}
    if patch.get("$patch") == "delete":
        return {}
    result = dict(current) if isinstance(current, dict) else {}
    for key, value in patch.items():
        _merge_field(result, key, value, parent)
    return result


def _merge_field(result: dict[str, Any], key: str, value: Any, parent: str) -> None:
    if key.startswith("$deleteFromPrimitiveList/"):
        name = key.partition("/")[2]
        result[name] = [item for item in result.get(name, []) if item not in value]
    elif key.startswith("$"):
        return  # ordering and key retention hints change no value here
    elif value is None:
        result.pop(key, None)
    elif isinstance(value, list):
        result[key] = _merge_list(result.get(key), value, key, parent)
    else:
        result[key] = merge_strategic(result.get(key), value, key)


def _merge_list(current: Any, patch: list[Any], field: str, parent: str) -> list[Any]:
    old = list(current) if isinstance(current, list) else []
    if field in _SETS:
        return old + [item for item in patch if item not in old]
    merge_key = _merge_key(field, parent)
    if not merge_key or any(not isinstance(item, dict) for item in patch):
        return copy.deepcopy(patch)
    if {"$patch": "replace"} in patch:
        return [copy.deepcopy(item) for item in patch if item != {"$patch": "replace"}]
    return _merge_by_key(old, patch, merge_key, field)


def _merge_key(field: str, parent: str) -> str:
    if field == "ports":
        return "port" if parent == "spec" else "containerPort"
    return _MERGE_KEYS.get(field, "")


def _merge_by_key(old: list[Any], patch: list[Any], merge_key: str, field: str) -> list[Any]:
    for item in patch:
        if merge_key not in item:
            raise statuses.bad_request(f"map: {item} does not contain declared merge key: {merge_key}")
        at = next((n for n, had in enumerate(old) if had.get(merge_key) == item[merge_key]), None)
        if item.get("$patch") == "delete":
            old = [had for had in old if had.get(merge_key) != item[merge_key]]
        elif at is None:
            old.append(merge_strategic({}, item, field))
        else:
            old[at] = merge_strategic(old[at], item, field)
    return old


def apply_json(current: Any, patch: Any) -> Any:
    """RFC 6902, all operations or none."""
    if not isinstance(patch, list) or any(not isinstance(step, dict) for step in patch):
        raise statuses.bad_request("error decoding patch: a JSON patch is a list of operations")
    result = copy.deepcopy(current)
    for step in patch:
        try:
            result = _step(result, step)
        except (KeyError, IndexError, ValueError, TypeError) as error:
            raise statuses.unprocessable() from error
    return result


def _step(document: Any, step: dict[str, Any]) -> Any:
    path, operation = _pointer(step["path"]), step["op"]
    match operation:
        case "add":
            return _add(document, path, copy.deepcopy(step["value"]))
        case "remove":
            _remove(document, path)
        case "replace":
            _get(document, path)
            _remove(document, path)
            return _add(document, path, copy.deepcopy(step["value"]))
        case "move":
            return _add(document, path, _remove(document, _pointer(step["from"])))
        case "copy":
            return _add(document, path, copy.deepcopy(_get(document, _pointer(step["from"]))))
        case "test":
            if _get(document, path) != step["value"]:
                raise ValueError(step["path"])
        case _:
            raise statuses.bad_request(f"error decoding patch: unexpected kind: {operation}")
    return document


def _pointer(text: str) -> list[str]:
    if not text.startswith("/"):
        raise ValueError(text)
    return [part.replace("~1", "/").replace("~0", "~") for part in text[1:].split("/")]


def _get(document: Any, path: list[str]) -> Any:
    for part in path:
        document = document[int(part)] if isinstance(document, list) else document[part]
    return document


def _add(document: Any, path: list[str], value: Any) -> Any:
    parent = _get(document, path[:-1])
    if isinstance(parent, list):
        at = len(parent) if path[-1] == "-" else int(path[-1])
        if not 0 <= at <= len(parent):
            raise IndexError(path[-1])
        parent.insert(at, value)
    else:
        parent[path[-1]] = value
    return document


def _remove(document: Any, path: list[str]) -> Any:
    parent = _get(document, path[:-1])
    return parent.pop(int(path[-1])) if isinstance(parent, list) else parent.pop(path[-1])
