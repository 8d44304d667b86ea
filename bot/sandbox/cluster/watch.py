"""Serves lists and watches."""

import json
import time
from collections.abc import Callable, Iterator, Sequence

from bot.sandbox.cluster import selectors
from bot.sandbox.cluster.requests import Request, Target
from bot.sandbox.cluster.statuses import ApiError, Obj
from bot.sandbox.cluster.store import Change, Store

Keep = Callable[[Obj], bool]
_DEFAULT_TIMEOUT_S = 1_800
_HEARTBEAT_S = 0.5


def read_selectors(request: Request) -> Keep:
    """Read `labelSelector` and `fieldSelector`.

    Raises:
        ApiError: 400, malformed.
    """
    labels = selectors.parse_labels(request.query.get("labelSelector", ""))
    fields = selectors.parse_fields(request.query.get("fieldSelector", ""))
    return lambda obj: labels(obj["metadata"].get("labels", {})) and fields(obj)


def select(store: Store, target: Target, request: Request) -> tuple[list[Obj], int]:
    """List the chosen objects, with the version they are of; a namespace that does not exist is empty."""
    keep = read_selectors(request)
    with store.lock:
        return store.list(target.resource, target.namespace, keep), store.version


def watch(store: Store, target: Target, request: Request) -> Iterator[bytes]:
    """Stream changes as lines of JSON until `timeoutSeconds`; an empty piece is a heartbeat.

    Without a `resourceVersion` (or with 0) what exists comes first, as ADDED.

    Raises:
        ApiError: 400, a malformed parameter.
    """
    keep = read_selectors(request)
    version = request.natural("resourceVersion") or 0
    timeout_s = request.natural("timeoutSeconds") or _DEFAULT_TIMEOUT_S
    return _stream(store, target, keep, version, timeout_s, bookmarks=request.flag("allowWatchBookmarks"))


def _stream(
    store: Store, target: Target, keep: Keep, version: int, timeout_s: float, *, bookmarks: bool
) -> Iterator[bytes]:
    until = time.monotonic() + timeout_s
    if not version:
        with store.lock:
            found, version = store.list(target.resource, target.namespace, keep), store.version
        yield b"".join(_line("ADDED", obj) for obj in found)
    while not store.closed and time.monotonic() < until:
        try:
            changes = _wait(store, version, min(_HEARTBEAT_S, until - time.monotonic()))
        except ApiError as error:
            yield _line("ERROR", error.to_status())
            return
        version = changes[-1].version if changes else version
        yield b"".join(_event(change, keep) for change in changes if _concerns(change, target))
    if bookmarks:
        marker = {"kind": target.resource.kind, "apiVersion": target.resource.api_version}
        yield _line("BOOKMARK", {**marker, "metadata": {"resourceVersion": str(version)}})


def _wait(store: Store, version: int, timeout_s: float) -> Sequence[Change]:
    with store.changed:
        store.changed.wait_for(lambda: store.closed or store.version > version, timeout=max(timeout_s, 0))
        return store.changes_since(version)


def _concerns(change: Change, target: Target) -> bool:
    same_place = target.namespace in ("", change.obj["metadata"].get("namespace", ""))
    same_name = target.name in ("", change.obj["metadata"]["name"])
    return change.resource is target.resource and same_place and same_name


def _event(change: Change, keep: Keep) -> bytes:
    """An object that begins to match a selector is ADDED, one that ceases to is DELETED."""
    now = change.kind != "DELETED" and keep(change.obj)
    before = change.before is not None and keep(change.before)
    if now:
        return _line("MODIFIED" if before else "ADDED", change.obj)
    return _line("DELETED", change.obj) if before else b""


def _line(kind: str, obj: Obj) -> bytes:
    return json.dumps({"type": kind, "object": obj}).encode() + b"\n"
