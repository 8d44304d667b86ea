"""Casts and withdraws votes. Every voter is looked up fresh; the vote that completes the quorum starts the run once."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from bot.domain.approvals import (
    Choice,
    Decision,
    Retracted,
    Retraction,
    Vote,
    Voter,
    decide,
    explain_rejection,
    refusal,
)
from bot.domain.runs import OPEN, Run, RunState
from bot.engine.approvals.authorization import check_channel
from bot.engine.approvals.consent import cast_entry, check_genuine, is_genuine, report_forged, was_cast
from bot.engine.approvals.signatures import sign_vote, verified
from bot.engine.context import Services
from bot.engine.requests import CastVote
from bot.errors import PermanentError
from bot.planning.kinds import build_checklist, is_recheck_ahead, is_retired
from bot.planning.refusals import check_not_retired
from bot.ports import Audience, AuditEntry
from bot.ports.journal import Count, Verdict


@dataclass(frozen=True)
class _Subject:
    """The run and the plan that a message asks approval for.

    `short_digest` is "" where the message has shown several plans: it is unknown which of them the person saw.
    """

    run: Run
    short_digest: str


def vote(services: Services, audience: Audience, request: CastVote) -> None:
    """Handle a reaction or a button on one of our messages. Any other message in the channel is ignored.

    Raises:
        PermanentError: ``unknown-run``, ``vote-closed``, ``vote-stale``, ``vote-refused``, ``request-expired``,
            ``not-pending``, ``shared-channel``, ``channel-not-visible``, ``restore-in-place-removed``.
        TemporaryError: ``lookup-failed``; the vote does not count.
    """
    subject = _find_subject(services, audience, request)
    if subject is None:
        return
    if request.withdraw:
        _withdraw(services, audience.user_id, subject, request)
    elif _has_counted(services, audience.user_id, subject.run, request):
        show(services, subject.run.id)
    else:
        _check_open(subject, request.choice)
        check_genuine(services, subject.run)
        _check_place(services, audience, subject.run, request.how)
        _cast(services, audience, subject.run, request)


def _find_subject(services: Services, audience: Audience, request: CastVote) -> _Subject | None:
    if request.run_id:  # a button names both, because its message may be a copy that Slack never confirmed to us
        return _Subject(services.run(request.run_id), request.digest)
    found = services.announcer.find_run(audience.channel, request.ts)
    run = services.journal.runs.find(found[0]) if found else None
    return _Subject(run, found[1] or _digest_on_card(services, run)) if found and run else None


def _digest_on_card(services: Services, run: Run) -> str:
    # Decision 26: the card is edited in place, so once the plan has changed a reaction on it is about no known plan.
    changes = (event.details for event in services.journal.audit.events(run.id) if event.event == "plan-changed")
    return "" if any(change["old"] != change["new"] for change in changes) else run.plan.short_digest


def _has_counted(services: Services, user_id: str, run: Run, request: CastVote) -> bool:
    """Return whether this vote has had its effect: it was redelivered, or its handler died before it could finish."""
    counted = {(vote.user_id, vote.choice, vote.how, vote.digest) for vote in services.journal.votes.current(run.id)}
    return run.state is not RunState.PENDING and (user_id, request.choice, request.how, run.plan.digest) in counted


def _check_open(subject: _Subject, choice: Choice) -> None:
    run, asked = subject.run, subject.short_digest
    # decision 26: one rejection stops a run until its plan has been re-checked; the journal has the last word
    may_stop = choice is Choice.REJECT and is_recheck_ahead(run)
    if run.state is not RunState.PENDING and not may_stop:
        way_out = f"/rollback cancel {run.id} stops it for as long as that is possible."
        raise PermanentError(
            "vote-closed",
            f"Run {run.id} is {run.state}; votes no longer change it.",
            way_out if run.state in OPEN else "See /rollback status.",
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


def _cast(services: Services, audience: Audience, run: Run, request: CastVote) -> None:
    choice, how, user_id = request.choice, request.how, audience.user_id
    if choice is Choice.APPROVE:
        check_not_retired(run)
    if was_cast(services, run.id, audience.request_id):  # its row is gone since, so it was withdrawn
        return
    voter = _check_voter(services, run, user_id, how)
    cast = Vote(
        user_id,
        choice,
        run.plan.digest,
        how,
        services.journal.runs.now(),
        _seen_at(request),
        audience.channel,
        request.ts,
        audience.request_id,
    )
    signed = sign_vote(services.keyring, run.id, cast)
    # The journal drops a vote that was withdrawn while its voter was looked up (decision 26).
    state = services.journal.votes.cast(run.id, signed, _counter(services, run), cast_entry(signed, voter.name))
    if state is not None:
        _follow(services, run.id, state)


def _check_place(services: Services, audience: Audience, run: Run, how: str) -> None:
    """Refuse votes from a channel that is shared; taking a vote back is never refused there.

    Raises:
        BotError: see `check_channel`.
    """
    try:
        check_channel(services, audience.channel)
    except PermanentError as error:
        details = {"reason": error.message, "how": how, "channel": audience.channel}
        services.journal.audit.append(run.id, audience.user_id, "vote-refused", details)
        raise


def _check_voter(services: Services, run: Run, user_id: str, how: str) -> Voter:
    policy = services.env(run.environment).environment.approval
    voter = services.directory.look_up(user_id, policy.groups)
    reason = refusal(voter, policy, run.requester, services.home_team)
    if reason is None:
        return voter
    flags = {"bot": voter.bot, "deleted": voter.deleted, "guest": voter.guest, "stranger": voter.stranger}
    details = {"reason": reason, "how": how, **flags, "name": voter.name}
    services.journal.audit.append(run.id, user_id, "vote-refused", details)
    raise PermanentError("vote-refused", f"Your vote on run {run.id} does not count: {reason}")


def _withdraw(services: Services, user_id: str, subject: _Subject, request: CastVote) -> None:
    """Withdraw the vote for the plan that the message is about, if that is known.

    Raises:
        PermanentError: ``vote-closed``.
    """
    run, asked = subject.run, subject.short_digest
    if not asked:
        return
    retraction = Retraction(user_id, request.choice, asked, _seen_at(request))
    entry = AuditEntry(user_id, "vote-withdrawn", {"how": request.how, "digest": run.plan.digest})
    outcome = services.journal.votes.withdraw(run.id, retraction, entry)
    if outcome is Retracted.TOO_LATE:
        raise PermanentError(
            "vote-closed",
            f"Run {run.id} is under way; it was too late to take your vote back.",
            f"/rollback cancel {run.id} stops it for as long as that is possible.",
        )
    if outcome is Retracted.DONE:
        show(services, run.id)


def _seen_at(request: CastVote) -> Decimal:
    return Decimal(request.event_ts or 0)


def decide_again(services: Services, run: Run) -> None:
    """Count the votes of a pending run that stand already: a run with a full quorum must not wait for another vote."""
    if is_retired(run) or not is_genuine(services, run):
        return
    report_forged(services, run)
    if services.journal.votes.decide(run.id, run.plan.digest, _counter(services, run)) is RunState.APPROVED:
        services.queue.defer_run(run.id)


def _follow(services: Services, run_id: str, state: RunState) -> None:
    # A run that is approved already may be queued again: one process takes it, the others find it taken.
    if state is RunState.APPROVED:
        services.queue.defer_run(run_id)
    show(services, run_id)


def _counter(services: Services, run: Run) -> Count:
    """Make the function that counts the votes for the run's plan, which the journal calls while it holds the run."""
    digest, quorum = run.plan.digest, services.env(run.environment).environment.approval.quorum
    steps = build_checklist(run.plan.kind)

    def count(votes: Sequence[Vote]) -> Verdict:
        votes = verified(services.keyring, run.id, votes)
        decision = decide(votes, digest, quorum)
        if decision is Decision.REJECTED:
            ended = AuditEntry("backstop", "run-ended", {"state": RunState.REJECTED.value})
            return Verdict(RunState.REJECTED, explain_rejection(votes, digest), entry=ended)
        if decision is Decision.APPROVED:
            approved = AuditEntry("backstop", "approved", {"digest": digest, "quorum": quorum})
            return Verdict(RunState.APPROVED, steps=steps, entry=approved)
        return Verdict(RunState.PENDING)

    return count


def show(services: Services, run_id: str) -> None:
    """Bring the card and the request up to date.

    It repeats until the run stays the same: a concurrent process must not have the last word with an older state.
    """
    run, shown = services.journal.runs.find(run_id), None
    while run is not None and run != shown:
        show_as(services, run)
        run, shown = services.journal.runs.find(run_id), run


def show_as(services: Services, run: Run) -> None:
    """Show the run in this state on its card and its request."""
    votes = services.journal.votes.current(run.id)
    services.announcer.card(run, votes)
    services.announcer.request(run, votes)
