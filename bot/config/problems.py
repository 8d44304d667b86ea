"""Describes bad values of the configuration, one line each: path, what it must be, what it is, how to fix it."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from bot.config.keys import FileKeys, NestedError

Path = tuple[str | int, ...]

_SHOWN_LENGTH = 40
_MUST = {
    "string_type": "must be a text in quotes",
    "is_instance_of": "must be a text in quotes",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "list_type": "must be a list, [ … ]",
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "model_attributes_type": "must be a table",
    "too_short": "must not be empty",
}
_REMOVED: Mapping[Path, str] = {
    ("environments", "restore"): "restore in place was removed; delete this key, and grant CREATEDB",
}
"""Keys of older versions, without the environment's name."""
_SECRET_MARKS = ("@", "xoxb-", "xapp-", "xoxp-", "password")


def describe(details: ErrorDetails) -> str:
    """Write one line about one bad value."""
    path = tuple(part for part in details["loc"] if part != "[key]")
    error = details.get("ctx", {}).get("error")
    if isinstance(error, NestedError):
        path, value = path + error.at, None
    else:
        value = details["input"]
    kind = details["type"]
    if kind == "extra_forbidden":
        return line(path, _REMOVED.get(path[:1] + path[2:]) or f"unknown key — {_nearest(path)}")
    if kind == "missing":
        return line(path, f"is missing — {_fix(path)}")
    must = str(error) if error is not None else _must(details, path)
    if " — " in must:
        return line(path, must)
    return line(path, f"{must}{_shown(value, path)} — {_fix(path)}")


def line(path: Path, text: str) -> str:
    """Put the path before the text: ``compatibility[1].app: must be …``."""
    name = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return f"{name.removeprefix('.')}: {text}"


def _must(details: ErrorDetails, path: Path) -> str:
    kind = details["type"]
    if kind in {"int_type", "int_from_float"}:
        return "must be a whole number" + (" of seconds" if str(path[-1]).endswith("_s") else "")
    if kind == "literal_error":
        return f"must be {details['ctx']['expected'].replace(chr(39), chr(34))}"
    return _MUST.get(kind, details["msg"])


def _shown(value: Any, path: Path) -> str:
    # A value is shown only where it cannot be a secret.
    named = [str(part) for part in path if isinstance(part, str)]
    if named[-1].endswith(("_env", "_file")):
        return ""
    if isinstance(value, bool):
        return f", is {str(value).lower()}"
    if isinstance(value, int | float):
        return f", is {value:,}"
    if not isinstance(value, str) or any(mark in value.lower() for mark in _SECRET_MARKS):
        return ""
    return f', is "{value[:_SHOWN_LENGTH]}{"…" if len(value) > _SHOWN_LENGTH else ""}"'


def _fix(path: Path) -> str:
    if path[:-1] == ("environments",) and isinstance(path[-1], str):
        return "rename it"
    field = _field(path)
    return (field.description if field else None) or "see docs/configuration.md"


def _nearest(path: Path) -> str:
    table = _table(path[:-1])
    keys = list(table.model_fields) if table else []
    near = difflib.get_close_matches(str(path[-1]), keys, n=1, cutoff=0.5)
    return f"did you mean {near[0]}?" if near else f"keys here are {', '.join(keys)}"


def _field(path: Path) -> FieldInfo | None:
    """Find the key at a path; an entry of a list stands for its list."""
    while path and isinstance(path[-1], int):
        path = path[:-1]
    table = _table(path[:-1])
    return table.model_fields.get(str(path[-1])) if table and path else None


def _table(path: Path) -> type[BaseModel] | None:
    """Find the table at a path: a name picks a key or, in a mapping of tables, an entry."""
    table: type[BaseModel] = FileKeys
    parts: Sequence[str | int] = list(path)
    while parts:
        field = table.model_fields.get(str(parts[0]))
        inner = next(iter(_tables(field.annotation)), None) if field else None
        if field is None or inner is None:
            return None
        skipped = 1 if _is_collection(field.annotation) else 0
        parts, table = parts[1 + skipped :], inner
    return table


def _is_collection(annotation: Any) -> bool:
    return getattr(annotation, "__origin__", None) in {list, dict}


def _tables(annotation: Any) -> Iterable[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _tables(part)
