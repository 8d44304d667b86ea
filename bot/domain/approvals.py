"""Decides which votes count, and if they amount to an approval."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from bot.domain.environments import ApprovalPolicy


class Choice(StrEnum):
    """A vote."""

    APPROVE = "approve"
    REJECT = "reject"


REACTIONS: Mapping[str, Choice] = {
    "white_check_mark": Choice.APPROVE,
    "heavy_check_mark": Choice.APPROVE,
    "x": Choice.REJECT,
}
"""A thumb up is left out: people put it under messages they have merely read."""


def read_reaction(name: str) -> Choice | None:
    """Read a reaction by its name in Slack, with or without a skin tone; None where it means nothing."""
    return REACTIONS.get(name.split("::", 1)[0])


@dataclass(frozen=True)
class Voter:
    """A person as Slack knew them at the moment of a look-up; `groups` are the user groups they are in."""

    user_id: str
    name: str
    team_id: str
    deleted: bool = False
    bot: bool = False
    guest: bool = False
    stranger: bool = False
    groups: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Vote:
    """One person's vote on one plan digest.

    Attributes:
        digest: of the plan that it is for.
        how: ``reaction`` or ``button``.
        at: the time it was counted.
        event_ts: the time Slack saw it, in seconds since 1970; 0 if unknown. Votes are handled in any order: this tells
            which came first.
        channel, ts: of the message that the person reacted to, or whose button they pressed.
        request_id: of the request that Slack's event or click became.
        signature: the bot's, over all of it and the run's id; "" where an earlier version recorded the vote.
    """

    user_id: str
    choice: Choice
    digest: str
    how: str
    at: datetime
    event_ts: Decimal = Decimal(0)
    channel: str = ""
    ts: str = ""
    request_id: str = ""
    signature: str = ""


@dataclass(frozen=True)
class Retraction:
    """A person's reaction is off a message: their vote by reaction for its plan, cast before that, is taken back.

    Attributes:
        user_id, choice: of the vote.
        short_digest: the first 12 characters of the digest of the plan that the message is about.
        event_ts: as of `Vote`.
    """

    user_id: str
    choice: Choice
    short_digest: str
    event_ts: Decimal = Decimal(0)


class Retracted(StrEnum):
    """The result of a retraction."""

    DONE = "done"
    NOTHING = "nothing"
    """There was no such vote, or the run has ended."""
    TOO_LATE = "too-late"
    """The vote stays: the run has begun."""


class Decision(StrEnum):
    """The sum of the counted votes."""

    WAITING = "waiting"
    APPROVED = "approved"
    REJECTED = "rejected"


def refusal(voter: Voter, policy: ApprovalPolicy, requester: str, home_team: str) -> str | None:
    """Return why a vote does not count, as a sentence for the voter; None when it counts."""
    # From what can never change to what a lead could change: a bot learns that it is a bot, not that it is no lead.
    reasons = (
        (voter.bot or voter.user_id == "USLACKBOT", "bots cannot vote."),
        (voter.deleted, "this account is deactivated."),
        (voter.team_id != home_team or voter.stranger, "you are not a member of this workspace."),
        (voter.guest, "guests cannot vote; a full member of this workspace must."),
        (
            voter.user_id == requester and not policy.allow_requester,
            "you asked for this rollback; someone else must consent to it.",
        ),
        (not is_approver(voter, policy), "you are not one of this environment's approvers."),
    )
    return next((reason for refused, reason in reasons if refused), None)


def is_approver(voter: Voter, policy: ApprovalPolicy) -> bool:
    """Tell if the policy names the person, or a user group they are in."""
    named = {f"user:{voter.user_id}"} | {f"usergroup:{group}" for group in voter.groups}
    return not named.isdisjoint(policy.approvers)


def rejecters(votes: Iterable[Vote], digest: str) -> tuple[str, ...]:
    """List who has rejected that plan."""
    return tuple(vote.user_id for vote in votes if vote.choice is Choice.REJECT and vote.digest == digest)


def explain_rejection(votes: Iterable[Vote], digest: str) -> str:
    """Write who has rejected that plan, as the problem of the run."""
    return "rejected by " + " and ".join(f"<@{user}>" for user in rejecters(votes, digest))


def decide(votes: Iterable[Vote], digest: str, quorum: int) -> Decision:
    """Count the last vote of each person, for that digest only. One rejection is enough to reject."""
    # Votes for another digest are for another plan: they stay in the journal and count for nothing (decision 26).
    last = {vote.user_id: vote.choice for vote in sorted(votes, key=lambda vote: vote.at) if vote.digest == digest}
    if Choice.REJECT in last.values():
        return Decision.REJECTED
    return Decision.APPROVED if len(last) >= quorum else Decision.WAITING
