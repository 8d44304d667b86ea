"""Votes: whose counts is decided fresh, every time; the last one needed starts the run once."""

from collections.abc import Mapping
from typing import Any

from bot.domain.approvals import Choice, Decision, Vote, Voter, decide, refusal
from bot.domain.runs import Run, RunState
from bot.engine.workplace import Workplace
from bot.errors import PermanentError
from bot.planning.checklist import checklist_of
from bot.ports import Audience

_PENDING = frozenset({RunState.PENDING})


def vote(workplace: Workplace, audience: Audience, payload: Mapping[str, Any]) -> None:
    """Deal with a reaction or a button on one of our messages. Anything else in the channel is ignored.

    Raises:
        PermanentError: ``vote-closed``, ``vote-stale``, ``vote-refused``; the voter is told.
        TemporaryError: ``lookup-failed``.
    """
    found = workplace.announcer.run_of(audience.channel, payload["ts"])
    run = workplace.journal.run(found[0]) if found else None
    if found is None or run is None:
        return
    if payload["withdraw"]:
        _withdraw(workplace, run, audience.user_id, payload["how"])
        return
    if _counted_before(workplace, run, audience.user_id, payload):
        show(workplace, run.id)
        return
    asked = payload["digest"] or found[1]
    _check_open(run, asked)
    voter = _check_voter(workplace, run, audience.user_id, payload)
    cast = Vote(audience.user_id, Choice(payload["choice"]), run.plan.digest, payload["how"], workplace.clock.now())
    workplace.journal.cast(run.id, cast)
    workplace.journal.audit(
        run.id,
        audience.user_id,
        "voted",
        {"choice": cast.choice.value, "how": cast.how, "digest": cast.digest, "name": voter.name},
    )
    _decide(workplace, run)


def _counted_before(workplace: Workplace, run: Run, user_id: str, payload: Mapping[str, Any]) -> bool:
    """Whether this very vote has done its work: delivered twice, or its handler died before it could say so."""
    seen = {(vote.user_id, vote.choice, vote.how, vote.digest) for vote in workplace.journal.votes(run.id)}
    mine = (user_id, Choice(payload["choice"]), payload["how"], run.plan.digest)
    return run.state is not RunState.PENDING and mine in seen


def _check_open(run: Run, asked: str) -> None:
    if run.state is not RunState.PENDING:
        raise PermanentError(
            "vote-closed", f"Run {run.id} is {run.state}; votes no longer change it.", "See /rollback status."
        )
    if asked and not run.plan.digest.startswith(asked):
        raise PermanentError(
            "vote-stale",
            f"That request was for plan {asked}; the plan is {run.plan.short_digest} now.",
            "Read the newest request in the thread and vote there.",
        )


def _check_voter(workplace: Workplace, run: Run, user_id: str, payload: Mapping[str, Any]) -> Voter:
    policy = workplace.site(run.environment).environment.approval
    voter = workplace.directory.look_up(user_id, policy.groups)
    reason = refusal(voter, policy, run.requester, workplace.home_team)
    if reason is None:
        return voter
    flags = {"bot": voter.bot, "deleted": voter.deleted, "guest": voter.guest, "stranger": voter.stranger}
    seen = {"reason": reason, "how": payload["how"], **flags, "name": voter.name}
    workplace.journal.audit(run.id, user_id, "vote-refused", seen)
    raise PermanentError("vote-refused", f"Your vote on run {run.id} does not count: {reason}")


def _withdraw(workplace: Workplace, run: Run, user_id: str, how: str) -> None:
    if workplace.journal.withdraw(run.id, user_id, how):
        workplace.journal.audit(run.id, user_id, "vote-withdrawn", {"how": how})
        show(workplace, run.id)


def _decide(workplace: Workplace, run: Run) -> None:
    journal = workplace.journal
    quorum = workplace.site(run.environment).environment.approval.quorum
    votes = journal.votes(run.id)
    decision = decide(votes, run.plan.digest, quorum)
    if decision is Decision.REJECTED:
        who = " and ".join(f"<@{vote.user_id}>" for vote in votes if vote.choice is Choice.REJECT)
        if journal.end(run.id, RunState.REJECTED, f"rejected by {who}", expect=_PENDING):
            journal.audit(run.id, "backstop", "run-ended", {"state": RunState.REJECTED.value})
    elif decision is Decision.APPROVED and journal.approve(run.id, run.plan.digest, checklist_of(run.plan.kind)):
        journal.audit(run.id, "backstop", "approved", {"digest": run.plan.digest, "quorum": quorum})
        workplace.queue.defer_run(run.id)
    show(workplace, run.id)


def show(workplace: Workplace, run_id: str) -> None:
    """Wish for a current card and request. Looked at again afterwards: an older look must not have the last word."""
    run, shown = workplace.journal.run(run_id), None
    while run is not None and run != shown:
        show_as(workplace, run)
        run, shown = workplace.journal.run(run_id), run


def show_as(workplace: Workplace, run: Run) -> None:
    """Wish for a card and a request that show the run like this."""
    votes = workplace.journal.votes(run.id)
    workplace.announcer.card(run, votes)
    workplace.announcer.request(run, votes)
