"""Sends requests to the API server: JSON in, JSON out, each with a timeout, each refusal translated."""

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import stamina
from urllib3 import BaseHTTPResponse
from urllib3.exceptions import HTTPError
from urllib3.exceptions import TimeoutError as HttpTimeoutError

from bot.adapters.cluster.failures import is_conflict, refusal, unavailable
from bot.errors import PermanentError

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

# Plain dictionaries: the client's models drop fields they do not know, so a pod template put back through them would
# lose what a newer server added; they also reject answers the real server sends.
Obj = dict[str, Any]
CORE, APPS, AUTOSCALING = "v1", "apps/v1", "autoscaling/v2"
MERGE = "application/merge-patch+json"
JSON = "application/json-patch+json"
CONNECT_TIMEOUT_S = 3.0
READ_TIMEOUT_S = 15.0


@dataclass(frozen=True)
class Answer:
    """A raw answer; `body` may be cut at the requested limit."""

    status: int
    body: bytes


class Api:
    """An API server, through a client from `client.connect`."""

    def __init__(
        self,
        client: "ApiClient",
        *,
        connect_timeout_s: float = CONNECT_TIMEOUT_S,
        read_timeout_s: float = READ_TIMEOUT_S,
    ) -> None:
        self._client = client
        self._connect_timeout_s = connect_timeout_s
        self._read_timeout_s = read_timeout_s

    @property
    def address(self) -> str:
        """The sha256, hex, of the server's URL and its certificate authority."""
        configuration = self._client.configuration
        authority = configuration.ssl_ca_cert
        try:
            certificate = Path(authority).read_bytes() if authority else b""
        except OSError:
            certificate = b""  # the first request says what is wrong with it
        return hashlib.sha256(str(configuration.host).encode() + b"\0" + certificate).hexdigest()

    def get(self, path: str, what: str, query: Mapping[str, Any] | None = None) -> Obj:
        """Read an object or a list; `what` names it in errors."""
        return self._json("GET", path, what, query=query)

    def patch(self, path: str, what: str, body: object, content_type: str = MERGE) -> Obj:
        """Patch an object."""
        return self._json("PATCH", path, what, body=body, content_type=content_type)

    def post(self, path: str, what: str, body: Obj) -> Obj:
        """Create an object, or request a review."""
        return self._json("POST", path, what, body=body, content_type="application/json")

    def text(self, path: str, what: str, query: Mapping[str, Any]) -> str:
        """Read something that is not JSON."""
        return self._accepted("GET", path, what, query=query).body.decode(errors="replace")

    def raw(self, path: str, *, timeout_s: float, limit_bytes: int) -> Answer:
        """GET a path and return the answer's first bytes, whatever its status.

        Raises:
            urllib3.exceptions.HTTPError: no answer within `timeout_s`.
            TemporaryError: ``cluster-unavailable``: no TLS with the API server.
        """
        from kubernetes.client import ApiException

        until = time.monotonic() + timeout_s
        try:
            response = self._send("GET", path, headers={"Accept": "*/*"}, timeout_s=timeout_s).response
        except ApiException as error:
            raise unavailable(f"get {path}", "TLS") from error
        try:
            return Answer(response.status, _first_bytes(response, limit_bytes, until))
        finally:
            response.close()  # do not wait for the rest of a long answer

    def _json(self, method: str, path: str, what: str, **more: Any) -> Obj:
        body = self._accepted(method, path, what, **more).body
        try:
            answer = json.loads(body)
        except ValueError as error:
            raise unavailable(what, "no JSON came back") from error  # e.g. a proxy's page, with status 200
        if not isinstance(answer, dict):
            raise unavailable(what, "no object came back")
        return answer

    def _accepted(self, method: str, path: str, what: str, **more: Any) -> Answer:
        from kubernetes.client import ApiException

        try:
            response = self._send(method, path, **more)
            answer = Answer(response.status, response.read() or b"")
        except HTTPError as error:
            raise unavailable(what, type(getattr(error, "reason", None) or error).__name__) from error
        except ApiException as error:  # raised for TLS trouble only, with status 0
            raise unavailable(what, "TLS") from error
        if not 200 <= answer.status <= 299:  # noqa: PLR2004 -- HTTP's own numbers
            raise refusal(answer.status, answer.body, what)
        return answer

    def _send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: object = None,
        content_type: str = "",
        headers: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
    ) -> Any:
        header = {"Accept": "application/json"} | ({"Content-Type": content_type} if content_type else {})
        request = self._client.param_serialize(
            method,
            path,
            query_params=list((query or {}).items()),
            header_params=header | dict(headers or {}),
            auth_settings=["BearerToken"],
        )
        url, sent_headers = request[1], request[2]
        return self._client.call_api(
            method,
            url,
            sent_headers,
            body=body,  # the client encodes it
            _request_timeout=(self._connect_timeout_s, timeout_s or self._read_timeout_s),
        )


def _first_bytes(response: BaseHTTPResponse, limit_bytes: int, until: float) -> bytes:
    body = b""
    while len(body) < limit_bytes and (piece := response.read1(limit_bytes - len(body), decode_content=True)):
        body += piece
        if time.monotonic() > until:  # the socket's own timeout starts again with every byte
            raise HttpTimeoutError("the answer is still coming")
    return body


def build_path(group: str, namespace: str, plural: str, name: str = "", sub: str = "") -> str:
    """Build a path, e.g. ``/apis/apps/v1/namespaces/prod/deployments/api/scale``; `group` as ``apps/v1`` or ``v1``."""
    root = "apis" if "/" in group else "api"
    parts = ["", root, group, "namespaces", quote(namespace, safe=""), plural]
    return "/".join(parts + [part for part in (quote(name, safe=":"), sub) if part])


class Namespace:
    """Reads and patches one namespace's objects. Raises what `failures.refusal` names.

    A list in a namespace that does not exist is just empty, so read a named object first.
    """

    def __init__(self, api: Api, name: str) -> None:
        self.api = api
        self.name = name

    def deployment(self, name: str) -> Obj:
        """Read a Deployment."""
        return self._get(APPS, "deployments", name)

    def service(self, name: str) -> Obj:
        """Read a Service."""
        return self._get(CORE, "services", name)

    def uid(self) -> str:
        """Read the namespace's UID; "" where our account may not."""
        try:
            found = self.api.get(f"/api/v1/namespaces/{quote(self.name, safe='')}", self._what("get", "namespaces"))
        except PermanentError:
            return ""
        return str((found.get("metadata") or {}).get("uid") or "")

    def replicasets(self, selector: str) -> list[Obj]:
        """List ReplicaSets."""
        return self._list(APPS, "replicasets", selector)

    def pods(self, selector: str) -> list[Obj]:
        """List pods."""
        return self._list(CORE, "pods", selector)

    def autoscalers(self) -> list[Obj]:
        """List HorizontalPodAutoscalers."""
        return self._list(AUTOSCALING, "horizontalpodautoscalers", "")

    def log(self, pod: str, container: str, tail_lines: int, limit_bytes: int) -> str:
        """Read the end of a container's log."""
        query = {"container": container, "tailLines": tail_lines, "limitBytes": limit_bytes}
        return self.api.text(build_path(CORE, self.name, "pods", pod, "log"), self._what("get", "pods/log", pod), query)

    def patch_deployment(self, name: str, change: Obj | list[Obj]) -> None:
        """Patch a Deployment: merge an object, or apply a JSON patch's list of operations."""
        self._patch(APPS, "deployments", name, change)

    def patch_service(self, name: str, change: Obj) -> None:
        """Merge-patch a Service."""
        self._patch(CORE, "services", name, change)

    def scale_deployment(self, name: str, replicas: int) -> None:
        """Set the replica count through the scale subresource."""
        self._patch(APPS, "deployments", name, {"spec": {"replicas": replicas}}, "scale")

    def _get(self, group: str, plural: str, name: str) -> Obj:
        return self.api.get(build_path(group, self.name, plural, name), self._what("get", plural, name))

    def _list(self, group: str, plural: str, selector: str) -> list[Obj]:
        query = {"labelSelector": selector} if selector else None
        found = self.api.get(build_path(group, self.name, plural), self._what("list", plural), query)
        return list(found.get("items") or ())

    def _patch(self, group: str, plural: str, name: str, change: Obj | list[Obj], sub: str = "") -> None:
        what = self._what("patch", f"{plural}/{sub}".rstrip("/"), name)
        content_type = JSON if isinstance(change, list) else MERGE
        self.api.patch(build_path(group, self.name, plural, name, sub), what, change, content_type)

    def _what(self, verb: str, plural: str, name: str = "") -> str:
        return f"{verb} {plural} {name}".rstrip() + f" in namespace {self.name}"


def write_selector(selector: Mapping[str, Any]) -> str:
    """Write a LabelSelector as a query parameter: ``app=api,tier in (web,api),!legacy``."""
    labels = selector.get("matchLabels") or {}
    terms = [f"{key}={value}" for key, value in sorted(labels.items())]
    return ",".join(terms + [_term(rule) for rule in selector.get("matchExpressions") or ()])


def retry_on_conflict(change: Callable[[], None]) -> None:
    """Retry a read, decide, write cycle from its start when somebody wrote in between; ``cluster-conflict`` at last."""
    attempts = stamina.retry_context(
        on=is_conflict, attempts=8, timeout=20.0, wait_initial=0.05, wait_max=1.0, wait_jitter=0.1
    )
    for attempt in attempts:
        with attempt:
            change()


def _term(rule: Mapping[str, Any]) -> str:
    key, values = str(rule["key"]), ",".join(rule.get("values") or ())
    words: dict[str, str] = {
        "In": f"{key} in ({values})",
        "NotIn": f"{key} notin ({values})",
        "Exists": key,
        "DoesNotExist": f"!{key}",
    }
    return words[str(rule["operator"])]
