"""Re-checks the plan right before anything is touched: facts, digest and votes."""

from bot.domain.approvals import Choice, Decision, Vote, decide, refusal, rejecters
from bot.engine.kinds import preview
from bot.engine.runs.execution import Execution
from bot.engine.runs.interrupts import CancelledError, ReplanError, VoidError
from bot.engine.runs.steps.step import Action, Outcome
from bot.errors import BotError, PermanentError
from bot.planning import checklist
from bot.planning.kinds import read_request
from bot.planning.refusals import drill_in_production


class Recheck(Action):
    """Start only what people have voted for, and only with votes of people who may still vote (decision 26)."""

    key = checklist.RECHECK

    def act(self, execution: Execution) -> Outcome:
        """Plan it again and compare digests; look every voter up again.

        Raises:
            VoidError: it can no longer be planned.
            ReplanError: the digest or the votes changed.
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
        # Groups and accounts change between vote and start: each voter is judged as of now.
        refused = self._refused(execution)
        votes = [vote for vote in execution.services.journal.votes.current(run.id) if vote.user_id not in refused]
        quorum = 0 if run.drill else execution.env.environment.approval.quorum
        decision = decide(votes, run.plan.digest, quorum)
        if decision is Decision.REJECTED:  # by a version that counted after it had recorded the vote
            raise CancelledError(rejecters(votes, run.plan.digest)[0])
        if decision is not Decision.APPROVED:
            why = tuple(refused.values()) or (f"only {len(votes)} of {quorum} votes stand",)
            raise ReplanError(run.plan, why, refused)
        approval = f"part of drill {run.drill}, which needs no votes" if run.drill else f"{len(votes)} votes stand"
        return Outcome(f"unchanged, {now.short_digest}; {approval}")

    def _refused(self, execution: Execution) -> dict[str, str]:
        votes = execution.services.journal.votes.current(execution.run.id)
        reasons = {vote.user_id: _why_not(execution, vote) for vote in votes if vote.choice is Choice.APPROVE}
        return {user: reason for user, reason in reasons.items() if reason}


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
