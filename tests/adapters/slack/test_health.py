"""What keeps the bot from Slack is named before anybody needs it."""

from dataclasses import replace

from tests.adapters.slack.conftest import Place


def test_nothing(place: Place) -> None:
    assert place.chat.missing(place.emulator.workspace.team_id, ["C0INCIDENT"]) == []


def test_each_channel_by_itself(place: Place) -> None:
    channels = place.emulator.workspace.channels
    channels["C0OUTSIDE"] = replace(channels["C0INCIDENT"], id="C0OUTSIDE", name="outside", members=set())
    channels["C0OLD"] = replace(channels["C0INCIDENT"], id="C0OLD", name="old", is_archived=True)
    found = place.chat.missing(place.emulator.workspace.team_id, ["C0NOWHERE", "C0OUTSIDE", "C0OLD", "C0INCIDENT"])
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
