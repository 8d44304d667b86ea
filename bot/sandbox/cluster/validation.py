"""Validates objects: each broken rule is a cause of the 422."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from bot.sandbox.cluster import selectors
from bot.sandbox.cluster.statuses import Cause, Obj

_NAME = re.compile(r"[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?")
_PERCENT = re.compile(r"[0-9]+%")
_OPERATORS = {"In": True, "NotIn": True, "Exists": False, "DoesNotExist": False}  # and whether they take values
_PORT_MAX = 65_535
_ANNOTATIONS_MAX_BYTES = 262_144  # of all keys and values together
_LABEL_RULE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and "
    "end with an alphanumeric character"
)
_IMMUTABLE = "field is immutable"


def check(kind: str, new: Obj, old: Obj | None) -> list[Cause]:
    """List the rules `new` breaks, on its own and as a change of `old`."""
    causes = list(_metadata(new["metadata"]))
    rules = _RULES.get(kind)
    if rules:
        causes += rules(new, old)
    return causes


def _metadata(metadata: Mapping[str, Any]) -> list[Cause]:
    causes = _labels(metadata.get("labels", {}), "metadata.labels")
    if not _NAME.fullmatch(metadata["name"]):
        rule = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.'"
        causes.append(_invalid("metadata.name", metadata["name"], rule))
    for key in metadata.get("annotations", {}):
        if not selectors.LABEL_KEY.fullmatch(key.lower()):
            causes.append(_invalid("metadata.annotations", key, "name part must be a qualified name"))
    size = sum(len(key.encode()) + len(value.encode()) for key, value in metadata.get("annotations", {}).items())
    if size > _ANNOTATIONS_MAX_BYTES:
        words = f"Too long: may not be more than {_ANNOTATIONS_MAX_BYTES} bytes"
        causes.append(Cause("metadata.annotations", words, "FieldValueTooLong"))
    return causes


def _labels(labels: Mapping[str, str], field: str) -> list[Cause]:
    causes = [_invalid(field, key, "a qualified name") for key in labels if not selectors.LABEL_KEY.fullmatch(key)]
    wrong = [value for value in labels.values() if not selectors.LABEL_VALUE.fullmatch(value)]
    return causes + [_invalid(field, value, _LABEL_RULE) for value in wrong]


def _replicas(spec: Mapping[str, Any]) -> list[Cause]:
    replicas = spec.get("replicas", 1)
    if replicas >= 0:
        return []
    return [_invalid("spec.replicas", replicas, "must be greater than or equal to 0")]


def _workload(new: Obj, old: Obj | None) -> list[Cause]:
    spec = new["spec"]
    causes = _replicas(spec)
    selector = spec.get("selector")
    if selector is None:
        return [*causes, Cause("spec.selector", "Required value", "FieldValueRequired")]
    malformed = _labels(selector.get("matchLabels", {}), "spec.selector.matchLabels")
    malformed += _expressions(selector.get("matchExpressions", []))
    template = spec.get("template", {})
    labels = template.get("metadata", {}).get("labels", {})
    causes += malformed + _labels(labels, "spec.template.metadata.labels")
    if not malformed and not selectors.of_object(selector)(labels):
        causes.append(_invalid("spec.template.metadata.labels", labels, "`selector` does not match template `labels`"))
    causes += _pod_spec(template.get("spec", {}), "spec.template.spec")
    if old and old["spec"].get("selector") != selector:
        causes.append(_invalid("spec.selector", selector, _IMMUTABLE))
    return causes


def _expressions(rules: list[Obj]) -> list[Cause]:
    causes = []
    for number, rule in enumerate(rules):
        place, operator = f"spec.selector.matchExpressions[{number}]", rule.get("operator")
        if operator not in _OPERATORS:
            causes.append(_invalid(f"{place}.operator", operator, "not a valid selector operator"))
        elif bool(rule.get("values")) != _OPERATORS[operator]:
            causes.append(_invalid(f"{place}.values", rule.get("values"), f"does not suit operator {operator}"))
        if not rule.get("key"):
            causes.append(_required(f"{place}.key"))
    return causes


def _rolling(rolling: Mapping[str, Any]) -> list[Cause]:
    rule = "a valid percent string must be a numeric string followed by an ending '%'"
    wrong = {
        key: value
        for key, value in rolling.items()
        if not (isinstance(value, int) and value >= 0) and not _PERCENT.fullmatch(str(value))
    }
    return [_invalid(f"spec.strategy.rollingUpdate.{key}", value, rule) for key, value in wrong.items()]


def _deployment(new: Obj, old: Obj | None) -> list[Cause]:
    causes, spec = _workload(new, old), new["spec"]
    kind = spec.get("strategy", {}).get("type")
    if kind not in ("RollingUpdate", "Recreate"):
        words = f'Unsupported value: "{kind}": supported values: "Recreate", "RollingUpdate"'
        causes.append(Cause("spec.strategy.type", words, "FieldValueNotSupported"))
    if kind == "Recreate" and "rollingUpdate" in spec["strategy"]:
        words = "Forbidden: may not be specified when strategy `type` is 'Recreate'"
        causes.append(Cause("spec.strategy.rollingUpdate", words, "FieldValueForbidden"))
    causes += _rolling(spec.get("strategy", {}).get("rollingUpdate", {}))
    deadline_s, ready_s = spec.get("progressDeadlineSeconds", 600), spec.get("minReadySeconds", 0)
    if deadline_s <= ready_s:
        causes.append(_invalid("spec.progressDeadlineSeconds", deadline_s, "must be greater than minReadySeconds"))
    return causes


def _pod_spec(spec: Mapping[str, Any], field: str) -> list[Cause]:
    containers = spec.get("containers", [])
    if not containers:
        return [Cause(f"{field}.containers", "Required value", "FieldValueRequired")]
    causes = []
    names: set[str] = set()
    for number, container in enumerate(containers):
        place = f"{field}.containers[{number}]"
        causes += [_required(f"{place}.{key}") for key in ("name", "image") if not container.get(key)]
        if container.get("name") in names:
            words = f'Duplicate value: "{container["name"]}"'
            causes.append(Cause(f"{place}.name", words, "FieldValueDuplicate"))
        names.add(container.get("name", ""))
        causes += _ports([p.get("containerPort", 0) for p in container.get("ports", [])], place, "containerPort")
    return causes


def _ports(numbers: list[int], place: str, name: str) -> list[Cause]:
    wrong = [(at, port) for at, port in enumerate(numbers) if not 1 <= port <= _PORT_MAX]
    return [
        _invalid(f"{place}.ports[{at}].{name}", port, "must be between 1 and 65535, inclusive") for at, port in wrong
    ]


def _pod(new: Obj, old: Obj | None) -> list[Cause]:
    causes = _pod_spec(new["spec"], "spec")
    if old and _without_images(new["spec"]) != _without_images(old["spec"]):
        words = "Forbidden: pod updates may not change fields other than `spec.containers[*].image`"
        causes.append(Cause("spec", words, "FieldValueForbidden"))
    return causes


def _without_images(spec: Mapping[str, Any]) -> Obj:
    kept = [{key: item for key, item in box.items() if key != "image"} for box in spec.get("containers", [])]
    return {**spec, "containers": kept}


def _service(new: Obj, old: Obj | None) -> list[Cause]:
    spec = new["spec"]
    causes = _labels(spec.get("selector", {}), "spec.selector")
    ports = spec.get("ports", [])
    if spec.get("type") == "ExternalName" and not spec.get("externalName"):
        causes.append(_required("spec.externalName"))
    if not ports and spec.get("clusterIP") != "None":
        causes.append(_required("spec.ports"))
    causes += _ports([port.get("port", 0) for port in ports], "spec", "port")
    if old and old["spec"].get("clusterIP") != spec.get("clusterIP"):
        causes.append(_invalid("spec.clusterIPs[0]", spec.get("clusterIP"), "may not change once set"))
    return causes


def _scale(new: Obj, _old: Obj | None) -> list[Cause]:
    return _replicas(new.get("spec", {}))


def _required(field: str) -> Cause:
    return Cause(field, "Required value", "FieldValueRequired")


def _invalid(field: str, value: Any, rule: str) -> Cause:
    shown = f'"{value}"' if isinstance(value, str) else value
    return Cause(field, f"Invalid value: {shown}: {rule}")


_RULES: dict[str, Callable[[Obj, Obj | None], list[Cause]]] = {
    "Deployment": _deployment,
    "ReplicaSet": _workload,
    "Pod": _pod,
    "Service": _service,
    "Scale": _scale,
}
