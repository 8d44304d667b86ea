"""People, fresh and fail-closed."""

from dataclasses import replace

import pytest

from bot.domain.approvals import Voter, refusal
from bot.errors import PermanentError, TemporaryError
from tests.adapters.slack.conftest import Place
from tests.views.samples import PROD

LEADS = ["S0LEADS"]


def test_a_lead_as_slack_knows_them(place: Place) -> None:
    lead = place.chat.look_up("U0LEADA", LEADS)

    assert lead == Voter("U0LEADA", "lead.a", "T0PHYSIO", groups=frozenset({"S0LEADS"}))


@pytest.mark.parametrize(
    ("user_id", "why"),
    [
        ("U0LEADA", None),
        ("U0ENG", "you are not one of this environment's approvers."),
        ("U0EXLEAD", "this account is deactivated."),
        ("U0GUEST", "guests cannot vote; a full member of this workspace must."),
        ("U0STRANGER", "you are not a member of this workspace."),
        ("U0LEADBOT", "bots cannot vote."),
        ("USLACKBOT", "bots cannot vote."),
    ],
)
def test_only_full_members_who_are_approvers_may_vote(place: Place, user_id: str, why: str | None) -> None:
    voter = place.chat.look_up(user_id, LEADS)

    assert refusal(voter, PROD.approval, "U0ONCALL", "T0PHYSIO") == why


def test_every_look_up_is_fresh(place: Place) -> None:
    assert not place.chat.look_up("U0LEADA", LEADS).deleted

    place.hands.do("user", user="U0LEADA", flags={"deleted": True}, groups={"S0LEADS": False})

    now = place.chat.look_up("U0LEADA", LEADS)
    assert now.deleted
    assert now.groups == frozenset()


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "error", "method": "users.info", "error": "user_not_found"},
        {"kind": "error", "method": "usergroups.users.list", "error": "no_such_subteam"},
        {"kind": "error", "method": "usergroups.users.list", "error": "missing_scope"},
        {"kind": "5xx", "method": "users.info", "status": 500},
        {"kind": "drop", "method": "usergroups.users.list"},
    ],
)
def test_what_cannot_be_looked_up_counts_as_no(place: Place, fault: dict[str, str]) -> None:
    place.hands.fault(**fault)

    with pytest.raises(TemporaryError) as failed:
        place.chat.look_up("U0LEADA", LEADS)

    assert failed.value.reference == "lookup-failed"


def test_a_group_nobody_knows_fails_the_look_up(place: Place) -> None:
    with pytest.raises(TemporaryError, match="lookup-failed"):
        place.chat.look_up("U0LEADA", ["S0LEADS", "S0NOBODY"])


def test_a_short_rate_limit_is_waited_out(place: Place) -> None:
    place.hands.fault(kind="429", method="users.info", times=1, retry_after_s=0)

    assert place.chat.look_up("U0LEADA", LEADS).groups == frozenset(LEADS)
    assert len(place.calls("users.info")) == 2


@pytest.mark.parametrize(
    ("channel", "there"), [("C0INCIDENT", True), ("C0NOBOT", False), ("C0NOWHERE", False), ("D0SOMEBODY", False)]
)
def test_where_the_bot_is(place: Place, channel: str, there: bool) -> None:  # noqa: FBT001 -- a table's column
    assert place.chat.is_in(channel) == there


def test_where_the_bot_is_cannot_always_be_said(place: Place) -> None:
    place.hands.fault(kind="5xx", method="conversations.info", status=500)
    with pytest.raises(TemporaryError) as failed:
        place.chat.is_in("C0INCIDENT")
    assert failed.value.reference == "lookup-failed"


@pytest.mark.parametrize("flag", ["is_ext_shared", "is_org_shared", "is_pending_ext_shared"])
def test_a_channel_with_others_in_it_or_invited_is_shared(place: Place, flag: str) -> None:
    assert not place.chat.is_shared("C0DEV")
    channels = place.emulator.workspace.channels
    channels["C0DEV"] = replace(channels["C0DEV"], **{flag: True})  # type: ignore[arg-type]  # all three are flags
    assert place.chat.is_shared("C0DEV")


@pytest.mark.parametrize(
    "fault",
    [{"kind": "5xx", "status": 500}, {"kind": "drop"}, {"kind": "error", "error": "internal_error"}],
)
def test_a_channel_that_cannot_be_looked_up_now_is_neither(place: Place, fault: dict[str, str]) -> None:
    place.hands.fault(**fault, method="conversations.info")
    with pytest.raises(TemporaryError, match="lookup-failed"):
        place.chat.is_shared("C0DEV")


def test_a_private_channel_without_the_bot_cannot_be_seen(place: Place) -> None:
    with pytest.raises(PermanentError, match="channel-not-visible"):
        place.chat.is_shared("C0PRIVATE")


def test_nothing_keeps_the_bot_from_slack(place: Place) -> None:
    assert place.chat.missing(place.emulator.workspace.team_id, ["C0DEV", "C0INCIDENT"], {"C0INCIDENT"}) == []


def test_a_shared_incident_channel_is_named(place: Place) -> None:
    (line,) = place.chat.missing(place.emulator.workspace.team_id, ["C0DEV", "C0INCIDENT"])
    assert line.startswith("channel C0INCIDENT is shared with another organisation, so votes there do not count")
    assert "slack.allow_shared_channels" in line


def test_each_channel_by_itself(place: Place) -> None:
    channels = place.emulator.workspace.channels
    channels["C0OUTSIDE"] = replace(channels["C0INCIDENT"], id="C0OUTSIDE", name="outside", members=set())
    channels["C0OLD"] = replace(channels["C0INCIDENT"], id="C0OLD", name="old", is_archived=True)
    found = place.chat.missing(place.emulator.workspace.team_id, ["C0NOWHERE", "C0OUTSIDE", "C0OLD", "C0DEV"])
    assert [line.partition(":")[0] for line in found] == [
        "channel C0NOWHERE cannot be looked at, perhaps the bot was not invited",
        "the bot is no member of channel C0OUTSIDE",
        "channel C0OLD is archived",
    ]


def test_a_token_of_another_workspace_or_of_none(place: Place) -> None:
    (line,) = place.chat.missing("T0OTHER", [])
    assert line == f"the bot token is of workspace {place.emulator.workspace.team_id}, and team_id says T0OTHER"
    place.hands.fault(kind="error", method="auth.test", error="invalid_auth")
    (line,) = place.chat.missing("T0OTHER", ["C0INCIDENT"])
    assert line.startswith("the bot token is not accepted: slack-invalid-auth")
