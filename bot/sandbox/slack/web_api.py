"""Handles one Web API call: fault, token, scope, rate limit, method, answer, log."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from bot.sandbox.slack.arguments import Arguments, read_arguments
from bot.sandbox.slack.errors import SlackError
from bot.sandbox.slack.faults import Fault
from bot.sandbox.slack.methods import METHODS, Method
from bot.sandbox.slack.sockets import SocketHub
from bot.sandbox.slack.state import State

Json = dict[str, Any]


@dataclass
class Answer:
    """An HTTP status, a body, headers."""

    status: int
    body: Json
    headers: dict[str, str] = field(default_factory=dict)


class WebApi:
    """Serves ``/api/{method}``."""

    def __init__(self, state: State, hub: SocketHub) -> None:
        self._state = state
        self._hub = hub

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one call, after whatever fault is due, and log it."""
        name = request.match_info["method"]
        began_s = asyncio.get_running_loop().time()
        at_s = self._state.clock()
        given: Json = {}
        try:
            given = await read_arguments(request)
            fault = self._state.faults.web(name, str(given.get("channel", "")))
            answer = await self._answer(request, name, given, fault)
        except SlackError as refused:
            fault, answer = None, refusal(refused)
        elapsed_ms = round((asyncio.get_running_loop().time() - began_s) * 1000, 1)
        call = {"time": at_s, "method": name, "arguments": {k: v for k, v in given.items() if k != "token"}}
        reported = {"status": answer.status, "answer": answer.body, "elapsed_ms": elapsed_ms}
        self._state.calls.record(call | reported | {"fault": fault.kind if fault else None})
        if fault and fault.kind == "drop" and request.transport:
            request.transport.abort()
        return web.json_response(answer.body, status=answer.status, headers=answer.headers)

    async def _answer(self, request: web.Request, name: str, given: Json, fault: Fault | None) -> Answer:
        if fault is None:
            return self._call(request, name, given)
        if fault.kind == "delay" and not fault.after:
            await asyncio.sleep(fault.delay_s)
        answer = self._call(request, name, given) if fault.after or fault.kind == "delay" else None
        if fault.kind == "delay" and answer is not None:
            await asyncio.sleep(fault.delay_s if fault.after else 0)
            return answer
        return _failure(fault)

    def _call(self, request: web.Request, name: str, given: Json) -> Answer:
        try:
            method = _method(name)
            self._authorize(_token(request, given), method)
            if wait_s := self._state.rates.wait_s(name, str(given.get("channel", ""))):
                return rate_limited(wait_s)
            if name == "apps.connections.open":
                return Answer(200, {"ok": True, "url": self._hub.issue_url()})
            return Answer(200, {"ok": True, **method.run(self._state, Arguments(given))})
        except SlackError as refused:
            return refusal(refused)

    def _authorize(self, token: str, method: Method) -> None:
        workspace = self._state.workspace
        if not token:
            raise SlackError("not_authed")
        if token not in (workspace.bot_token, workspace.app_token):
            raise SlackError("invalid_auth")
        if token != (workspace.app_token if method.app_token else workspace.bot_token):
            raise SlackError("not_allowed_token_type")
        if method.scopes and not workspace.scopes.intersection(method.scopes):
            provided = ",".join(sorted(workspace.scopes))
            raise SlackError("missing_scope", needed=method.scopes[0], provided=provided)


def _method(name: str) -> Method:
    if name not in METHODS:
        raise SlackError("unknown_method", req_method=name)
    return METHODS[name]


def refusal(refused: SlackError) -> Answer:
    """Slack refuses with status 200."""
    return Answer(200, {"ok": False, "error": refused.error, **refused.extra})


def rate_limited(wait_s: float) -> Answer:
    """Return Slack's 429 and the seconds to wait."""
    return Answer(429, {"ok": False, "error": "ratelimited"}, {"Retry-After": f"{wait_s:g}"})


def _failure(fault: Fault) -> Answer:
    if fault.kind == "429":
        return rate_limited(fault.retry_after_s)
    if fault.kind == "error":
        return Answer(200, {"ok": False, "error": fault.error})
    return Answer(fault.status, {"ok": False, "error": "service_unavailable"})


def _token(request: web.Request, given: Json) -> str:
    header = request.headers.get("Authorization", "")
    return header.removeprefix("Bearer ").strip() or str(given.get("token", ""))
