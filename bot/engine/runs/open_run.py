"""Turns what a person requested into a plan and a pending run, and requests its approval."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import assert_never

from bot.domain.plans import Plan
from bot.domain.runs import Run, RunState, run_id_of
from bot.domain.versions import AppVersion
from bot.engine.approvals.authorization import check_member
from bot.engine.approvals.signatures import sign_run
from bot.engine.approvals.voting import show
from bot.engine.context import Services
from bot.engine.kinds import preview
from bot.engine.requests import OpenRestore, OpenRollback, OpenUndo
from bot.errors import PermanentError
from bot.planning.facts import PlanRequest, RestoreRequest, RollbackRequest, UndoRequest
from bot.planning.refusals import another_run, no_such_migration
from bot.ports import Audience, AuditEntry, Journal


def request_run(services: Services, audience: Audience, request: OpenRollback | OpenRestore | OpenUndo) -> str:
    """Plan it, open a pending run, and request its approval in the incident channel.

    Idempotent: where a predecessor died after opening the run for this very request, that run is shown.

    Raises:
        BotError: every refusal; nothing was opened.
    """
    wanted = read_plan_request(services, request)
    env = services.env(wanted.environment)
    person = check_member(services, audience.user_id, env.environment)
    asked = (person.user_id, wanted.environment, wanted.asked_for, "")

    def is_own(run: Run) -> bool:
        return (run.requester, run.environment, run.plan.asked_for, run.drill) == asked

    # decision 4: the request may be handled twice. What its first handler opened is shown, not opened again.
    run_id, run = find_own(services.journal, audience.request_id, is_own)
    if run is None:
        _check_free(services, env.environment.name)
        plan = preview(services, wanted, run_id)
        asker = Asker(person.user_id, person.name, audience.request_id)
        run = open_pending(services, plan, run_id, asker, request.reason)
    show(services, run.id)
    return f"The plan is in the incident channel as run {run.id}. It waits for the approvers' consent."


def _check_free(services: Services, environment: str) -> None:
    """Refuse early, before a rehearsal for nothing."""
    active = services.journal.runs.active(environment)
    if active is not None:
        raise another_run(active)


@dataclass(frozen=True)
class Asker:
    """The person, or the drill, that asked for a run.

    Attributes:
        user_id: in Slack; the bot's own name for a drill's.
        name: in Slack.
        request_id: of the request; "" for a drill's.
        drill: the drill that the run belongs to; "" for people's.
    """

    user_id: str
    name: str = ""
    request_id: str = ""
    drill: str = ""


def open_pending(services: Services, plan: Plan, run_id: str, asker: Asker, reason: str) -> Run:
    """Open a pending run for a plan, and sign it."""
    environment, now = services.env(plan.environment).environment, services.journal.runs.now()
    run = Run(
        id=run_id,
        environment=plan.environment,
        plan=plan,
        state=RunState.PENDING,
        requester=asker.user_id,
        reason=reason,
        channel=environment.incident_channel,
        created_at=now,
        expires_at=now + environment.approval.window,
        drill=asker.drill,
        request_id=asker.request_id,
    )
    run = sign_run(services.keyring, run)
    details = {"asked_for": plan.asked_for, "digest": plan.digest, "reason": reason}
    details |= {key: value for key, value in (("name", asker.name), ("request", asker.request_id)) if value}
    services.journal.runs.open(run, AuditEntry(asker.user_id, "requested", details))
    return run


def read_plan_request(services: Services, request: OpenRollback | OpenRestore | OpenUndo) -> PlanRequest:
    """Read the plan request out of a person's request.

    Raises:
        PermanentError: ``unknown-migration``, ``app-version-unreadable``; commands refuse these already.
            ``unknown-run`` where there is nothing to undo.
    """
    match request:
        case OpenUndo():
            run = services.run(request.run_id)
            return UndoRequest(run.environment, run.id, request.asked_for or f"/rollback undo {run.id}")
        case OpenRestore():
            return RestoreRequest(request.environment, request.backup, _app(request.app), request.asked_for)
        case OpenRollback():
            number, app = request.migration, _app(request.app)
            if not (number.isascii() and number.isdigit()):
                raise no_such_migration(number, request.environment)
            return RollbackRequest(request.environment, int(number), app, request.asked_for, request.named)
    assert_never(request)


def _app(text: str) -> AppVersion | None:
    app = AppVersion.parse(text) if text else None
    if text and app is None:
        raise PermanentError("app-version-unreadable", f"{text[:60]} is no app version.", "Use --app v1.2.3.")
    return app


def find_own(journal: Journal, wanted: str, is_own: Callable[[Run], bool]) -> tuple[str, Run | None]:
    """Find the id for a run, and the run where it has been opened already.

    Ids are short enough to be typed, so two may collide: then another id is derived.

    Args:
        journal: of runs.
        wanted: the name of the run: the request's id, or the drill's with its step.
        is_own: tells if a run with such an id is the requested one, and not another that collides with it.
    """
    for salt in itertools.count():
        run_id = run_id_of(wanted, salt)
        run = journal.runs.find(run_id)
        if run is None or is_own(run):
            return run_id, run
    raise AssertionError  # pragma: no cover -- count() does not end
