"""The facade that commands call: persist what somebody did, then, on any replica, deal with it."""

import logging
from collections.abc import Callable, Mapping
from typing import Any

from bot.domain.drills import Drill, DrillKind, drill_id_of
from bot.engine import backups, control, enquiries
from bot.engine.chores import take
from bot.engine.exercises import perform
from bot.engine.people import check_member
from bot.engine.requests import Kind, defer
from bot.engine.rollbacks import request_run
from bot.engine.salvaging import salvage
from bot.engine.verifying import verify
from bot.engine.voting import vote
from bot.engine.workplace import Workplace
from bot.errors import BotError, TemporaryError
from bot.ports import Audience, Request

_log = logging.getLogger(__name__)
_Handler = Callable[[Workplace, Audience, str, Mapping[str, Any]], None]


class Operations:
    """What people can do."""

    def __init__(self, workplace: Workplace) -> None:
        self._workplace = workplace

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

    def handle(self, request_id: str) -> None:
        """Deal with a persisted request; whoever made it is told why not. A second call finds nothing to do."""
        with self._workplace.journal.claim(request_id) as claim:
            if claim is not None:
                claim.finish(self._deal(claim.request))

    def _deal(self, request: Request) -> str:
        workplace, payload = self._workplace, request.payload
        audience = Audience(payload["user_id"], payload["channel"], payload.get("response_url", ""))
        try:
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


def _freeze(workplace: Workplace, audience: Audience, key: str, payload: Mapping[str, Any]) -> None:
    said = enquiries.freeze(workplace, audience.user_id, payload["environment"], payload["reason"])
    workplace.announcer.tell(audience, key, said)


def _unfreeze(workplace: Workplace, audience: Audience, key: str, payload: Mapping[str, Any]) -> None:
    workplace.announcer.tell(audience, key, enquiries.unfreeze(workplace, audience.user_id, payload["environment"]))


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


def _drill(workplace: Workplace, audience: Audience, key: str, payload: Mapping[str, Any]) -> None:
    perform(workplace, payload.get("drill_id") or _planned_now(workplace, audience, key, payload))


def _planned_now(workplace: Workplace, audience: Audience, key: str, payload: Mapping[str, Any]) -> str:
    """Plan one for somebody who wants it now."""
    environment, now = payload["environment"], workplace.clock.now()
    check_member(workplace, audience.user_id, workplace.site(environment).environment)
    kind, drill_id = DrillKind(payload["kind"]), drill_id_of("", key)
    workplace.drills.plan(Drill(drill_id, "", environment, kind, environment, now, now, user_id=audience.user_id))
    return drill_id


_HANDLERS: Mapping[Kind, _Handler] = {
    Kind.ROLLBACK: _rollback,
    Kind.RESTORE: _rollback,
    Kind.UNDO: _rollback,
    Kind.VOTE: _vote,
    Kind.CANCEL: _steer(control.cancel),
    Kind.RESUME: _steer(control.resume),
    Kind.ESCALATE: _steer(control.call_for_help),
    Kind.CLOSE: _close,
    Kind.STATUS: _status,
    Kind.MIGRATIONS: _migrations,
    Kind.FREEZE: _freeze,
    Kind.UNFREEZE: _unfreeze,
    Kind.BACKUPS: _backups,
    Kind.SHOW: _show_backup,
    Kind.TAKE: _take,
    Kind.VERIFY: _verify,
    Kind.SALVAGE: _salvage,
    Kind.DRILL: _drill,
}
