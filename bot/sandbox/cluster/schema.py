"""Decodes objects into types, as the real server's Go structs do.

The fields and their types are the official client's own models. A value of the wrong type is refused, an unknown field
and an unset one are dropped, and so is a zero where the Go field is no pointer and marked ``omitempty``: after a scale
to 0 a Deployment's ``status.replicas`` is absent while its ``spec.replicas`` (a pointer) is 0.
"""

import re
from functools import cache
from typing import Any

from kubernetes.client import models

from bot.sandbox.cluster.statuses import Obj

_LIST = re.compile(r"[Ll]ist\[(.+)\]")
_MAP = re.compile(r"[Dd]ict[\[(]str, (.+)[\])]")
_SCALARS: dict[str, type | tuple[type, ...]] = {"str": str, "int": int, "bool": bool, "float": (int, float)}
_GO_NAMES = {"str": "string", "int": "int32", "bool": "bool", "float": "float64"}
_QUANTITIES = ("limits", "requests", "capacity", "hard")

# Numbers and booleans that are no pointers in Go: zero is "not there".
_OMITTED_ZEROS = {
    "V1DeploymentStatus": {
        "replicas",
        "updatedReplicas",
        "readyReplicas",
        "availableReplicas",
        "unavailableReplicas",
        "observedGeneration",
    },
    "V1ReplicaSetStatus": {"fullyLabeledReplicas", "readyReplicas", "availableReplicas", "observedGeneration"},
    "V1ScaleSpec": {"replicas"},
    "V1DeploymentSpec": {"minReadySeconds", "paused"},
    "V1ReplicaSetSpec": {"minReadySeconds"},
    "V1ObjectMeta": {"generation"},
    "V1PodSpec": {"hostNetwork", "hostPID", "hostIPC"},
    "V1Container": {"stdin", "stdinOnce", "tty"},
    "V1ContainerPort": {"hostPort"},
    "V1ServiceSpec": {"publishNotReadyAddresses"},
    "V1ServicePort": {"nodePort"},
    "V1Probe": {"initialDelaySeconds"},
    "V1ContainerStateTerminated": {"signal"},
}


class DecodeError(ValueError):
    """The JSON does not fit the type; the message is in the Go decoder's words."""


def decode(model: str, value: Any, path: str = "") -> Obj:
    """Read `value` as that model; the result is a new object.

    Raises:
        DecodeError: a value has the wrong type.
    """
    if not isinstance(value, dict):
        raise _mismatch(value, path, model.removeprefix("V1"))
    fields, omitted = _fields(model), _OMITTED_ZEROS.get(model, set())
    result: Obj = {}
    for key, item in value.items():
        if key not in fields or item is None:
            continue
        decoded = _value(fields[key], item, f"{path}.{key}" if path else key)
        if decoded == [] or (decoded == {} and _MAP.fullmatch(fields[key])):
            continue  # empty lists and maps are omitted, empty structs are not
        if not (key in omitted and not decoded):
            result[key] = decoded
    return result


def find_unknown(model: str, value: Any, path: str = "") -> list[str]:
    """List the paths of fields that the model does not have, as strict validation names them."""
    if not isinstance(value, dict):
        return []
    fields, unknown = _fields(model), []
    for key, item in value.items():
        place = f"{path}.{key}" if path else key
        if key not in fields:
            unknown.append(place)
            continue
        for at, part, kind in _parts(fields[key], item, place):
            unknown += find_unknown(kind, part, at)
    return unknown


def _parts(kind: str, value: Any, path: str) -> list[tuple[str, Any, str]]:
    """Find the models inside a field: itself, or a list's or a map's items, each with its path."""
    if found := _LIST.fullmatch(kind):
        items = enumerate(value) if isinstance(value, list) else ()
        return [part for at, item in items for part in _parts(found[1], item, f"{path}[{at}]")]
    return [(path, value, kind)] if hasattr(models, kind) else []


@cache
def _fields(model: str) -> dict[str, str]:
    described = getattr(models, model)
    return {described.attribute_map[name]: kind for name, kind in described.openapi_types.items()}


def _value(kind: str, value: Any, path: str) -> Any:
    if kind in _SCALARS:
        return _scalar(kind, value, path)
    if found := _LIST.fullmatch(kind):
        if not isinstance(value, list):
            raise _mismatch(value, path, "[]" + found[1].removeprefix("V1"))
        return [_value(found[1], item, path) for item in value]
    if found := _MAP.fullmatch(kind):
        return _map(found[1], value, path)
    if kind.startswith(("V1", "V2", "Core", "Discovery", "Events")):
        return decode(kind, value, path)
    return value  # an int-or-string, a date, free JSON


def _scalar(kind: str, value: Any, path: str) -> Any:
    wrong_bool = isinstance(value, bool) and kind != "bool"
    if wrong_bool or not isinstance(value, _SCALARS[kind]):
        raise _mismatch(value, path, _GO_NAMES[kind])
    return value


def _map(kind: str, value: Any, path: str) -> Obj:
    if not isinstance(value, dict):
        raise _mismatch(value, path, f"map[string]{_GO_NAMES.get(kind, kind)}")
    numbers_too = path.rsplit(".", 1)[-1] in _QUANTITIES  # 1 and "1" are the same amount
    text = {key: str(item) if numbers_too and isinstance(item, (int, float)) else item for key, item in value.items()}
    return {key: _value(kind, item, path) for key, item in text.items() if item is not None}


def _mismatch(value: Any, path: str, wanted: str) -> DecodeError:
    names = {bool: "bool", int: "number", float: "number", str: "string", list: "array", dict: "object"}
    found = names.get(type(value), "null")
    return DecodeError(f"json: cannot unmarshal {found} into Go struct field .{path} of type {wanted}")
