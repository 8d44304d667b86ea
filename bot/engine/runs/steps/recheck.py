"""Re-checks the plan right before anything is touched: facts, digest and votes."""

from bot.domain.approvals import Choice, Decision, Vote, decide, read_reaction, refusal, rejecters
from bot.engine.approvals.signatures import verified
from bot.engine.kinds import preview
from bot.engine.runs.execution import Execution
from bot.engine.runs.interrupts import CancelledError, ReplanError, VoidError
from bot.engine.runs.steps.step import Action, Outcome
from bot.errors import BotError, PermanentError, TemporaryError
from bot.planning import checklist
from bot.planning.kinds import read_request
from bot.planning.refusals import drill_in_production

CHECKED_AT = "checked_at"
"""Key in the step's data: when the plan was found unchanged, ISO 8601."""
MIN_PATIENCE_S = 60.0


class Recheck(Action):
    """Start only what people have voted for, and only with votes of people who may still vote (decision 26)."""

    key = checklist.RECHECK

    def act(self, execution: Execution) -> Outcome:
        """Plan it again and compare digests; look every voter up again.

        Raises:
            VoidError: it can no longer be planned.
            ReplanError: the digest or the votes changed.
            TemporaryError: Slack cannot be asked.
            CancelledError: a rejection stands.
        """
        run = execution.run
        _check_place(execution)
        try:
            now = preview(execution.services, read_request(run.plan), run.id)
        except PermanentError as error:
            raise VoidError(error) from error
        if now.digest != run.plan.digest:
            raise ReplanError(now, run.plan.differences(now))
        # Slack is asked first: a run waits for it rather than losing the votes.
        withdrawn = self._reactions_gone(execution)
        # Groups and accounts change between vote and start: each voter is judged as of now.
        refused = self._refused(execution) | withdrawn
        votes = [vote for vote in _verified(execution) if vote.user_id not in refused]
        quorum = 0 if run.drill else execution.env.environment.approval.quorum
        decision = decide(votes, run.plan.digest, quorum)
        if decision is Decision.REJECTED:  # by a version that counted after it had recorded the vote
            raise CancelledError(rejecters(votes, run.plan.digest)[0])
        if decision is not Decision.APPROVED:
            why = tuple(refused.values()) or (f"only {len(votes)} of {quorum} votes stand",)
            raise ReplanError(run.plan, why, refused)
        approval = f"part of drill {run.drill}, which needs no votes" if run.drill else f"{len(votes)} votes stand"
        checked = {CHECKED_AT: execution.services.journal.runs.now().isoformat()}
        return Outcome(f"unchanged, {now.short_digest}; {approval}", checked)

    def patience(self, execution: Execution) -> float:
        """Wait for Slack for as long as the approval is good."""
        left = execution.run.expires_at - execution.services.journal.runs.now()
        return max(left.total_seconds(), MIN_PATIENCE_S)

    def _reactions_gone(self, execution: Execution) -> dict[str, str]:
        """Ask Slack which reactions that were counted are no longer there; returns why, by voter.

        Raises:
            TemporaryError: Slack cannot be asked. It is said in the thread, and tried again.
        """
        votes = [vote for vote in _verified(execution) if vote.how == "reaction" and vote.choice is Choice.APPROVE]
        try:
            gone = [vote.user_id for vote in votes if not _still_there(execution, vote)]
        except TemporaryError as error:
            execution.note("waits-for-slack", _waits(execution, error))
            execution.tell(self.key, f"waits for Slack: {error.reference}", None)
            raise
        return {user: f"<@{user}> has no longer reacted with approval" for user in gone}

    def _refused(self, execution: Execution) -> dict[str, str]:
        votes = _verified(execution)
        reasons = {vote.user_id: _why_not(execution, vote) for vote in votes if vote.choice is Choice.APPROVE}
        return {user: reason for user, reason in reasons.items() if reason}


def _verified(execution: Execution) -> list[Vote]:
    services, run = execution.services, execution.run
    return verified(services.keyring, run.id, services.journal.votes.current(run.id))


def _still_there(execution: Execution, vote: Vote) -> bool:
    if not vote.ts:  # an earlier version did not keep the message
        return False
    reactions = execution.services.directory.reactions(vote.channel, vote.ts)
    return any(read_reaction(name) is vote.choice and vote.user_id in users for name, users in reactions.items())


def _waits(execution: Execution, error: TemporaryError) -> str:
    until = f"{execution.run.expires_at:%H:%M} UTC"
    return (
        f"Slack cannot say if the reactions are still there ({error.reference}: {error.message}). The run waits for it "
        f"until {until}; nothing has been touched. {error.hint}"
    )


def _check_place(execution: Execution) -> None:
    """Refuse a run without votes in production.

    Raises:
        VoidError: it would run there.
    """
    # decision 25: a drill's run has no votes, whatever the journal says about its environment.
    if execution.run.drill and execution.env.environment.production:
        raise VoidError(drill_in_production(execution.run.environment))


def _why_not(execution: Execution, vote: Vote) -> str:
    policy = execution.env.environment.approval
    try:
        voter = execution.services.directory.look_up(vote.user_id, policy.groups)
    except BotError as error:
        return f"<@{vote.user_id}> could not be looked up ({error.reference})"
    reason = refusal(voter, policy, execution.run.requester, execution.services.home_team)
    return f"the vote of <@{vote.user_id}> no longer counts: {reason}" if reason else ""
