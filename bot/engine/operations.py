"""The facade that commands call: persist what somebody did, then, on any replica, deal with it."""

import logging
from collections.abc import Callable, Mapping
from typing import Any

from bot.engine.approvals.authorization import Readers
from bot.engine.approvals.voting import vote
from bot.engine.backups import queries as backups
from bot.engine.backups.jobs import take
from bot.engine.backups.row_recovery import salvage
from bot.engine.backups.verify import verify
from bot.engine.context import Services
from bot.engine.drills import runner, service
from bot.engine.drills.report import answer_report
from bot.engine.drills.start import Performer, carry_out
from bot.engine.requests import QUESTIONS, Kind, defer
from bot.engine.runs import control
from bot.engine.runs.notes import document
from bot.engine.runs.open_run import request_run
from bot.engine.status import home, modal_options
from bot.engine.status import queries as enquiries
from bot.engine.status.cached_reads import CachedReads
from bot.errors import BotError, TemporaryError
from bot.ports import Audience, Choices, Claim, Request

_log = logging.getLogger(__name__)
_Handler = Callable[[Services, Audience, str, Mapping[str, Any]], None]


class Operations:
    """What people can do.

    Args:
        services: all ports.
        perform: performs a drill by its id.
    """

    def __init__(self, services: Services, perform: Performer = runner.perform) -> None:
        self._services = services
        self._cached_reads = CachedReads(services.clock)
        self._readers = Readers()
        self._perform = perform

    def submit(self, request: Request) -> bool:
        """Persist a request, then queue it; False for a redelivery. Cheap enough to be done before Slack is answered.

        Raises:
            TemporaryError: the journal cannot be reached; nothing was persisted.
        """
        fresh = self._services.journal.requests.accept(request)
        if fresh:
            try:
                defer(self._services.queue, request)
            except TemporaryError:
                _log.warning("request %s is persisted and not queued; the sweep will find it", request.id)
        return fresh

    def choices(self, user_id: str, environment: str, text: str) -> Choices:
        """What an environment can be rolled back to, narrowed by `text`. Read-only, and answered within two seconds.

        Raises:
            PermanentError: ``unknown-environment``, ``not-a-member``.
            TemporaryError: ``lookup-failed``, ``no-answer-in-time``.
        """
        desire = modal_options.Desire(user_id, environment, text)
        return modal_options.choices(self._services, self._cached_reads, self._readers, desire)

    def handle(self, request_id: str) -> None:
        """Deal with a persisted request; whoever made it is told why not. A second call finds nothing to do."""
        with self._services.journal.requests.claim(request_id) as claim:
            if claim is not None and claim.request.kind == Kind.DRILL:
                self._drill(claim)
            elif claim is not None:
                claim.finish(self._deal(claim.request))

    def _drill(self, claim: Claim) -> None:
        """A drill has nobody to be refused: what may work later is left to the sweep, the rest is in its message."""
        try:
            carry_out(self._services, claim.request.payload, self._perform)
        except TemporaryError as error:
            _log.info("%s is tried again: %s", claim.request.id, error.reference)
        else:
            claim.finish()

    def _deal(self, request: Request) -> str:
        services, payload = self._services, request.payload
        audience = Audience(payload["user_id"], payload["channel"], payload.get("response_url", ""))
        try:
            if request.kind == Kind.HOME:
                home.open_home(services, self._cached_reads, audience.user_id)
            else:
                if request.kind in QUESTIONS:
                    self._readers.check(services, audience.user_id)
                _HANDLERS[Kind(request.kind)](services, audience, request.id, payload)
        except BotError as error:
            services.announcer.refuse(audience, request.id, error)
            return str(error)
        except Exception as error:  # noqa: BLE001 -- a bug must not be silent: the person hears of it
            _log.exception("request %s failed", request.id)
            services.announcer.refuse(audience, request.id, _internal(request.id))
            return f"internal-error: {type(error).__name__}"
        return ""


def _internal(request_id: str) -> BotError:
    return BotError(
        "internal-error",
        f"Something in Backstop broke while dealing with this (request {request_id[:40]}); nothing was started.",
        "Try again; if it stays, the log has the details.",
    )


def _rollback(services: Services, audience: Audience, key: str, payload: Mapping[str, Any]) -> None:
    run = request_run(services, audience, key, payload)
    text = f"The plan is in the incident channel as run {run.id}. It waits for the approvers' consent."
    services.announcer.tell(audience, key, text)


def _vote(services: Services, audience: Audience, key: str, payload: Mapping[str, Any]) -> None:
    del key
    vote(services, audience, payload)


def _steer(do: Callable[[Services, str, str], str]) -> _Handler:
    def handler(services: Services, audience: Audience, key: str, payload: Mapping[str, Any]) -> None:
        services.announcer.tell(audience, key, do(services, audience.user_id, payload["run_id"]))

    return handler


def _close(services: Services, audience: Audience, key: str, payload: Mapping[str, Any]) -> None:
    said = control.close_follow_up(services, audience.user_id, payload["run_id"], payload["link"])
    services.announcer.tell(audience, key, said)


def _document(services: Services, audience: Audience, key: str, payload: Mapping[str, Any]) -> None:
    services.announcer.tell(audience, key, document(services, audience.user_id, key, payload))


def _freeze(services: Services, audience: Audience, key: str, payload: Mapping[str, Any]) -> None:
    said = enquiries.freeze(services, audience.user_id, payload["environment"], payload["reason"])
    services.announcer.tell(audience, key, said)


def _unfreeze(services: Services, audience: Audience, key: str, payload: Mapping[str, Any]) -> None:
    said = enquiries.unfreeze(services, audience.user_id, key, payload["environment"])
    services.announcer.tell(audience, key, said)


def _status(services: Services, audience: Audience, key: str, payload: Mapping[str, Any]) -> None:
    enquiries.answer_status(services, audience, key, payload["environment"])


def _migrations(services: Services, audience: Audience, key: str, payload: Mapping[str, Any]) -> None:
    enquiries.answer_migrations(services, audience, key, payload["environment"])


def _backups(services: Services, audience: Audience, key: str, payload: Mapping[str, Any]) -> None:
    environment, replace = payload["environment"], bool(payload["replace"])
    if environment:
        text, offset = payload["text"], int(payload["offset"])
        backups.list_backups(services, audience, key, environment, text, offset, replace=replace)
    else:
        backups.list_newest(services, audience, key)


def _show_backup(services: Services, audience: Audience, key: str, payload: Mapping[str, Any]) -> None:
    backups.show_backup(services, audience, key, payload["environment"], payload["name"])


def _take(services: Services, audience: Audience, key: str, payload: Mapping[str, Any]) -> None:
    services.announcer.tell(audience, key, take(services, audience, key, payload["environment"], payload["label"]))


def _verify(services: Services, audience: Audience, key: str, payload: Mapping[str, Any]) -> None:
    environment, name, level = payload["environment"], payload["name"], int(payload["level"])
    services.announcer.tell(audience, key, verify(services, audience, key, environment, name, level))


def _salvage(services: Services, audience: Audience, key: str, payload: Mapping[str, Any]) -> None:
    services.announcer.tell(audience, key, salvage(services, audience, key, payload["run_id"]))


def _drill_list(services: Services, audience: Audience, key: str, payload: Mapping[str, Any]) -> None:
    service.answer_list(services, audience, key, payload["environment"])


def _drill_show(services: Services, audience: Audience, key: str, payload: Mapping[str, Any]) -> None:
    service.answer_show(services, audience, key, payload["drill_id"])


def _drill_skip(services: Services, audience: Audience, key: str, payload: Mapping[str, Any]) -> None:
    services.announcer.tell(audience, key, service.skip(services, audience.user_id, payload["drill_id"]))


def _drill_postpone(services: Services, audience: Audience, key: str, payload: Mapping[str, Any]) -> None:
    drill_id, start_at, by_s = payload["drill_id"], payload["start_at"], int(payload["by_s"])
    said = service.postpone(services, audience.user_id, drill_id, start_at, by_s)
    services.announcer.tell(audience, key, said)


def _drill_now(services: Services, audience: Audience, key: str, payload: Mapping[str, Any]) -> None:
    said = service.start_now(services, audience, key, payload["environment"], payload["drill"])
    services.announcer.tell(audience, key, said)


def _drill_report(services: Services, audience: Audience, key: str, payload: Mapping[str, Any]) -> None:
    answer_report(services, audience, key, payload["environment"])


_HANDLERS: Mapping[Kind, _Handler] = {
    Kind.ROLLBACK: _rollback,
    Kind.RESTORE: _rollback,
    Kind.UNDO: _rollback,
    Kind.VOTE: _vote,
    Kind.CANCEL: _steer(control.cancel),
    Kind.RESUME: _steer(control.resume),
    Kind.ESCALATE: _steer(control.call_for_help),
    Kind.CLOSE: _close,
    Kind.DOCUMENT: _document,
    Kind.STATUS: _status,
    Kind.MIGRATIONS: _migrations,
    Kind.FREEZE: _freeze,
    Kind.UNFREEZE: _unfreeze,
    Kind.BACKUPS: _backups,
    Kind.SHOW: _show_backup,
    Kind.TAKE: _take,
    Kind.VERIFY: _verify,
    Kind.SALVAGE: _salvage,
    Kind.DRILL_LIST: _drill_list,
    Kind.DRILL_SHOW: _drill_show,
    Kind.DRILL_SKIP: _drill_skip,
    Kind.DRILL_POSTPONE: _drill_postpone,
    Kind.DRILL_NOW: _drill_now,
    Kind.DRILL_REPORT: _drill_report,
}
