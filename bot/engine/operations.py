"""Accepts people's requests, and dispatches each to its handler, on any replica."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from bot.domain.migrations import DownScript
from bot.domain.plans import Plan
from bot.engine import requests
from bot.engine.approvals.authorization import Channels, Readers
from bot.engine.approvals.provenance import handled, refuse_tampered
from bot.engine.approvals.signatures import sign_request
from bot.engine.approvals.voting import vote
from bot.engine.attempts import Suspects, announce_again, give_up_request, max_attempts
from bot.engine.backups import queries as backups
from bot.engine.backups.create import take
from bot.engine.backups.row_recovery import salvage
from bot.engine.backups.verify import verify
from bot.engine.context import Services
from bot.engine.drills import runner, service
from bot.engine.drills.report import answer_report
from bot.engine.drills.start import DrillRunner, carry_out
from bot.engine.preview.planned_scripts import read_planned_scripts
from bot.engine.requests import Submission, TypedRequest, defer
from bot.engine.runs import control, open_run
from bot.engine.runs.interrupts import RunInterruptError
from bot.engine.runs.notes import document
from bot.engine.status import home, modal_options, queries
from bot.engine.status.cached_reads import CachedReads
from bot.errors import BotError, TemporaryError
from bot.ports import Audience, Choices, Claim, Request

R = TypeVar("R", bound=TypedRequest)
_log = logging.getLogger(__name__)


class Operations:
    """Everything people can do.

    Args:
        services: all ports.
        perform: performs a drill by its id.
    """

    def __init__(self, services: Services, perform: DrillRunner = runner.perform) -> None:
        self._services = services
        self._cached_reads = CachedReads(services.clock)
        self._readers = Readers()
        self._suspects = Suspects()
        self._channels = Channels()
        self._perform = perform

    def submit(self, submission: Submission) -> bool:
        """Persist a request, then queue it; False for a redelivery. Cheap enough to be done before Slack is answered.

        Raises:
            TemporaryError: the journal cannot be reached; nothing was persisted.
        """
        # Signed before it is persisted: whoever writes to the state database afterwards has no key.
        services, stored = self._services, requests.write(submission)
        stored = sign_request(services.keyring, stored, services.clock.now())
        # Decision 4: the row comes first, so that a task that cannot be queued is found by the sweep.
        fresh = self._services.journal.requests.accept(stored)
        if fresh:
            try:
                defer(self._services.queue, stored)
            except TemporaryError:
                _log.warning("request %s is persisted and not queued; the sweep will find it", stored.id)
        return fresh

    def choices(self, user_id: str, environment: str, text: str) -> Choices:
        """List what an environment can be rolled back to, narrowed by `text`, within two seconds. Read-only.

        Raises:
            PermanentError: ``unknown-environment``, ``not-a-member``.
            TemporaryError: ``lookup-failed``, ``no-answer-in-time``.
        """
        search = modal_options.Search(user_id, environment, text)
        return modal_options.choices(self._services, self._cached_reads, self._readers, search)

    def planned_scripts(self, user_id: str, run_id: str) -> tuple[Plan, tuple[DownScript, ...]]:
        """Return a run's plan and its scripts, for a member to read.

        Raises:
            PermanentError: ``unknown-run``, ``not-a-member``.
            BotError: something cannot be read.
        """
        self._readers.check(self._services, user_id)
        return read_planned_scripts(self._services, run_id)

    def handle(self, request_id: str) -> None:
        """Handle a persisted request; a refusal is reported to the person. Idempotent: a second call does nothing."""
        with self._services.journal.requests.claim(request_id) as claim:
            # An exception leaves the claim unfinished, and the sweep retries the request.
            if claim is not None:
                with self._suspects.admit(claim) as admitted:
                    if admitted:
                        self._attempt(claim)

    def _attempt(self, claim: Claim) -> None:
        refused = refuse_tampered(self._services, claim)
        if refused:
            claim.finish(refused)
        elif claim.interrupted >= max_attempts(claim.request):
            give_up_request(self._services, claim)
        else:
            self._handle(claim)

    def _handle(self, claim: Claim) -> None:
        if claim.interrupted:
            announce_again(self._services, claim)
        if claim.request.kind == requests.PerformDrill.kind:
            self._drill(claim)
        else:
            self._finish(claim)

    def _finish(self, claim: Claim) -> None:
        try:
            problem = self._answer(claim.request)
            claim.finish(problem, handled(claim.request, problem))
        except RunInterruptError as interrupt:  # another process owns the job, or it was left in the middle
            _log.info("%s is tried again: %s", claim.request.id, interrupt)

    def _drill(self, claim: Claim) -> None:
        """Perform a drill. Nobody waits for an answer: the sweep retries it, and its message shows other errors."""
        request = requests.read(claim.request)
        try:
            if isinstance(request, requests.PerformDrill):
                carry_out(self._services, request, self._perform)
        except TemporaryError as error:
            _log.info("%s is tried again: %s", claim.request.id, error.reference)
        else:
            claim.finish("", handled(claim.request, ""))

    def _answer(self, stored: Request) -> str:
        """Handle a person's request; returns the problem, "" for none."""
        answers, audience = self._services.answers, requests.read_audience(stored)
        try:
            text = self._dispatch(audience, requests.read(stored))
            if text:
                answers.tell(audience, text)
        except RunInterruptError:
            raise
        except BotError as error:
            answers.refuse(audience, error)
            return str(error)
        except Exception as error:  # noqa: BLE001 -- a bug must not be silent: the person hears of it
            _log.exception("request %s failed", stored.id)
            answers.refuse(audience, _internal(stored.id))
            return f"internal-error: {type(error).__name__}"
        return ""

    def _dispatch(self, audience: Audience, request: TypedRequest) -> str | None:
        if isinstance(request, requests.OpenHome):  # checks the reader itself, because the tab shows the refusal
            home.open_home(self._services, self._cached_reads, audience.user_id)
            return None
        if request.reads_only:
            self._readers.check(self._services, audience.user_id)
        elif not isinstance(request, requests.CastVote):  # a reaction on a message that is not ours needs no answer
            self._channels.check(self._services, audience.channel)
        return _HANDLERS[type(request)](self._services, audience, request)


def _internal(request_id: str) -> BotError:
    return BotError(
        "internal-error",
        f"Something in Backstop broke while dealing with this (request {request_id[:40]}); nothing was started.",
        "Try again; if it stays, the log has the details.",
    )


@dataclass(frozen=True)
class _Handler(Generic[R]):
    """A kind of request, and the function that handles it: it returns the answer, or None where it has answered."""

    request_type: type[R]
    handle: Callable[[Services, Audience, R], str | None]


_ROWS: tuple[_Handler[Any], ...] = (
    _Handler(requests.OpenRollback, open_run.request_run),
    _Handler(requests.OpenRestore, open_run.request_run),
    _Handler(requests.OpenUndo, open_run.request_run),
    _Handler(requests.CastVote, vote),
    _Handler(requests.CancelRun, control.cancel),
    _Handler(requests.RetryRun, control.resume),
    _Handler(requests.EscalateRun, control.call_for_help),
    _Handler(requests.RecoverRows, salvage),
    _Handler(requests.CloseFollowUp, control.close_follow_up),
    _Handler(requests.DocumentRun, document),
    _Handler(requests.ShowStatus, queries.answer_status),
    _Handler(requests.ShowMigrations, queries.answer_migrations),
    _Handler(requests.Freeze, control.freeze),
    _Handler(requests.Unfreeze, control.unfreeze),
    _Handler(requests.ListBackups, backups.list_backups),
    _Handler(requests.ShowBackup, backups.show_backup),
    _Handler(requests.TakeBackup, take),
    _Handler(requests.VerifyBackup, verify),
    _Handler(requests.ListDrills, service.answer_list),
    _Handler(requests.ShowDrill, service.answer_show),
    _Handler(requests.SkipDrill, service.skip),
    _Handler(requests.PostponeDrill, service.postpone),
    _Handler(requests.StartDrill, service.start_now),
    _Handler(requests.ReportDrills, answer_report),
)
_HANDLERS = {row.request_type: row.handle for row in _ROWS}
_BY_OPERATIONS = {requests.OpenHome, requests.PerformDrill}
"""Handled above, because they need what `Operations` holds."""


def check_complete() -> None:
    """Fail the import where a request has no handler: its first user must not be the one who finds out."""
    missing = set(requests.REQUEST_TYPES.values()) - set(_HANDLERS) - _BY_OPERATIONS
    if missing:
        raise TypeError("No handler for " + ", ".join(sorted(request.__name__ for request in missing)))


check_complete()
