"""Writes lists as the API server does: in pages, as tables for people, and in an older version where one is served."""

import base64
import json
from collections.abc import Mapping
from dataclasses import replace

from bot.sandbox.cluster import statuses, watch
from bot.sandbox.cluster.requests import Request, Target
from bot.sandbox.cluster.resources import AUTOSCALERS, AUTOSCALERS_V1
from bot.sandbox.cluster.statuses import Obj
from bot.sandbox.cluster.store import Store

_V1_AUTOSCALER_SPEC = ("scaleTargetRef", "minReplicas", "maxReplicas")


def read(store: Store, target: Target) -> Obj:
    """Get one object, in the version that was asked for.

    Raises:
        ApiError: 404.
    """
    found = store.get(_stored(target).resource, target.namespace, target.name)
    return _as_asked(target, found)


def write_list(store: Store, target: Target, request: Request) -> Obj:
    """List the chosen objects: all, or a page of `limit` and the token of the next one; a Table where that is accepted.

    Raises:
        ApiError: 400, a malformed selector, limit or token.
    """
    items, version = watch.select(store, _stored(target), request)
    start = _read_token(request.query.get("continue", ""))
    items = [item for item in items if _place(item) > start]
    limit = request.natural("limit") or len(items)
    page, rest = items[:limit], items[limit:]
    metadata: Obj = {"resourceVersion": str(version)}
    if rest:
        metadata |= {"continue": _write_token(_place(page[-1])), "remainingItemCount": len(rest)}
    page = [_as_asked(target, item) for item in page]
    if "as=Table" in request.headers.get("accept", ""):
        return _table(page, metadata)
    kind = {"kind": f"{target.resource.kind}List", "apiVersion": target.resource.api_version}
    bare = [{key: value for key, value in item.items() if key not in ("kind", "apiVersion")} for item in page]
    return {**kind, "metadata": metadata, "items": bare}


def _stored(target: Target) -> Target:
    return replace(target, resource=AUTOSCALERS) if target.resource is AUTOSCALERS_V1 else target


def _as_asked(target: Target, obj: Obj) -> Obj:
    if target.resource is not AUTOSCALERS_V1:
        return obj
    spec = {key: obj["spec"][key] for key in _V1_AUTOSCALER_SPEC if key in obj["spec"]}
    return obj | {"apiVersion": AUTOSCALERS_V1.api_version, "spec": spec}


def _place(obj: Mapping[str, Obj]) -> list[str]:
    metadata = obj["metadata"]
    return [metadata.get("namespace", ""), metadata["name"]]


def _write_token(place: list[str]) -> str:
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode()


def _read_token(token: str) -> list[str]:
    if not token:
        return []
    try:
        namespace, name = json.loads(base64.urlsafe_b64decode(token))
    except ValueError:
        raise statuses.bad_request("continue key is not valid: it was not made by this server") from None
    return [str(namespace), str(name)]


def _table(items: list[Obj], metadata: Obj) -> Obj:
    formats = {"Name": "name", "Age": ""}
    columns = [{"name": name, "type": "string", "format": text, "priority": 0} for name, text in formats.items()]
    rows = [
        {"cells": [item["metadata"]["name"], item["metadata"].get("creationTimestamp", "")], "object": _partial(item)}
        for item in items
    ]
    kind = {"kind": "Table", "apiVersion": "meta.k8s.io/v1"}
    return {**kind, "metadata": metadata, "columnDefinitions": columns, "rows": rows}


def _partial(item: Obj) -> Obj:
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": item["metadata"]}
