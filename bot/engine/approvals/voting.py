"""Votes: whose counts is decided fresh, every time; the last one needed starts the run once."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from bot.domain.approvals import Choice, Decision, Retracted, Retraction, Vote, Voter, decide, refusal
from bot.domain.runs import Run, RunState
from bot.engine.context import Services
from bot.errors import PermanentError
from bot.planning.kinds import build_checklist
from bot.planning.retired import check_not_retired
from bot.ports import Audience, AuditEntry

_PENDING = frozenset({RunState.PENDING})


def vote(services: Services, audience: Audience, payload: Mapping[str, Any]) -> None:
    """Deal with a reaction or a button on one of our messages. Anything else in the channel is ignored.

    Raises:
        PermanentError: ``unknown-run``, ``vote-closed``, ``vote-stale``, ``vote-refused``,
            ``restore-in-place-removed``; the voter is told.
        TemporaryError: ``lookup-failed``.
    """
    subject = _subject(services, audience, payload)
    if subject is None:
        return
    run, asked = subject
    if payload["withdraw"]:
        _withdraw(services, run, audience.user_id, asked, payload)
        return
    if _counted_before(services, run, audience.user_id, payload):
        show(services, run.id)
        return
    _check_open(run, asked)
    choice = Choice(payload["choice"])
    if choice is Choice.APPROVE:
        check_not_retired(run)
    voter = _check_voter(services, run, audience.user_id, payload)
    how, digest, now = payload["how"], run.plan.digest, services.clock.now()
    details = {"choice": choice.value, "how": how, "digest": digest, "name": voter.name}
    entry = AuditEntry(audience.user_id, "voted", details)
    if services.journal.votes.cast(run.id, Vote(audience.user_id, choice, digest, how, now, _event_ts(payload)), entry):
        _decide(services, run)


def _subject(services: Services, audience: Audience, payload: Mapping[str, Any]) -> tuple[Run, str] | None:
    """The run a vote is about, and the short digest of the plan, "" where nobody can tell; None for no run.

    A button says both itself: it may stand on a copy that Slack took although it never answered our post.
    """
    if payload.get("run_id"):
        return services.run(payload["run_id"]), payload["digest"]
    found = services.announcer.run_of(audience.channel, payload["ts"])
    run = services.journal.runs.find(found[0]) if found else None
    return (run, found[1] or _on_card(services, run)) if found and run else None


def _event_ts(payload: Mapping[str, Any]) -> Decimal:
    return Decimal(payload.get("event_ts") or 0)


def _on_card(services: Services, run: Run) -> str:
    """The plan that a reaction on the card is about: the run's, or "" where it has had another one.

    The card is edited in place, and nobody can tell what it showed when somebody reacted.
    """
    moves = (event.details for event in services.journal.audit.events(run.id) if event.event == "plan-changed")
    return "" if any(move["old"] != move["new"] for move in moves) else run.plan.short_digest


def _counted_before(services: Services, run: Run, user_id: str, payload: Mapping[str, Any]) -> bool:
    """Whether this very vote has done its work: delivered twice, or its handler died before it could say so."""
    seen = {(vote.user_id, vote.choice, vote.how, vote.digest) for vote in services.journal.votes.current(run.id)}
    mine = (user_id, Choice(payload["choice"]), payload["how"], run.plan.digest)
    return run.state is not RunState.PENDING and mine in seen


def _check_open(run: Run, asked: str) -> None:
    if run.state is not RunState.PENDING:
        raise PermanentError(
            "vote-closed", f"Run {run.id} is {run.state}; votes no longer change it.", "See /rollback status."
        )
    if not asked:
        raise PermanentError(
            "vote-stale",
            f"The plan of run {run.id} has changed since its card was posted: a reaction on the card does not count.",
            "Read the newest request in the thread and vote there.",
        )
    if not run.plan.digest.startswith(asked):
        raise PermanentError(
            "vote-stale",
            f"That request was for plan {asked}; the plan is {run.plan.short_digest} now.",
            "Read the newest request in the thread and vote there.",
        )


def _check_voter(services: Services, run: Run, user_id: str, payload: Mapping[str, Any]) -> Voter:
    policy = services.env(run.environment).environment.approval
    voter = services.directory.look_up(user_id, policy.groups)
    reason = refusal(voter, policy, run.requester, services.home_team)
    if reason is None:
        return voter
    flags = {"bot": voter.bot, "deleted": voter.deleted, "guest": voter.guest, "stranger": voter.stranger}
    seen = {"reason": reason, "how": payload["how"], **flags, "name": voter.name}
    services.journal.audit.append(run.id, user_id, "vote-refused", seen)
    raise PermanentError("vote-refused", f"Your vote on run {run.id} does not count: {reason}")


def _withdraw(services: Services, run: Run, user_id: str, asked: str, payload: Mapping[str, Any]) -> None:
    """Take back the vote for the plan that the touched message is about; a card that has shown several is about none.

    Raises:
        PermanentError: ``vote-closed``.
    """
    if not asked:
        return
    retraction = Retraction(user_id, Choice(payload["choice"]), asked, _event_ts(payload))
    entry = AuditEntry(user_id, "vote-withdrawn", {"how": payload["how"], "digest": run.plan.digest})
    came_of_it = services.journal.votes.withdraw(run.id, retraction, entry)
    if came_of_it is Retracted.TOO_LATE:
        raise PermanentError(
            "vote-closed",
            f"Run {run.id} is under way; it was too late to take your vote back.",
            f"/rollback cancel {run.id} stops it for as long as that is possible.",
        )
    if came_of_it is Retracted.DONE:
        show(services, run.id)


def _decide(services: Services, run: Run) -> None:
    journal = services.journal
    quorum = services.env(run.environment).environment.approval.quorum
    votes = journal.votes.current(run.id)
    decision = decide(votes, run.plan.digest, quorum)
    if decision is Decision.REJECTED:
        who = " and ".join(f"<@{vote.user_id}>" for vote in votes if vote.choice is Choice.REJECT)
        ended = AuditEntry("backstop", "run-ended", {"state": RunState.REJECTED.value})
        journal.runs.end(run.id, RunState.REJECTED, f"rejected by {who}", expect=_PENDING, entry=ended)
    elif decision is Decision.APPROVED:
        approved = AuditEntry("backstop", "approved", {"digest": run.plan.digest, "quorum": quorum})
        if journal.runs.approve(run.id, run.plan.digest, build_checklist(run.plan.kind), approved):
            services.queue.defer_run(run.id)
    show(services, run.id)


def show(services: Services, run_id: str) -> None:
    """Wish for a current card and request. Looked at again afterwards: an older look must not have the last word."""
    run, shown = services.journal.runs.find(run_id), None
    while run is not None and run != shown:
        show_as(services, run)
        run, shown = services.journal.runs.find(run_id), run


def show_as(services: Services, run: Run) -> None:
    """Wish for a card and a request that show the run like this."""
    votes = services.journal.votes.current(run.id)
    services.announcer.card(run, votes)
    services.announcer.request(run, votes)
