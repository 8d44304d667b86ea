"""Requests to the API server: JSON in, JSON out, every one with timeouts, every refusal translated.

Objects stay plain dictionaries. The client's models drop fields they do not know, and a pod template put back through
them would lose whatever a newer server added; they also refuse answers the real server gives.
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import stamina
from urllib3 import BaseHTTPResponse
from urllib3.exceptions import HTTPError
from urllib3.exceptions import TimeoutError as HttpTimeoutError

from bot.adapters.cluster.failures import is_conflict, refusal, unavailable

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

Obj = dict[str, Any]
MERGE = "application/merge-patch+json"
JSON = "application/json-patch+json"
CONNECT_TIMEOUT_S = 3.0
READ_TIMEOUT_S = 15.0


@dataclass(frozen=True)
class Answer:
    """A raw answer; `body` may be cut at the limit that was asked for."""

    status: int
    body: bytes


class Api:
    """An API server.

    Args:
        client: see `client.connect`.
        connect_timeout_s, read_timeout_s: of every request that names no other.
    """

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

    def get(self, path: str, what: str, query: Mapping[str, Any] | None = None) -> Obj:
        """Read an object or a list; `what` names it in errors."""
        return self._json("GET", path, what, query=query)

    def patch(self, path: str, what: str, body: object, content_type: str = MERGE) -> Obj:
        """Patch an object."""
        return self._json("PATCH", path, what, body=body, content_type=content_type)

    def post(self, path: str, what: str, body: Obj) -> Obj:
        """Create an object, or ask for a review."""
        return self._json("POST", path, what, body=body, content_type="application/json")

    def text(self, path: str, what: str, query: Mapping[str, Any]) -> str:
        """Read something that is no JSON."""
        return self._accepted("GET", path, what, query=query).body.decode(errors="replace")

    def raw(self, path: str, *, timeout_s: float, limit_bytes: int) -> Answer:
        """GET and give whatever answer came, its first bytes.

        Raises:
            urllib3.exceptions.HTTPError: none came within `timeout_s`.
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
            response.close()  # what is left of a long answer is not waited for

    def _json(self, method: str, path: str, what: str, **more: Any) -> Obj:
        body = self._accepted(method, path, what, **more).body
        try:
            answer = json.loads(body)
        except ValueError as error:
            raise unavailable(what, "no JSON came back") from error  # a proxy's page, with status 200
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
            body=body,  # made JSON by the client
            _request_timeout=(self._connect_timeout_s, timeout_s or self._read_timeout_s),
        )


def _first_bytes(response: BaseHTTPResponse, limit_bytes: int, until: float) -> bytes:
    """Read up to the limit. A read timeout begins anew with every byte, so the whole is watched as well."""
    body = b""
    while len(body) < limit_bytes and (piece := response.read1(limit_bytes - len(body), decode_content=True)):
        body += piece
        if time.monotonic() > until:
            raise HttpTimeoutError("the answer is still coming")
    return body


def path_of(group: str, namespace: str, plural: str, name: str = "", sub: str = "") -> str:
    """Build a path, e.g. ``/apis/apps/v1/namespaces/prod/deployments/api/scale``; `group` as ``apps/v1`` or ``v1``."""
    root = "apis" if "/" in group else "api"
    parts = ["", root, group, "namespaces", quote(namespace, safe=""), plural]
    return "/".join(parts + [part for part in (quote(name, safe=":"), sub) if part])


def decide_again_on_conflict(change: Callable[[], None]) -> None:
    """Run read, decide, write; from the start again when somebody wrote in between.

    Raises:
        TemporaryError: ``cluster-conflict`` when it was overtaken every time.
    """
    attempts = stamina.retry_context(
        on=is_conflict, attempts=8, timeout=20.0, wait_initial=0.05, wait_max=1.0, wait_jitter=0.1
    )
    for attempt in attempts:
        with attempt:
            change()
