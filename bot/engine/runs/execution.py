"""One process's hold on a run: its lease, its place in the checklist, its session in the fenced database."""

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

import stamina

from bot.domain.runs import Progress, Run, StepState
from bot.engine.context import EnvironmentServices, Services
from bot.engine.runs.interrupts import CancelledError, OwnershipLostError
from bot.errors import BotError, PermanentError, TemporaryError
from bot.planning.kinds import is_past_return
from bot.ports import ExclusiveAccess, FetchedBundle, Report

LEASE_S = 12.0
RENEW_EVERY_S = 3.0
CARD_EVERY_S = 1.0
JOURNAL_PATIENCE_S = 60.0

_log = logging.getLogger(__name__)


class Execution:
    """The run while this process owns it. Leaving the context ends the session and the heartbeat, not the run."""

    def __init__(self, services: Services, env: EnvironmentServices, run: Run) -> None:
        self.services = services
        self.env = env
        self.run = run
        self.compensating = False
        self.bundle: FetchedBundle | None = None
        self._session: ExclusiveAccess | None = None
        self._ended = threading.Event()
        self._lost = threading.Event()
        self._cancelled_by = run.cancel_requested_by
        self._renewed_at = services.clock.monotonic()
        self._card_at = 0.0
        self._heart = threading.Thread(target=self._beat, name=f"lease-{run.id}", daemon=True)

    def __enter__(self) -> Self:
        self._heart.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        try:
            self.end_session()
        except BotError:
            _log.warning("run %s: the session in the fenced database did not end properly", self.run.id)
        self._heart.join()

    def _beat(self) -> None:
        while not self._ended.wait(RENEW_EVERY_S):
            try:
                self.services.journal.leases.renew(self.run.id, self.run.fence, LEASE_S)
                self._renewed_at = self.services.clock.monotonic()
                run = self.services.journal.runs.find(self.run.id)
                self._cancelled_by = run.cancel_requested_by if run else ""
            except PermanentError:
                self._lost.set()
                return
            except TemporaryError:
                continue
            except Exception:  # noqa: BLE001 -- without a heart every `check` renews: slower, and as safe
                _log.exception("lease of run %s", self.run.id)
                return

    @property
    def may_cancel(self) -> bool:
        """Whether stopping still leaves the database as it was."""
        return not is_past_return(self.run)

    def check(self) -> None:
        """Ask whether to go on.

        Raises:
            OwnershipLostError: another process has the run, or our lease may have ended unnoticed.
            CancelledError: somebody wants it stopped and it still can be.
        """
        silent_s = self.services.clock.monotonic() - self._renewed_at
        if self._lost.is_set() or silent_s > LEASE_S:
            self._reclaim()
        if self._cancelled_by and self.may_cancel and not self.compensating:
            raise CancelledError(self._cancelled_by)

    def _reclaim(self) -> None:
        """Renew at once. A journal that we alone cannot reach may have given the run away: stop then as well."""
        try:
            self.must_own()
        except BotError as error:
            raise OwnershipLostError(error.reference) from error

    def must_own(self) -> None:
        """Renew the lease now, as the last thing before something that cannot be taken back.

        Raises:
            PermanentError: ``fenced-off``.
            TemporaryError: the journal does not answer.
        """
        self.services.journal.leases.renew(self.run.id, self.run.fence, LEASE_S)
        self._renewed_at = self.services.clock.monotonic()

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

    def session(self) -> ExclusiveAccess:
        """Give the only session of the fenced database, fencing it if this process has not."""
        if self._session is None:
            self._session = self.env.database.take_exclusive_access(self.run.id)
        return self._session

    @contextmanager
    def fenced(self) -> Iterator[ExclusiveAccess]:
        """Lend that session. Where something temporary went wrong in it, it may be dead: the next one is made anew."""
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

    def data(self, key: str) -> Mapping[str, Any]:
        """What a step remembered."""
        return self.run.step(key).data

    def record(self, key: str, state: StepState, detail: str = "", data: Mapping[str, Any] | None = None) -> None:
        """Note a step's state in the journal, waiting for it if need be, then wish for a current card.

        Raises:
            OwnershipLostError: another process has the run, or the journal stays away.
        """
        journal, run = self.services.journal, self.run
        self.insist(lambda: journal.leases.record_step(run.id, run.fence, key, state, detail, data))
        self.insist(self.refresh)

    def remember(self, key: str, data: Mapping[str, Any]) -> None:
        """Note what a step that is under way must remember, waiting for the journal if need be.

        Raises:
            OwnershipLostError: another process has the run, or the journal stays away.
        """
        journal, run = self.services.journal, self.run
        self.insist(lambda: journal.leases.remember(run.id, run.fence, key, data))
        self.insist(self.refresh)

    def insist(self, write: Callable[[], object]) -> None:
        """Do something with the journal or the outbox, waiting for them if need be: their trouble is no step's failure.

        Raises:
            OwnershipLostError: another process has the run, or the journal stays away.
        """
        try:
            _patiently(write)
        except BotError as error:
            raise OwnershipLostError(error.reference) from error

    def refresh(self) -> None:
        """Read the run again, a wish to cancel it included, and wish for a current card."""
        self.run = self.services.journal.runs.find(self.run.id) or self.run
        self._cancelled_by = self.run.cancel_requested_by
        self._card_at = self.services.clock.monotonic()
        votes = self.services.journal.votes.current(self.run.id)
        self._attempt(lambda: self.services.announcer.card(self.run, votes))

    def say(self, wish: Callable[[], None]) -> None:
        """Wish for a message, waiting for the outbox if need be.

        Raises:
            OwnershipLostError: the outbox stays away.
        """
        self.insist(lambda: self._attempt(wish))

    def _attempt(self, wish: Callable[[], None]) -> None:
        try:
            wish()
        except TemporaryError:
            raise
        except Exception:  # noqa: BLE001 -- a message that cannot be made must not stop a run half-way
            _log.exception("run %s: a message could not be made", self.run.id)

    def reporter(self, key: str) -> Report:
        """Take a long step's progress: keep it, show it, and stop the step when the run is not ours or is cancelled."""

        def report(progress: Progress) -> None:
            self.check()
            if self.services.clock.monotonic() - self._card_at < CARD_EVERY_S:
                return
            try:
                self.services.journal.leases.record_progress(self.run.id, self.run.fence, key, progress)
                self.refresh()
            except TemporaryError:
                return  # a figure that is not shown is no reason to stop a dump

        return report

    def note(self, key: str, text: str) -> None:
        """Say a line in the thread, once."""
        self.say(lambda: self.services.announcer.note(self.run, key, text))

    def audit(self, event: str, **details: object) -> None:
        """Append to the audit log in the name of the bot, waiting for it if need be.

        Raises:
            OwnershipLostError: the journal stays away.
        """
        self.insist(lambda: self.services.journal.audit.append(self.run.id, "backstop", event, details))


@stamina.retry(on=TemporaryError, attempts=None, timeout=JOURNAL_PATIENCE_S, wait_max=2.0)
def _patiently(write: Callable[[], object]) -> None:
    write()


def sentence(error: BotError) -> str:
    """An error as one line for a card or the journal, at most 300 characters."""
    return f"{error.reference}: {error.message}"[:300]
