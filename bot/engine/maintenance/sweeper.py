"""Sweeps up (reconciles) what a crash, a lost notification or the passing of time left undone, on every replica."""

import logging
import threading
from collections.abc import Callable
from dataclasses import replace

from bot.domain.runs import Run, RunState
from bot.engine.approvals.recount import end_forged, is_genuine
from bot.engine.approvals.voting import decide_again, show, show_as
from bot.engine.context import Services
from bot.engine.maintenance.cleanup import clean_up
from bot.engine.requests import defer
from bot.engine.runs.compensation import waits_for_cluster
from bot.engine.status.home import HomeKeeper
from bot.errors import BotError
from bot.ports import AuditEntry

SWEEP_EVERY_S = 2.0
CLEANUP_EVERY_S = 600.0
REQUEST_AGE_S = 15.0
MAX_OWN_RESUMES = 5
"""How often a run goes on by itself: a cluster that answers and refuses each time is for people."""
_NOBODY = "nobody decided in time"

_log = logging.getLogger(__name__)


def sweep(services: Services) -> None:
    """Queue what has a row and no job, take up runs without an owner, end requests past their time.

    Raises:
        BotError: the journal or the queue does not answer; the next sweep tries again.
    """
    # Runs come first: one without an owner may have left traffic down.
    for run_id in services.journal.runs.unowned():
        services.queue.defer_run(run_id)
    for request in services.journal.requests.unfinished(REQUEST_AGE_S):
        defer(services.queue, request)
    for run_id in services.journal.runs.expired():
        _expire(services, run_id)
    for environment in services.envs:
        run = services.journal.runs.active(environment)
        if run is not None and run.state is RunState.PENDING:
            _care_for_pending(services, run)
        if run is not None and run.state is RunState.PARKED and waits_for_cluster(run):
            _go_on_putting_back(services, run)


def _care_for_pending(services: Services, run: Run) -> None:
    """Count the votes of a request again, and show it: its opener may have died before. What is shown is not edited."""
    if not is_genuine(services, run):
        end_forged(services, run)
        return
    decide_again(services, run)  # decision 26: a full quorum never waits
    show(services, run.id)


def _go_on_putting_back(services: Services, run: Run) -> None:
    """Have a run that stopped before its commit, for want of the cluster, go on once the cluster answers."""
    events = services.journal.audit.events(run.id)
    if sum((event.event, event.actor) == ("resumed", "backstop") for event in events) >= MAX_OWN_RESUMES:
        return
    try:
        services.env(run.environment).cluster.inspect()
    except BotError as error:
        _log.info("run %s waits for the cluster: %s", run.id, error.reference)
        return
    text = f"The cluster answers again. Run {run.id} goes on putting things back; nobody has to do anything."
    services.announcer.note(run, f"goes-on-{run.fencing_token}", text)
    if services.journal.runs.resume(run.id, AuditEntry("backstop", "resumed", {"why": "the cluster answers again"})):
        services.queue.defer_run(run.id)
        show(services, run.id)


def anchor(services: Services) -> None:
    """Anchor the audit log if enough is new.

    Raises:
        BotError: the journal does not answer.
    """
    services.witness.anchor_when_due()


def _expire(services: Services, run_id: str) -> None:
    """Announce, apply, announce again: if the process dies in between, the next sweep repeats it."""
    run = services.journal.runs.find(run_id)
    if run is None:
        return
    if not is_genuine(services, run):
        end_forged(services, run)
        return
    show_as(services, replace(run, state=RunState.EXPIRED, problem=_NOBODY))
    entry = AuditEntry("backstop", "run-ended", {"state": RunState.EXPIRED.value})
    services.journal.runs.end(run_id, RunState.EXPIRED, _NOBODY, expect=frozenset({RunState.PENDING}), entry=entry)
    show(services, run_id)


class Sweeper:
    """Sweeps, keeps Home tabs, and anchors the audit log, in threads of their own until stopped."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._homes = HomeKeeper(services)
        self._stopped = threading.Event()
        self._threads = [
            threading.Thread(target=self._loop, name="sweeper", daemon=True),
            # By itself: looking at everything takes seconds, and a run without an owner must not wait for them.
            threading.Thread(target=self._keep_homes, name="homes", daemon=True),
            # By itself as well: a store that does not answer takes its time.
            threading.Thread(target=self._keep_anchored, name="anchors", daemon=True),
        ]

    def start(self) -> None:
        """Begin with a sweep at once: what a predecessor left is taken up at boot."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop and wait for the sweep under way."""
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def _loop(self) -> None:
        cleaned_at = self._services.clock.monotonic() - CLEANUP_EVERY_S
        while True:
            self._attempt(sweep)
            if self._services.clock.monotonic() - cleaned_at >= CLEANUP_EVERY_S:
                cleaned_at = self._services.clock.monotonic()
                self._attempt(clean_up)
            if self._stopped.wait(SWEEP_EVERY_S):
                return

    def _keep_homes(self) -> None:
        while not self._stopped.wait(SWEEP_EVERY_S):
            self._attempt(self._homes.refresh)

    def _keep_anchored(self) -> None:
        while not self._stopped.wait(SWEEP_EVERY_S):
            self._attempt(anchor)

    def _attempt(self, work: Callable[[Services], None]) -> None:
        try:
            work(self._services)
        except BotError as error:
            _log.warning("%s: %s", work.__name__, error.reference)
        except Exception:  # noqa: BLE001 -- a dead sweeper helps nobody; the next sweep may fare better
            _log.exception("%s", work.__name__)
