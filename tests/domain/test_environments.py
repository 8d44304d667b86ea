"""An approval policy's window and user groups."""

from datetime import timedelta

from bot.domain.environments import ApprovalPolicy

POLICY = ApprovalPolicy(approvers=("user:U0ALICE", "usergroup:S0LEADS", "usergroup:S0DBA"), expires_after_s=90)


def test_user_groups_are_found_among_users() -> None:
    assert POLICY.groups == ("S0LEADS", "S0DBA")
    assert ApprovalPolicy().groups == ()


def test_a_request_stays_open_for_its_window() -> None:
    assert POLICY.window == timedelta(seconds=90)
