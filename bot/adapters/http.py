"""Serves health and metrics over HTTP: one Starlette app on uvicorn, in its own thread."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import uvicorn
from prometheus_client import CollectorRegistry, Gauge, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from bot.domain.drills import Standing
from bot.errors import BotError, PermanentError
from bot.ports import Anchoring, Backlog

START_TIMEOUT_S = 10.0
POLL_S = 0.02


@dataclass(frozen=True)
class Figures:
    """The sources of ``/metrics``.

    Attributes:
        runs_by_state: counts the runs in each state.
        drills: returns every schedule's standing.
        ticked_at: returns the time of this replica's last complete scheduler tick; None before the first.
        backlog: returns the messages that Slack has not accepted yet.
        anchoring: returns how well the audit log is anchored.
    """

    runs_by_state: Callable[[], Mapping[str, int]]
    drills: Callable[[], Sequence[Standing]] = tuple
    ticked_at: Callable[[], datetime | None] = lambda: None
    backlog: Callable[[], Sequence[Backlog]] = tuple
    anchoring: Callable[[], Anchoring] = Anchoring


class HttpServer:
    """Serves ``/healthz`` (the process lives), ``/readyz`` (it can do its work) and ``/metrics``.

    Args:
        host, port: address to listen on.
        unready: returns the reasons of what is not ready, by name; empty when all is well.
        figures: for ``/metrics``.
    """

    def __init__(self, host: str, port: int, unready: Callable[[], Mapping[str, str]], figures: Figures) -> None:
        self._unready = unready
        self._figures = figures
        routes = [
            Route("/healthz", lambda _: PlainTextResponse("alive\n")),
            Route("/readyz", self._ready),
            Route("/metrics", self._metrics),
        ]
        config = uvicorn.Config(Starlette(routes=routes), host=host, port=port, log_config=None, access_log=False)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, name="http", daemon=True)

    def start(self) -> None:
        """Listen. Raises ``http-not-listening``, e.g. because the port is taken."""
        self._thread.start()
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                raise PermanentError(
                    "http-not-listening",
                    f"Nothing listens on {self._server.config.host}:{self._server.config.port}.",
                    "Choose a free port in [http] of the configuration.",
                )
            time.sleep(POLL_S)

    def stop(self) -> None:
        """Stop listening."""
        self._server.should_exit = True
        self._thread.join()

    def _ready(self, _: Request) -> Response:
        missing = dict(self._unready())
        return JSONResponse({"ready": not missing, "missing": missing}, status_code=503 if missing else 200)

    def _metrics(self, _: Request) -> Response:
        registry = CollectorRegistry()
        runs = Gauge("backstop_runs", "Runs by state", ["state"], registry=registry)
        up = Gauge("backstop_journal_up", "Whether the journal answers", registry=registry)
        try:
            for state, count in self._figures.runs_by_state().items():
                runs.labels(state).set(count)
            _measure_drills(self._figures.drills(), registry)
            _measure_backlog(self._figures.backlog(), registry)
            up.set(1)
        except BotError:
            up.set(0)
        _measure_anchoring(self._figures.anchoring(), registry)
        ticked_at = self._figures.ticked_at()
        if ticked_at is not None:
            name, text = "backstop_scheduler_last_tick_timestamp_seconds", "When the scheduler had dealt with all"
            Gauge(name, text, registry=registry).set(ticked_at.timestamp())
        return PlainTextResponse(generate_latest(registry), media_type="text/plain; version=0.0.4")


def _measure_backlog(backlog: Sequence[Backlog], registry: CollectorRegistry) -> None:
    waiting = Gauge("backstop_outbox_waiting", "Messages still to be sent", ["receiver"], registry=registry)
    given_up = Gauge("backstop_outbox_given_up", "Messages tried no more", ["receiver"], registry=registry)
    for of in backlog:
        waiting.labels(of.receiver).set(of.waiting)
        given_up.labels(of.receiver).set(of.given_up)


def _measure_anchoring(found: Anchoring, registry: CollectorRegistry) -> None:
    name, text = "backstop_log_contradicted", "Whether the audit log disagrees with its anchors"
    Gauge(name, text, registry=registry).set(bool(found.contradiction))
    name, text = (
        "backstop_log_unanchored_since_timestamp_seconds",
        "When the oldest event without an anchor was written",
    )
    if found.since is not None:
        Gauge(name, text, registry=registry).set(found.since.timestamp())
    name, text = "backstop_log_last_anchor_timestamp_seconds", "When the audit log was last anchored"
    if found.last_at is not None:
        Gauge(name, text, registry=registry).set(found.last_at.timestamp())


def _measure_drills(standings: Sequence[Standing], registry: CollectorRegistry) -> None:
    # A missing figure is left out, so that an alert on ``absent`` fires; a zero would hide it.
    labels = ["schedule", "environment", "kind"]
    passed = Gauge(
        "backstop_drill_last_success_timestamp_seconds", "When a drill last passed", labels, registry=registry
    )
    overdue = Gauge(
        "backstop_drill_overdue", "Whether it has been too long since one passed", labels, registry=registry
    )
    ahead = Gauge("backstop_drill_next_due_timestamp_seconds", "When the next one is due", labels, registry=registry)
    for standing in standings:
        item = standing.schedule
        of = (item.name, item.environment, item.kind.value)
        overdue.labels(*of).set(standing.overdue)
        if standing.last_passed is not None:
            passed.labels(*of).set(standing.last_passed.timestamp())
        if standing.next_due is not None:
            ahead.labels(*of).set(standing.next_due.timestamp())
