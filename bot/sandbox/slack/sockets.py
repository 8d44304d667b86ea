"""Delivers envelopes in Socket Mode: up to ten sockets, one of them per envelope, unacked ones sent again."""

import asyncio
import json
import secrets
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSMsgType, web

from bot.sandbox.slack.faults import Faults

Json = dict[str, Any]
MAX_SOCKETS = 10
WARNING_LEAD_S = 10.0
PING_EVERY_S = 10.0
CLOSE_WAIT_S = 1.0


@dataclass(frozen=True)
class Timings:
    """Slack's patience, in seconds.

    ``event_retries_s`` are the pauses before an unacked event's retries. ``command_redeliveries`` is how often a
    command or interaction goes to another socket after its time is up and its user has seen an error.
    """

    ack_timeout_s: float = 3.0
    event_retries_s: tuple[float, ...] = (0.0, 60.0, 300.0)
    command_redeliveries: int = 1


@dataclass(eq=False)
class Socket:
    """One connected client."""

    id: str
    ws: web.WebSocketResponse
    transport: asyncio.Transport | None
    leaving: bool = False


@dataclass(eq=False)
class Envelope:
    """One delivery; ``acked`` resolves to the ack's payload, ``lost`` is set when its socket goes away."""

    message: Json
    acked: "asyncio.Future[Json]"
    lost: asyncio.Event = field(default_factory=asyncio.Event)
    holders: list[Socket] = field(default_factory=list)

    @property
    def id(self) -> str:
        """Its ``envelope_id``."""
        return str(self.message["envelope_id"])


@dataclass
class Delivery:
    """Outcome of a delivery: ``ack`` is the payload (empty when there was none), None with an ``error``."""

    ack: Json | None
    error: str | None = None


class SocketHub:
    """All sockets of the app, and what is on its way to them."""

    def __init__(self, app_id: str, faults: Faults, timings: Timings) -> None:
        self._app_id = app_id
        self._faults = faults
        self._timings = timings
        self._tickets: set[str] = set()
        self._turn = 0
        self._arrived = asyncio.Event()
        self._pending: dict[str, Envelope] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self.sockets: list[Socket] = []
        self.base_url = ""

    def issue_url(self) -> str:
        """Issue a WebSocket address that is good for one connection."""
        ticket = secrets.token_hex(16)
        self._tickets.add(ticket)
        return f"{self.base_url.replace('http', 'ws', 1)}/link/?ticket={ticket}&app_id={self._app_id}"

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Take one client's connection, until it ends."""
        ticket = request.query.get("ticket", "")
        if ticket not in self._tickets:
            return web.Response(status=401, text="invalid ticket")
        self._tickets.discard(ticket)
        ws = web.WebSocketResponse(heartbeat=PING_EVERY_S, timeout=CLOSE_WAIT_S, compress=False)
        await ws.prepare(request)
        if len(self.sockets) >= MAX_SOCKETS:
            await ws.send_json({"type": "disconnect", "reason": "too_many_websockets", "debug_info": _debug_info()})
            await ws.close()
            return ws
        await self._converse(Socket(secrets.token_hex(4), ws, request.transport))
        return ws

    async def deliver(self, kind: str, payload: Json, *, accepts_payload: bool) -> Delivery:
        """Send a command or interaction and wait for its ack."""
        envelope = self._envelope(kind, payload, accepts_response_payload=accepts_payload)
        ack = await self._send_until_acked(envelope)
        if ack is not None:
            return Delivery(ack)
        if not envelope.holders:
            return Delivery(None, "dispatch_failed")
        for _ in range(self._timings.command_redeliveries):
            self.spawn(self._send_until_acked(self._envelope_again(envelope)))
        return Delivery(None, "operation_timeout")

    async def deliver_event(self, payload: Json) -> bool:
        """Send an event; repeat it at once, after one minute and after five until it is acked; tell if it was."""
        for attempt, pause_s in enumerate((0.0, *self._timings.event_retries_s)):
            await asyncio.sleep(pause_s)
            reason = "timeout" if attempt else ""
            more = {"accepts_response_payload": False, "retry_attempt": attempt, "retry_reason": reason}
            if await self._send_until_acked(self._envelope("events_api", payload, **more)) is not None:
                return True
        return False

    def spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        """Run something in the background until the hub closes."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def disconnect(self, reason: str | None, lead_s: float, count: int | None) -> int:
        """Send clients away: abruptly without a reason, else announced. Returns their number."""
        chosen = self.sockets[: count or len(self.sockets)]
        for socket in chosen:
            if reason is None:
                _abort(socket)
            else:
                await self._announce(socket, reason, lead_s)
        return len(chosen)

    async def close(self) -> None:
        """End everything."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for socket in list(self.sockets):
            _abort(socket)

    async def _converse(self, socket: Socket) -> None:
        self.sockets.append(socket)
        self._arrived.set()
        try:
            await socket.ws.send_json(self._hello())
            async for frame in socket.ws:
                if frame.type == WSMsgType.TEXT:
                    self._acknowledge(frame.data)
        except ConnectionError:
            pass  # the client went away between two frames
        finally:
            self._forget(socket)

    def _forget(self, socket: Socket) -> None:
        if socket in self.sockets:
            self.sockets.remove(socket)
        if not self.sockets:
            self._arrived.clear()
        for envelope in self._pending.values():
            if envelope.holders and envelope.holders[-1] is socket:
                envelope.lost.set()

    def _acknowledge(self, text: str) -> None:
        try:
            message = json.loads(text)
        except ValueError:
            return  # Slack ignores what it cannot read
        envelope = self._pending.get(message.get("envelope_id", "")) if isinstance(message, dict) else None
        if envelope and not envelope.acked.done():
            payload = message.get("payload")
            envelope.acked.set_result(payload if isinstance(payload, dict) else {})

    async def _send_until_acked(self, envelope: Envelope) -> Json | None:
        self._pending[envelope.id] = envelope
        try:
            async with asyncio.timeout(self._timings.ack_timeout_s):
                while not envelope.acked.done():
                    await self._send(envelope)
                    await self._acked_or_lost(envelope)
                return envelope.acked.result()
        except TimeoutError:
            return None
        finally:
            self._pending.pop(envelope.id, None)

    async def _acked_or_lost(self, envelope: Envelope) -> None:
        lost = asyncio.ensure_future(envelope.lost.wait())
        either: set[asyncio.Future[Any]] = {lost, envelope.acked}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            lost.cancel()

    async def _send(self, envelope: Envelope) -> None:
        if fault := self._faults.socket("delay"):
            await asyncio.sleep(fault.delay_s)
        socket = await self._next(envelope.holders)
        envelope.holders.append(socket)
        envelope.lost.clear()
        if self._faults.socket("drop"):
            return
        await self._put(socket, envelope)
        if self._faults.socket("duplicate"):
            await self._put(await self._next(envelope.holders), envelope)

    async def _put(self, socket: Socket, envelope: Envelope) -> None:
        try:
            await socket.ws.send_json(envelope.message)
        except ConnectionError:
            self._forget(socket)

    async def _next(self, avoid: list[Socket]) -> Socket:
        while not self.sockets:
            await self._arrived.wait()
        staying = [s for s in self.sockets if not s.leaving] or self.sockets
        fresh = [s for s in staying if s not in avoid] or staying
        self._turn += 1
        return fresh[self._turn % len(fresh)]

    async def _announce(self, socket: Socket, reason: str, lead_s: float) -> None:
        socket.leaving = True
        await self._farewell(socket, reason)
        if reason == "warning":
            self.spawn(self._leave_later(socket, lead_s))
        else:
            await socket.ws.close()

    async def _leave_later(self, socket: Socket, lead_s: float) -> None:
        await asyncio.sleep(lead_s)
        await self._farewell(socket, "refresh_requested")
        await socket.ws.close()

    async def _farewell(self, socket: Socket, reason: str) -> None:
        try:
            await socket.ws.send_json({"type": "disconnect", "reason": reason, "debug_info": _debug_info()})
        except ConnectionError:
            self._forget(socket)

    def _hello(self) -> Json:
        return {
            "type": "hello",
            "num_connections": len(self.sockets),
            "connection_info": {"app_id": self._app_id},
            "debug_info": _debug_info() | {"build_number": 1, "approximate_connection_time": 18060},
        }

    def _envelope(self, kind: str, payload: Json, **more: Any) -> Envelope:
        message = {"envelope_id": _uuid(), "payload": payload, "type": kind, **more}
        return Envelope(message, asyncio.get_running_loop().create_future())

    def _envelope_again(self, envelope: Envelope) -> Envelope:
        again = Envelope(envelope.message, asyncio.get_running_loop().create_future())
        again.holders.extend(envelope.holders)
        return again


def _abort(socket: Socket) -> None:
    if socket.transport:
        socket.transport.abort()


def _debug_info() -> Json:
    return {"host": "applink-sandbox"}


def _uuid() -> str:
    raw = secrets.token_hex(16)
    return f"{raw[:8]}-{raw[8:12]}-{raw[12:16]}-{raw[16:20]}-{raw[20:]}"
