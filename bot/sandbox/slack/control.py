"""Serves the control API under ``/sandbox``: gestures, faults, and the state of the workspace. JSON, loopback only."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from bot.sandbox.slack import faults, overview
from bot.sandbox.slack.errors import GestureError
from bot.sandbox.slack.gestures import account, modal, press, slash
from bot.sandbox.slack.sockets import WARNING_LEAD_S, SocketHub
from bot.sandbox.slack.state import State

Json = dict[str, Any]
StateExtra = Callable[[], Json]
FaultSink = Callable[[Json | None], None]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Control:
    """Serves ``/sandbox/*``.

    Args:
        state: the workspace.
        hub: its sockets.
        state_extra: what the rest of the sandbox adds to ``GET /sandbox/state``; merged key by key.
        fault_sink: takes faults whose target is not ``slack``, and None when all are cleared.
    """

    def __init__(
        self, state: State, hub: SocketHub, state_extra: StateExtra | None = None, fault_sink: FaultSink | None = None
    ) -> None:
        self._state = state
        self._hub = hub
        self._state_extra = state_extra
        self._fault_sink = fault_sink

    def routes(self) -> list[web.RouteDef]:
        """All of the control API."""
        state, hub = self._state, self._hub
        return [
            web.post("/sandbox/slash", _gesture(lambda body: slash.type_command(state, hub, body))),
            web.post("/sandbox/press", _gesture(lambda body: press.press(state, hub, body))),
            web.post("/sandbox/submit", _gesture(lambda body: modal.submit(state, hub, body))),
            web.post("/sandbox/close", _gesture(lambda body: modal.close(state, hub, body))),
            web.post("/sandbox/suggest", _gesture(lambda body: modal.suggest(state, hub, body))),
            web.post("/sandbox/react", _gesture(lambda body: _now(press.react(state, body)))),
            web.post("/sandbox/home", _gesture(lambda body: _now(modal.open_home(state, body)))),
            web.post("/sandbox/user", _gesture(lambda body: _now(account.change_user(state, body)))),
            web.post("/sandbox/faults", _gesture(self._add_fault)),
            web.delete("/sandbox/faults", _guarded(self._clear_faults)),
            web.get("/sandbox/faults", _guarded(self._list_faults)),
            web.get("/sandbox/messages", _guarded(self._messages)),
            web.get("/sandbox/calls", _guarded(self._calls)),
            web.get("/sandbox/state", _guarded(self._survey)),
        ]

    async def _add_fault(self, body: Json) -> Json:
        target = body.get("target", "slack")
        if target != "slack":
            if self._fault_sink is None:
                raise GestureError("unknown_target", f"nothing here takes faults for {target!r}", 404)
            await asyncio.to_thread(self._fault_sink, body)
            return {"ok": True}
        fault = faults.parse(body)
        if fault.kind == "disconnect":
            lead_s = fault.delay_s if "delay_s" in body else WARNING_LEAD_S
            return {"ok": True, "disconnected": await self._hub.disconnect(fault.reason, lead_s, fault.times)}
        if fault.kind == "rates":
            self._state.rates.scale = fault.scale
        else:
            self._state.faults.add(fault)
        return {"ok": True}

    async def _clear_faults(self, _: web.Request) -> Json:
        self._state.faults.clear()
        if self._fault_sink is not None:
            await asyncio.to_thread(self._fault_sink, None)
        return {"ok": True}

    async def _list_faults(self, _: web.Request) -> Json:
        return {"ok": True, "faults": self._state.faults.listed()}

    async def _messages(self, request: web.Request) -> Json:
        return {"ok": True, "messages": overview.messages(self._state, dict(request.query))}

    async def _calls(self, request: web.Request) -> Json:
        since = request.query.get("since", "0")
        if not since.isdigit():
            raise GestureError("invalid_since", "`since` is a `seq`, a whole number")
        return {"ok": True, "calls": self._state.calls.listed(request.query.get("method"), int(since))}

    async def _survey(self, _: web.Request) -> Json:
        extra = await asyncio.to_thread(self._state_extra) if self._state_extra else {}
        return overview.merged(overview.survey(self._state, self._hub), extra)


async def _now(result: Json) -> Json:
    return result


def _gesture(run: Callable[[Json], Awaitable[Json]]) -> Handler:
    async def handle(request: web.Request) -> Json:
        return await run(await _body(request))

    return _guarded(handle)


def _guarded(run: Callable[[web.Request], Awaitable[Json]]) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            return web.json_response(await run(request))
        except GestureError as refused:
            reported = {"ok": False, "error": refused.error, "message": refused.message}
            return web.json_response(reported, status=refused.status)

    return handle


async def _body(request: web.Request) -> Json:
    try:
        body = json.loads(await request.text() or "{}")
    except ValueError as broken:
        raise GestureError("invalid_json", f"the body is no JSON: {broken}") from None
    if not isinstance(body, dict):
        raise GestureError("invalid_json", "the body must be a JSON object")
    return body
