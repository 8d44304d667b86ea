"""Runs the emulator: a thread with its own event loop behind a synchronous start and stop."""

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from bot.sandbox.slack.control import Control, FaultSink, StateExtra
from bot.sandbox.slack.payloads import event_callback
from bot.sandbox.slack.rates import RateLimits
from bot.sandbox.slack.server import build
from bot.sandbox.slack.sockets import SocketHub, Timings
from bot.sandbox.slack.state import State
from bot.sandbox.slack.workspace import Workspace, default_workspace

Json = dict[str, Any]
START_TIMEOUT_S = 10.0
STOP_TIMEOUT_S = 10.0


def wall_clock() -> float:
    """Seconds since the epoch: the clock of Slack's own servers."""
    return time.time()  # noqa: TID251 - the emulated service is the clock's owner; tests pass their own


@dataclass
class SlackEmulator:
    """A Slack workspace on loopback.

    Args:
        workspace: who and what exists; PhysioFlow's by default. Changed by gestures.
        port: 0 takes a free one.
        rate_scale: multiplies Slack's rates; 0 turns the limits off.
        timings: how long an ack may take, and when events are retried.
        clock: wall clock in seconds, for expiry and rates.
        state_extra: called in a thread for ``GET /sandbox/state``; its result is merged in.
        fault_sink: called in a thread with faults for other targets, and with None when all are cleared.
    """

    workspace: Workspace = field(default_factory=default_workspace)
    port: int = 0
    rate_scale: float = 1.0
    timings: Timings = field(default_factory=Timings)
    clock: Callable[[], float] = wall_clock
    state_extra: StateExtra | None = None
    fault_sink: FaultSink | None = None

    def __post_init__(self) -> None:
        self.base_url = ""
        self._thread: threading.Thread | None = None
        self._ready = threading.Event()
        self._failure: BaseException | None = None

    @property
    def api_url(self) -> str:
        """Return the value for ``WebClient(base_url=…)``."""
        return f"{self.base_url}/api/"

    def start(self) -> Self:
        """Listen; raises `OSError` when the port is taken."""
        self._thread = threading.Thread(target=self._run, name="slack-emulator", daemon=True)
        self._thread.start()
        self._ready.wait(START_TIMEOUT_S)
        if self._failure is not None:
            self._thread.join()
            raise self._failure
        return self

    def stop(self) -> None:
        """Close every socket and end the thread; harmless when stopped already."""
        if self._thread is None or not self._thread.is_alive():
            return
        self._loop.call_soon_threadsafe(self._halt.set)
        self._thread.join(STOP_TIMEOUT_S)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as failure:  # noqa: BLE001 - handed to the thread that called start
            self._failure = failure
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        self._loop, self._halt = asyncio.get_running_loop(), asyncio.Event()
        state = State(self.workspace, self.clock, RateLimits(self.clock, self.rate_scale))
        hub = SocketHub(self.workspace.app_id, state.faults, self.timings)
        state.emit = lambda event: self._emit(state, hub, event)
        app = build(state, hub, Control(state, hub, self.state_extra, self.fault_sink))
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", self.port).start()
            self.port = runner.addresses[0][1]
            self.base_url = state.base_url = hub.base_url = f"http://127.0.0.1:{self.port}"
            self._ready.set()
            await self._halt.wait()
        finally:
            await hub.close()
            await runner.cleanup()

    def _emit(self, state: State, hub: SocketHub, event: Json) -> None:
        if event["type"] in self.workspace.events:
            hub.spawn(hub.deliver_event(event_callback(state, event)))
