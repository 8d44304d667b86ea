"""Holds the lease of a run, drill or job while this process works on it, and records its steps."""

import logging
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, ClassVar, Self, TypeVar

import stamina

from bot.domain.runs import Lease, Progress, Step, StepState, find_step
from bot.engine.context import Services
from bot.engine.runs.interrupts import OwnershipLostError
from bot.errors import BotError, PermanentError, TemporaryError
from bot.ports import Report

LEASE_S = 12.0
RENEW_EVERY_S = 3.0
SHOW_EVERY_S = 1.0
JOURNAL_PATIENCE_S = 60.0

_log = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(frozen=True)
class Outcome:
    """The end of a step: a short line for people, and the data to remember (None leaves it as it is)."""

    detail: str
    data: Mapping[str, Any] | None = None
    state: StepState = StepState.DONE


class StepExecution(ABC):
    """A run, drill or job while this process owns it. Leaving the context ends the heartbeat, not the lease.

    Attributes:
        max_owners: after so many owners that died in the middle of it, it is given up; None: never.
    """

    max_owners: ClassVar[int | None] = None

    def __init__(self, services: Services, lease: Lease) -> None:
        self.services = services
        self.lease = lease
        self._ended = threading.Event()
        self._lost = threading.Event()
        self._renewed_at = services.clock.monotonic()
        self._shown_at = self._renewed_at - SHOW_EVERY_S
        self._heart = threading.Thread(target=self._beat, name=f"lease-{lease.id}", daemon=True)

    @property
    @abstractmethod
    def steps(self) -> tuple[Step, ...]:
        """The checklist as it was read last."""

    @abstractmethod
    def reload(self) -> None:
        """Read the work again from the journal."""

    @abstractmethod
    def announce(self) -> None:
        """Request a current message about it."""

    @abstractmethod
    def audit(self, event: str, **details: object) -> None:
        """Append to the audit log in the name of the bot, waiting for the journal if need be.

        Raises:
            OwnershipLostError: the journal stays away.
        """

    def sign(self, key: str, state: StepState, data: Mapping[str, Any] | None, *, attempts: int = 0) -> str:
        """Sign a step as it is about to be recorded, with so many more attempts; "" where nobody checks it."""
        del key, state, data, attempts
        return ""

    def settled(self, key: str, outcome: Outcome) -> None:  # noqa: B027 -- most kinds have nothing to add
        """React to the recorded outcome of a step."""

    def __enter__(self) -> Self:
        self._heart.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._heart.join()

    def _beat(self) -> None:
        """Renew the lease until the context is left."""
        while not self._ended.wait(RENEW_EVERY_S):
            try:
                self.must_own()
                self.look()
            except PermanentError:
                self._lost.set()
                return
            except TemporaryError:
                continue
            except Exception:  # noqa: BLE001 -- without a heart every `check` renews: slower, and as safe
                _log.exception("lease of %s %s", self.lease.kind, self.lease.id)
                return

    def look(self) -> None:  # noqa: B027 -- only a run can be cancelled
        """Look for a request to stop; called with every heartbeat."""

    def check(self) -> None:
        """Ask whether to go on.

        Raises:
            OwnershipLostError: another process has the work, or our lease may have ended unnoticed.
            CancelledError: a run is to be stopped and still can be.
        """
        silent_s = self.services.clock.monotonic() - self._renewed_at
        if self._lost.is_set() or silent_s > LEASE_S:
            try:
                self.must_own()
            except BotError as error:
                # A journal that only this process cannot reach may have given the work away: stop then as well.
                raise OwnershipLostError(error.reference) from error

    def check_again(self) -> None:
        """Ask whether to try again: an owner that was replaced while it waited touches nothing any more.

        Raises:
            OwnershipLostError, CancelledError: see `check`.
        """
        with suppress(TemporaryError):  # a lease that still runs is enough
            try:
                self.must_own()
            except PermanentError as error:
                raise OwnershipLostError(error.reference) from error
        self.check()

    def must_own(self) -> None:
        """Renew the lease now, as the last thing before something that cannot be taken back.

        Raises:
            PermanentError: ``fenced-off``.
            TemporaryError: the journal does not answer.
        """
        requested_at = self.services.clock.monotonic()  # the server counts from before a slow answer
        self.services.journal.leases.renew(self.lease, LEASE_S)
        self._renewed_at = requested_at

    @property
    def is_given_up(self) -> bool:
        """Tell if so many owners have died in the middle of it that it is not tried again."""
        return self.max_owners is not None and self.lease.fencing_token > self.max_owners

    def explain_giving_up(self, what: str) -> tuple[str, str]:
        """Write the message and the hint of the error for work that is given up."""
        often = f"Backstop stopped, or lost the state database, {self.max_owners} times"
        return (
            f"{often} in the middle of this {what}, so it is not tried again.",
            "The log of the bot's process says why; memory or the scratch disk may be too small.",
        )

    def data(self, key: str) -> Mapping[str, Any]:
        """Return what a step remembered."""
        return find_step(self.steps, key).data

    def record(self, key: str, state: StepState, detail: str = "", data: Mapping[str, Any] | None = None) -> None:
        """Record a step's state, waiting for the journal if need be, and show it. `data` None leaves it as it is.

        Raises:
            OwnershipLostError: another process has the work, or the journal stays away.
        """
        signature = self.sign(key, state, data, attempts=int(state is StepState.RUNNING))
        leases = self.services.journal.leases
        self.insist(lambda: leases.record_step(self.lease, key, state, detail, data, signature))
        self.insist(self.refresh)

    def remember(self, key: str, data: Mapping[str, Any]) -> None:
        """Record what a running step must remember.

        Raises:
            OwnershipLostError: see `record`.
        """
        signature = self.sign(key, find_step(self.steps, key).state, data)
        self.insist(lambda: self.services.journal.leases.remember(self.lease, key, data, signature))
        self.insist(self.refresh)

    def tell(self, key: str, detail: str | None, progress: Progress | None) -> None:
        """Show how far a step is; a figure that cannot be shown stops nothing.

        Raises:
            OwnershipLostError: another process has the work.
        """
        try:
            self.services.journal.leases.record_progress(self.lease, key, progress, detail)
            self.refresh()
        except TemporaryError as error:
            _log.warning("%s %s cannot be shown: %s", self.lease.kind, self.lease.id, error.reference)
        except PermanentError as error:
            raise OwnershipLostError(error.reference) from error

    def reporter(self, key: str) -> Report:
        """Build the function that takes a long step's progress: it stops the step when it is to stop, and shows the
        progress, rate-limited to once per second.
        """

        def report(progress: Progress) -> None:
            self.check()
            now = self.services.clock.monotonic()
            if now - self._shown_at >= SHOW_EVERY_S:
                self._shown_at = now
                self.tell(key, None, progress)

        return report

    def refresh(self) -> None:
        """Read the work again and request a current message."""
        self.reload()
        self._attempt(self.announce)

    def say(self, post: Callable[[], None]) -> None:
        """Request a message, waiting for the outbox if need be.

        Raises:
            OwnershipLostError: the outbox stays away.
        """
        self.insist(lambda: self._attempt(post))

    def _attempt(self, post: Callable[[], None]) -> None:
        try:
            post()
        except TemporaryError:
            raise
        except Exception:  # noqa: BLE001 -- a message that cannot be made must not stop the work half-way
            _log.exception("%s %s: a message could not be made", self.lease.kind, self.lease.id)

    def insist(self, do: Callable[[], T]) -> T:
        """Do something with the journal or the outbox, waiting for them if need be: their trouble is no step's failure.

        Raises:
            OwnershipLostError: another process has the work, or the journal stays away.
        """
        try:
            return patiently(do)
        except BotError as error:
            raise OwnershipLostError(error.reference) from error


@stamina.retry(on=TemporaryError, attempts=None, timeout=JOURNAL_PATIENCE_S, wait_max=2.0)
def patiently(do: Callable[[], T]) -> T:
    """Do something with the state database, waiting for it if need be.

    Raises:
        BotError: it refuses, or stays away for a minute.
    """
    return do()
