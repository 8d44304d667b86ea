"""Parses an HTTP request to the API server, and the object its path names."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from bot.sandbox.cluster import statuses
from bot.sandbox.cluster.faults import Asked
from bot.sandbox.cluster.resources import NAMESPACES, Resource, find_resource
from bot.sandbox.cluster.statuses import Obj, Subject


@dataclass(frozen=True)
class Request:
    """As it came in; `path` is still percent-encoded, header names are lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes = b""
    user: str = ""

    @property
    def content_type(self) -> str:
        """The media type, parameters left out."""
        return self.headers.get("content-type", "").partition(";")[0].strip()

    @property
    def manager(self) -> str:
        """The field manager: as asked for, or the first part of the user agent."""
        return self.query.get("fieldManager") or self.headers.get("user-agent", "").partition("/")[0] or "unknown"

    def flag(self, name: str) -> bool:
        """Tell whether a boolean parameter is on."""
        return self.query.get(name, "").lower() in ("true", "1")

    def natural(self, name: str) -> int | None:
        """Read a parameter that is a number from 0, None when it is not there.

        Raises:
            ApiError: 400, it is something else.
        """
        text = self.query.get(name, "")
        if text and not text.isdecimal():
            raise statuses.bad_request(f'{name}: Invalid value: "{text}": must be greater than or equal to 0')
        return int(text) if text else None

    def json(self) -> Any:
        """Read the body.

        Raises:
            ApiError: 400, no JSON.
        """
        try:
            return json.loads(self.body)
        except ValueError as error:
            raise statuses.bad_request(f"the body is no JSON: {error}") from error


@dataclass(frozen=True)
class Response:
    """An answer; a body that is an iterator is streamed, and an empty piece of it only checks the line."""

    status: int
    body: bytes | Iterator[bytes]
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of_json(cls, status: int, body: Obj) -> "Response":
        """Answer with an object."""
        return cls(status, json.dumps(body).encode(), {"Content-Type": "application/json"})


@dataclass(frozen=True)
class Target:
    """The object a path names. `rest` is what follows ``proxy/``, still encoded, with its slash."""

    resource: Resource
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    rest: str = ""

    @property
    def subject(self) -> Subject:
        """Return the object a refusal names."""
        return self.resource.subject(self.name)

    def verb(self, request: Request) -> str:
        """The verb RBAC knows the request by.

        Raises:
            ApiError: 405.
        """
        verbs = _ITEM_VERBS if self.name else _COLLECTION_VERBS
        verb = verbs.get(request.method, "")
        if verb == "list" and request.flag("watch"):
            verb = "watch"
        served = "create" in self.resource.verbs if verb == "create" else verb in self.resource.verbs
        if self.subresource == "proxy" and verb:
            return verb
        if not verb or not served or (self.subresource and verb not in _SUB_VERBS[self.subresource]):
            raise statuses.method_not_allowed()
        return verb

    def asked(self, request: Request) -> Asked:
        """Return the request's traits that faults match."""
        plural = self.resource.plural + (f"/{self.subresource}" if self.subresource else "")
        return Asked(self.verb(request), plural, self.namespace, self.name, request.path)


_ITEM_VERBS = {"GET": "get", "PUT": "update", "PATCH": "patch", "DELETE": "delete", "POST": "create"}
_COLLECTION_VERBS = {"GET": "list", "POST": "create", "DELETE": "deletecollection"}
_SUB_VERBS = {"scale": ("get", "update", "patch"), "status": ("get", "update", "patch"), "log": ("get",), "": ()}


def locate(path: str) -> Target:
    """Read a path below ``/api`` or ``/apis``.

    Raises:
        ApiError: 404, it names nothing served.
    """
    parts = path.strip("/").split("/")
    group, version, parts = ("", parts[1], parts[2:]) if parts[0] == "api" else (*_two(parts), parts[3:])
    namespace = ""
    if parts[:1] == ["namespaces"] and len(parts) > 2 and parts[2] != "status":  # noqa: PLR2004 -- namespaces/NAME/…
        namespace, parts = unquote(parts[1]), parts[2:]
    resource = find_resource(group, version, parts[0]) if parts else None
    if resource is None or (namespace and not resource.namespaced):
        raise statuses.no_such_path()
    name = unquote(parts[1]) if len(parts) > 1 else ""
    if resource is NAMESPACES:
        namespace = ""
    elif name and not namespace and resource.namespaced:
        raise statuses.no_such_path()
    return _with_subresource(Target(resource, namespace, name), parts[2:])


def _two(parts: list[str]) -> tuple[str, str]:
    if len(parts) < 4:  # noqa: PLR2004 -- apis/GROUP/VERSION/RESOURCE
        raise statuses.no_such_path()
    return parts[1], parts[2]


def _with_subresource(target: Target, parts: list[str]) -> Target:
    if not parts:
        return target
    subresource, *rest = parts
    if subresource not in target.resource.subresources or (rest and subresource != "proxy"):
        raise statuses.no_such_path()
    return Target(target.resource, target.namespace, target.name, subresource, "/" + "/".join(rest))
