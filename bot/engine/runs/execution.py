"""Holds a run for this process: its place in the checklist, and its session in the closed database."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from types import TracebackType
from typing import Any

from bot.domain.place import DatabaseIdentity, place_differences, place_of
from bot.domain.runs import Run, Step, StepState
from bot.engine.approvals.consent import FORGED, find_forged
from bot.engine.approvals.signatures import sign_step
from bot.engine.context import EnvironmentServices, Services
from bot.engine.runs.interrupts import CancelledError
from bot.engine.runs.step_execution import Outcome, StepExecution
from bot.errors import BotError, PermanentError, TemporaryError
from bot.planning.kinds import is_past_return
from bot.ports import ExclusiveAccess, FetchedBundle

_log = logging.getLogger(__name__)


class Execution(StepExecution):
    """A run while this process owns it. Leaving the context also ends the session, not the run."""

    def __init__(self, services: Services, env: EnvironmentServices, run: Run) -> None:
        super().__init__(services, run.lease)
        self.env = env
        self.run = run
        self.compensating = False
        self.bundle: FetchedBundle | None = None
        self._session: ExclusiveAccess | None = None
        self._cancelled_by = run.cancel_requested_by

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.end_session()
        except BotError:
            _log.warning("run %s: the session in the closed database did not end properly", self.run.id)
        finally:  # a heart that goes on would keep the run from every other process
            super().__exit__(kind, error, trace)

    @property
    def steps(self) -> tuple[Step, ...]:
        """The checklist as it was read last."""
        return self.run.steps

    def look(self) -> None:
        """Look for a request to cancel."""
        run = self.services.journal.runs.find(self.run.id)
        self._cancelled_by = run.cancel_requested_by if run else ""

    @property
    def may_cancel(self) -> bool:
        """Tell if stopping still leaves the database as it was."""
        return not is_past_return(self.run)

    def check(self) -> None:
        """Ask whether to go on.

        Raises:
            OwnershipLostError: another process has the run, or our lease may have ended unnoticed.
            CancelledError: it is to be stopped and still can be.
        """
        super().check()
        if self._cancelled_by and self.may_cancel and not self.compensating:
            raise CancelledError(self._cancelled_by)

    def may_commit(self) -> None:
        """Take the very last look before COMMIT: the run is ours, and nobody wants it stopped.

        Raises:
            PermanentError, TemporaryError: see `must_own`.
            CancelledError: somebody does.
        """
        self.must_own()
        run = self.services.journal.runs.find(self.run.id)
        if run is not None and run.cancel_requested_by:
            raise CancelledError(run.cancel_requested_by)

    @property
    def approved_database(self) -> DatabaseIdentity | None:
        """The database that people voted about; None in a plan of an old release."""
        place = self.run.plan.place
        return place.database if place else None

    def check_place(self) -> None:
        """Make sure that this process is configured for the place that people voted about.

        Raises:
            PermanentError: ``other-place``: nothing may be done, and nothing put back, from here.
        """
        place, env = self.run.plan.place, self.env
        if place is None:
            return
        here = place_of(
            replace(place.database, address=env.database.address),
            replace(place.cluster, namespace=env.environment.workloads.namespace, address=env.cluster.address),
            env.environment.backups,
            env.environment.approval,
        )
        # Who decides counts until the start; where it is done counts to the end.
        moved = place_differences(
            place, replace(here, quorum=place.quorum, approvers=place.approvers, requester_votes=place.requester_votes)
        )
        if moved:
            raise PermanentError(
                "other-place",
                f"This process is configured for another place than run {self.run.id}: {' '.join(moved)}",
                "Have a process with the configuration that it began with go on: put it back, restart, then Retry.",
            )

    def session(self) -> ExclusiveAccess:
        """Return the only session of the closed database, closing it to others if this process has not."""
        if self._session is None:
            self._session = self.env.database.take_exclusive_access(self.run.id, self.approved_database)
        return self._session

    @contextmanager
    def exclusive_session(self) -> Iterator[ExclusiveAccess]:
        """Lend that session. After a temporary error it may be dead, so the next one is a new one."""
        try:
            yield self.session()
        except TemporaryError:
            self.end_session()
            raise

    def end_session(self) -> None:
        """End that session. The database stays closed until `reopen`."""
        if self._session is not None:
            session, self._session = self._session, None
            session.close()

    def reload(self) -> None:
        """Read the run again, a request to cancel included.

        Raises:
            PermanentError: ``consent-forged``: somebody else has written to it.
        """
        run = self.services.journal.runs.find(self.run.id) or self.run
        forged = find_forged(self.services.keyring, run, ())
        if forged:  # what is in it must neither be done nor be signed
            raise PermanentError(FORGED, f"Run {run.id} was changed while it ran: {'; '.join(forged)}.")
        self.run = run
        self._cancelled_by = self.run.cancel_requested_by

    def announce(self) -> None:
        """Request a current card."""
        self._shown_at = self.services.clock.monotonic()
        self.services.announcer.card(self.run, self.services.journal.votes.current(self.run.id))

    def sign(self, key: str, state: StepState, data: Mapping[str, Any] | None, *, attempts: int = 0) -> str:
        """Sign a step as it is about to be recorded, so that a successor believes it."""
        step = self.run.step(key)
        known = step.data if data is None else data
        recorded = replace(step, state=state, data=known, attempts=step.attempts + attempts)
        return sign_step(self.services.keyring, self.run, recorded)

    def settled(self, key: str, outcome: Outcome) -> None:
        """Audit the step."""
        self.audit("step", key=key, state=outcome.state.value, detail=outcome.detail)

    def note(self, key: str, text: str) -> None:
        """Post a line in the thread, once."""
        self.say(lambda: self.services.announcer.note(self.run, key, text))

    def audit(self, event: str, **details: object) -> None:
        """Append to the audit log in the name of the bot, waiting for it if need be.

        Raises:
            OwnershipLostError: the journal stays away.
        """
        self.insist(lambda: self.services.journal.audit.append(self.run.id, "backstop", event, details))
