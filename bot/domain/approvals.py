"""Approvals: whose vote counts, and what the votes amount to."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from bot.domain.environments import ApprovalPolicy


class Choice(StrEnum):
    """A vote."""

    APPROVE = "approve"
    REJECT = "reject"


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
        user_id, choice, digest: who, what, on which plan.
        how: ``reaction`` or ``button``.
        at: when it was counted.
        event_ts: when Slack saw it, in seconds since 1970; 0 where that is not known. Votes are dealt with in any
            order: this tells which came first.
    """

    user_id: str
    choice: Choice
    digest: str
    how: str
    at: datetime
    event_ts: Decimal = Decimal(0)


@dataclass(frozen=True)
class Retraction:
    """A person's reaction is off a message: their vote by reaction for its plan, cast before that, is taken back.

    Attributes:
        user_id, choice: who, and which vote.
        short_digest: the first 12 characters of the digest of the plan that the message is about.
        event_ts: as of `Vote`.
    """

    user_id: str
    choice: Choice
    short_digest: str
    event_ts: Decimal = Decimal(0)


class Retracted(StrEnum):
    """What came of a retraction."""

    DONE = "done"
    NOTHING = "nothing"
    """There was no such vote, or the run has ended."""
    TOO_LATE = "too-late"
    """The vote stays: what was voted for is under way."""


class Decision(StrEnum):
    """What the counted votes amount to."""

    WAITING = "waiting"
    APPROVED = "approved"
    REJECTED = "rejected"


def refusal(voter: Voter, policy: ApprovalPolicy, requester: str, home_team: str) -> str | None:
    """Say why a vote does not count, as a sentence for the voter; None when it counts.

    The order is from what can never change to what a lead could: a bot learns it is a bot, not that it is no lead.
    """
    reasons = (
        (voter.bot or voter.user_id == "USLACKBOT", "bots cannot vote."),
        (voter.deleted, "this account is deactivated."),
        (voter.team_id != home_team or voter.stranger, "you are not a member of this workspace."),
        (voter.guest, "guests cannot vote; a full member of this workspace must."),
        (
            voter.user_id == requester and not policy.allow_requester,
            "you asked for this rollback; someone else must consent to it.",
        ),
        (not entitled(voter, policy), "you are not one of this environment's approvers."),
    )
    return next((reason for refused, reason in reasons if refused), None)


def entitled(voter: Voter, policy: ApprovalPolicy) -> bool:
    """Whether the policy names the person, or a user group they are in."""
    named = {f"user:{voter.user_id}"} | {f"usergroup:{group}" for group in voter.groups}
    return not named.isdisjoint(policy.approvers)


def decide(votes: Iterable[Vote], digest: str, quorum: int) -> Decision:
    """Count one vote a person, the last one, for that digest only. One rejection ends it."""
    last = {vote.user_id: vote.choice for vote in sorted(votes, key=lambda vote: vote.at) if vote.digest == digest}
    if Choice.REJECT in last.values():
        return Decision.REJECTED
    return Decision.APPROVED if len(last) >= quorum else Decision.WAITING
