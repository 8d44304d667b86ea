"""Whose vote counts, and what the votes amount to."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.domain.approvals import Choice, Decision, Vote, Voter, decide, is_approver, refusal
from bot.domain.environments import ApprovalPolicy

POLICY = ApprovalPolicy(2, ("usergroup:S0LEADS", "user:U0DBA"))
LEAD = Voter("U0LEADA", "Ana", "T1", groups=frozenset({"S0LEADS"}))
WRONGS: tuple[tuple[dict[str, Any], str], ...] = (
    ({"groups": frozenset()}, "you are not one of this environment's approvers."),
    ({"user_id": "U0ASKED"}, "you asked for this rollback; someone else must consent to it."),
    ({"guest": True}, "guests cannot vote; a full member of this workspace must."),
    ({"team_id": "T2"}, "you are not a member of this workspace."),
    ({"deleted": True}, "this account is deactivated."),
    ({"bot": True}, "bots cannot vote."),
)


def refuse(voter: Voter, policy: ApprovalPolicy = POLICY) -> str | None:
    return refusal(voter, policy, "U0ASKED", "T1")


def test_a_lead_counts() -> None:
    assert refuse(LEAD) is None
    assert refuse(Voter("U0DBA", "Dana", "T1")) is None


@pytest.mark.parametrize(("wrong", "why"), WRONGS)
def test_one_thing_wrong(wrong: dict[str, Any], why: str) -> None:
    assert refuse(replace(LEAD, **wrong)) == why


def test_the_gravest_comes_first() -> None:
    """Everything that is wrong so far plus one graver thing: the graver one is said."""
    voter = LEAD
    for wrong, why in WRONGS:
        voter = replace(voter, **wrong)
        assert refuse(voter) == why


def test_strangers_and_slackbot() -> None:
    assert refuse(replace(LEAD, stranger=True)) == "you are not a member of this workspace."
    assert refuse(replace(LEAD, user_id="USLACKBOT")) == "bots cannot vote."


def test_a_policy_may_let_the_requester_vote() -> None:
    voter = replace(LEAD, user_id="U0ASKED")
    assert refuse(voter, replace(POLICY, allow_requester=True)) is None


def test_a_group_is_no_user_of_that_name() -> None:
    assert not is_approver(Voter("S0LEADS", "x", "T1"), POLICY)
    assert not is_approver(Voter("U1", "x", "T1", groups=frozenset({"U0DBA"})), POLICY)
    assert POLICY.groups == ("S0LEADS",)
    assert POLICY.window == timedelta(minutes=30)


def cast(*votes: tuple[str, Choice, str]) -> list[Vote]:
    start = datetime(2026, 3, 1, tzinfo=UTC)
    return [
        Vote(user, how, digest, "button", start + timedelta(seconds=i)) for i, (user, how, digest) in enumerate(votes)
    ]


YES, NO = Choice.APPROVE, Choice.REJECT


@pytest.mark.parametrize(
    ("votes", "decision"),
    [
        (cast(), Decision.WAITING),
        (cast(("a", YES, "d")), Decision.WAITING),
        (cast(("a", YES, "d"), ("a", YES, "d")), Decision.WAITING),
        (cast(("a", YES, "d"), ("b", YES, "d")), Decision.APPROVED),
        (cast(("a", YES, "d"), ("b", YES, "old")), Decision.WAITING),
        (cast(("a", YES, "d"), ("b", YES, "d"), ("c", NO, "d")), Decision.REJECTED),
        (cast(("a", YES, "d"), ("b", NO, "old")), Decision.WAITING),
        (cast(("a", NO, "d"), ("a", YES, "d"), ("b", YES, "d")), Decision.APPROVED),
        (cast(("a", YES, "d"), ("b", YES, "d"), ("a", NO, "d")), Decision.REJECTED),
    ],
)
def test_what_votes_amount_to(votes: list[Vote], decision: Decision) -> None:
    assert decide(votes, "d", 2) is decision
    assert decide(reversed(votes), "d", 2) is decision
