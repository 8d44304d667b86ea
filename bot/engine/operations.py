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
from bot.engine.context import Workplace
from bot.engine.drills import runner as exercises
from bot.engine.drills import service as drillwishes
from bot.engine.drills.report import answer_report
from bot.engine.drills.start import Performer, carry_out
from bot.engine.requests import QUESTIONS, Kind, defer
from bot.engine.runs import control
from bot.engine.runs.notes import document
from bot.engine.runs.open_run import request_run
from bot.engine.status import home
from bot.engine.status import modal_options as menu
from bot.engine.status import queries as enquiries
from bot.engine.status.cached_reads import Glimpses
from bot.errors import BotError, TemporaryError
from bot.ports import Audience, Choices, Claim, Request

_log = logging.getLogger(__name__)
_Handler = Callable[[Workplace, Audience, str, Mapping[str, Any]], None]


class Operations:
    """What people can do.

    Args:
        workplace: all ports.
        perform: performs a drill by its id.
    """

    def __init__(self, workplace: Workplace, perform: Performer = exercises.perform) -> None:
        self._workplace = workplace
        self._glimpses = Glimpses(workplace.clock)
        self._readers = Readers()
        self._perform = perform

    def submit(self, request: Request) -> bool:
        """Persist a request, then queue it; False for a redelivery. Cheap enough to be done before Slack is answered.

        Raises:
            TemporaryError: the journal cannot be reached; nothing was persisted.
        """
        fresh = self._workplace.journal.accept(request)
        if fresh:
            try:
                defer(self._workplace.queue, request)
            except TemporaryError:
                _log.warning("request %s is persisted and not queued; the sweep will find it", request.id)
        return fresh

    def choices(self, user_id: str, environment: str, text: str) -> Choices:
        """What an environment can be rolled back to, narrowed by `text`. Read-only, and answered within two seconds.

        Raises:
            PermanentError: ``unknown-environment``, ``not-a-member``.
            TemporaryError: ``lookup-failed``, ``no-answer-in-time``.
        """
        desire = menu.Desire(user_id, environment, text)
        return menu.choices(self._workplace, self._glimpses, self._readers, desire)

    def handle(self, request_id: str) -> None:
        """Deal with a persisted request; whoever made it is told why not. A second call finds nothing to do."""
        with self._workplace.journal.claim(request_id) as claim:
            if claim is not None and claim.request.kind == Kind.DRILL:
                self._drill(claim)
            elif claim is not None:
                claim.finish(self._deal(claim.request))

    def _drill(self, claim: Claim) -> None:
        """A drill has nobody to be refused: what may work later is left to the sweep, the rest is in its message."""
        try:
            carry_out(self._workplace, claim.request.payload, self._perform)
        except TemporaryError as error:
            _log.info("%s is tried again: %s", claim.request.id, error.reference)
        else:
            claim.finish()

    def _deal(self, request: Request) -> str:
        workplace, payload = self._workplace, request.payload
        audience = Audience(payload["user_id"], payload["channel"], payload.get("response_url", ""))
        try:
            if request.kind == Kind.HOME:
                home.open_home(workplace, self._glimpses, audience.user_id)
            else:
                if request.kind in QUESTIONS:
                    self._readers.check(workplace, audience.user_id)
                _HANDLERS[Kind(request.kind)](workplace, audience, request.id, payload)
        except BotError as error:
            workplace.announcer.refuse(audience, request.id, error)
            return str(error)
        except Exception as error:  # noqa: BLE001 -- a bug must not be silent: the person hears of it
            _log.exception("request %s failed", request.id)
            workplace.announcer.refuse(audience, request.id, _internal(request.id))
            return f"internal-error: {type(error).__name__}"
        return ""


def _internal(request_id: str) -> BotError:
    return BotError(
        "internal-error",
        f"Something in Backstop broke while dealing with this (request {request_id[:40]}); nothing was started.",
        "Try again; if it stays, the log has the details.",
    )


def _rollback(workplace: Workplace, audience: Audience, key: str, payload: Mapping[str, Any]) -> None:
    run = request_run(workplace, audience, key, payload)
    text = f"The plan is in the incident channel as run {run.id}. It waits for the approvers' consent."
    workplace.announcer.tell(audience, key, text)


def _vote(workplace: Workplace, audience: Audience, key: str, payload: Mapping[str, Any]) -> None:
    del key
    vote(workplace, audience, payload)


def _steer(do: Callable[[Workplace, str, str], str]) -> _Handler:
    def handler(workplace: Workplace, audience: Audience, key: str, payload: Mapping[str, Any]) -> None:
        workplace.announcer.tell(audience, key, do(workplace, audience.user_id, payload["run_id"]))

    return handler


def _close(workplace: Workplace, audience: Audience, key: str, payload: Mapping[str, Any]) -> None:
    said = control.close_follow_up(workplace, audience.user_id, payload["run_id"], payload["link"])
    workplace.announcer.tell(audience, key, said)


def _document(workplace: Workplace, audience: Audience, key: str, payload: Mapping[str, Any]) -> None:
    workplace.announcer.tell(audience, key, document(workplace, audience.user_id, key, payload))


def _freeze(workplace: Workplace, audience: Audience, key: str, payload: Mapping[str, Any]) -> None:
    said = enquiries.freeze(workplace, audience.user_id, payload["environment"], payload["reason"])
    workplace.announcer.tell(audience, key, said)


def _unfreeze(workplace: Workplace, audience: Audience, key: str, payload: Mapping[str, Any]) -> None:
    said = enquiries.unfreeze(workplace, audience.user_id, key, payload["environment"])
    workplace.announcer.tell(audience, key, said)


def _status(workplace: Workplace, audience: Audience, key: str, payload: Mapping[str, Any]) -> None:
    enquiries.answer_status(workplace, audience, key, payload["environment"])


def _migrations(workplace: Workplace, audience: Audience, key: str, payload: Mapping[str, Any]) -> None:
    enquiries.answer_migrations(workplace, audience, key, payload["environment"])


def _backups(workplace: Workplace, audience: Audience, key: str, payload: Mapping[str, Any]) -> None:
    environment, replace = payload["environment"], bool(payload["replace"])
    if environment:
        text, offset = payload["text"], int(payload["offset"])
        backups.list_backups(workplace, audience, key, environment, text, offset, replace=replace)
    else:
        backups.list_newest(workplace, audience, key)


def _show_backup(workplace: Workplace, audience: Audience, key: str, payload: Mapping[str, Any]) -> None:
    backups.show_backup(workplace, audience, key, payload["environment"], payload["name"])


def _take(workplace: Workplace, audience: Audience, key: str, payload: Mapping[str, Any]) -> None:
    workplace.announcer.tell(audience, key, take(workplace, audience, key, payload["environment"], payload["label"]))


def _verify(workplace: Workplace, audience: Audience, key: str, payload: Mapping[str, Any]) -> None:
    environment, name, level = payload["environment"], payload["name"], int(payload["level"])
    workplace.announcer.tell(audience, key, verify(workplace, audience, key, environment, name, level))


def _salvage(workplace: Workplace, audience: Audience, key: str, payload: Mapping[str, Any]) -> None:
    workplace.announcer.tell(audience, key, salvage(workplace, audience, key, payload["run_id"]))


def _drill_list(workplace: Workplace, audience: Audience, key: str, payload: Mapping[str, Any]) -> None:
    drillwishes.answer_list(workplace, audience, key, payload["environment"])


def _drill_show(workplace: Workplace, audience: Audience, key: str, payload: Mapping[str, Any]) -> None:
    drillwishes.answer_show(workplace, audience, key, payload["drill_id"])


def _drill_skip(workplace: Workplace, audience: Audience, key: str, payload: Mapping[str, Any]) -> None:
    workplace.announcer.tell(audience, key, drillwishes.skip(workplace, audience.user_id, payload["drill_id"]))


def _drill_postpone(workplace: Workplace, audience: Audience, key: str, payload: Mapping[str, Any]) -> None:
    drill_id, start_at, by_s = payload["drill_id"], payload["start_at"], int(payload["by_s"])
    said = drillwishes.postpone(workplace, audience.user_id, drill_id, start_at, by_s)
    workplace.announcer.tell(audience, key, said)


def _drill_now(workplace: Workplace, audience: Audience, key: str, payload: Mapping[str, Any]) -> None:
    said = drillwishes.start_now(workplace, audience, key, payload["environment"], payload["drill"])
    workplace.announcer.tell(audience, key, said)


def _drill_report(workplace: Workplace, audience: Audience, key: str, payload: Mapping[str, Any]) -> None:
    answer_report(workplace, audience, key, payload["environment"])


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
