"""Serves the API: faults, authentication, authorization, discovery, then the verb."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from bot.sandbox.cluster import listing, resources, scale, statuses, watch
from bot.sandbox.cluster.access import Access
from bot.sandbox.cluster.faults import Asked, FaultBoard
from bot.sandbox.cluster.objects import Objects
from bot.sandbox.cluster.proxy import Proxy
from bot.sandbox.cluster.requests import Request, Response, Target, locate
from bot.sandbox.cluster.statuses import ApiError, Obj
from bot.sandbox.cluster.store import Store

_LOG = logging.getLogger(__name__)
_WRITES = ("create", "update", "patch", "delete", "deletecollection")
_VERSION = {
    "major": "1",
    "minor": "36",
    "gitVersion": "v1.36.0+sandbox",
    "gitCommit": "0000000000000000000000000000000000000000",
    "gitTreeState": "clean",
    "buildDate": "2026-04-22T00:00:00Z",
    "goVersion": "go1.25",
    "compiler": "gc",
    "platform": "linux/amd64",
}
_HEALTH = ("/healthz", "/readyz", "/livez")


class ConnectionReset(Exception):  # noqa: N818 -- names what the client shall see, not an error of ours
    """Drop the connection without an answer."""


@dataclass(frozen=True)
class Api:
    """Answers requests."""

    store: Store
    access: Access
    faults: FaultBoard
    proxy: Proxy

    def handle(self, request: Request) -> Response:
        """Answer one request; a refusal is an answer too.

        Raises:
            ConnectionReset: a fault says so.
        """
        try:
            return self._open(request) or self._guarded(request)
        except ApiError as error:
            return _refuse(error)
        except ConnectionReset:
            raise
        except Exception:  # noqa: BLE001 -- a bug of the emulator must look like one of a server
            _LOG.exception("%s %s failed", request.method, request.path)
            return _refuse(statuses.outage(500))

    def _open(self, request: Request) -> Response | None:
        """Answer what needs no token."""
        path = request.path.rstrip("/")
        if path in _HEALTH:
            return Response(200, b"ok", {"Content-Type": "text/plain"})
        if path == "/version":
            return Response.of_json(200, _VERSION)
        if request.path.startswith("/sandbox/service/"):
            return self._browse(request)
        return None

    def _browse(self, request: Request) -> Response:
        parts = request.path.removeprefix("/sandbox/service/").split("/", 2)
        if len(parts) < 2:  # noqa: PLR2004 -- NAMESPACE/SERVICE
            raise statuses.no_such_path()
        namespace, service, path = (*parts, "")[:3]
        query = request.headers.get(":query", "")
        path = f"/{path}" + (f"?{query}" if query else "")
        status, headers, body = self.proxy.through_service(namespace, service, request.method, path, request.body)
        return Response(status, body, headers)

    def _guarded(self, request: Request) -> Response:
        self.access.authenticate(request.headers.get("authorization", ""))
        if (found := _discover(request.path)) is not None:
            return Response.of_json(200, found)
        if not request.path.startswith(("/api/", "/apis/")):
            raise statuses.no_such_path()
        target = locate(request.path)
        asked = target.asked(request)
        self._misbehave(asked, "before", target)
        self.access.authorize(target, asked)
        response = self._dispatch(target, asked.verb, request)
        self._misbehave(asked, "after", target)
        return response

    def _misbehave(self, asked: Asked, when: str, target: Target) -> None:
        if when == "before" and (fault := self.faults.take("delay", asked)):
            time.sleep(fault.delay_ms / 1000)
        if fault := self.faults.take("5xx", asked, when):
            raise statuses.outage(fault.status)
        if self.faults.take("connection-reset", asked, when):
            raise ConnectionReset
        if when == "before" and asked.verb in _WRITES and self.faults.take("conflict", asked):
            raise statuses.conflict(target.subject)

    def _dispatch(self, target: Target, verb: str, request: Request) -> Response:
        if target.resource is resources.ACCESS_REVIEWS:
            return Response.of_json(201, self.access.review(request.json()))
        if target.subresource == "proxy":
            return self.proxy.to_pod(target, request)
        if target.subresource == "log":
            return self.proxy.read_log(target, request)
        if verb == "watch":
            lines = watch.watch(self.store, target, request)
            return Response(200, lines, {"Content-Type": "application/json"})
        if target.subresource == "scale":
            return Response.of_json(200, self._scale(target, verb, request))
        return Response.of_json(201 if verb == "create" else 200, self._verbs(target, request)[verb]())

    def _scale(self, target: Target, verb: str, request: Request) -> Obj:
        if verb == "get":
            return scale.show(self.store.get(target.resource, target.namespace, target.name))
        return scale.change(self.store, target, request)

    def _verbs(self, target: Target, request: Request) -> dict[str, Callable[[], Obj]]:
        objects = Objects(self.store)
        return {
            "get": lambda: listing.read(self.store, target),
            "list": lambda: listing.write_list(self.store, target, request),
            "create": lambda: objects.create(target, request),
            "update": lambda: objects.replace(target, request),
            "patch": lambda: objects.patch(target, request),
            "delete": lambda: objects.delete(target, request),
            "deletecollection": lambda: objects.delete_collection(
                target, request, watch.select(self.store, target, request)[0]
            ),
        }


def _refuse(error: ApiError) -> Response:
    response = Response.of_json(error.code, error.to_status())
    if "retryAfterSeconds" not in error.details:
        return response
    return replace(response, headers={**response.headers, "Retry-After": str(error.details["retryAfterSeconds"])})


def _discover(path: str) -> Obj | None:
    parts = path.strip("/").split("/")
    if parts == ["api"]:
        return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}
    if parts == ["apis"]:
        return resources.discover_groups()
    if parts == ["api", "v1"]:
        return resources.discover_resources("", "v1")
    if parts[0] == "apis" and len(parts) == 3:  # noqa: PLR2004 -- apis/GROUP/VERSION
        return resources.discover_resources(parts[1], parts[2])
    return None
