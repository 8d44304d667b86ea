"""Reactions as votes."""

import pytest

from bot.views.runs import approval_request
from tests.commands.office import Office, until
from tests.views.samples import RUN


@pytest.fixture
def asked(office: Office) -> str:
    return office.post(approval_request.render(RUN, (), 2, production=True))


@pytest.mark.parametrize(
    ("name", "choice"),
    [("white_check_mark", "approve"), ("heavy_check_mark", "approve"), ("x", "reject")],
)
def test_a_reaction_is_a_vote(office: Office, asked: str, name: str, choice: str) -> None:
    office.react(asked, name)

    vote = office.only_request()
    assert vote.id.startswith("event:Ev")
    assert vote.kind == "vote"
    assert float(vote.payload["event_ts"]) > float(asked)
    assert {key: value for key, value in vote.payload.items() if key != "event_ts"} == {
        "user_id": "U0LEADA",
        "channel": "C0INCIDENT",
        "response_url": "",
        "ts": asked,
        "choice": choice,
        "how": "reaction",
        "withdraw": False,
    }


def test_taking_it_back_withdraws_the_vote(office: Office, asked: str) -> None:
    office.react(asked, "white_check_mark")
    office.react(asked, "white_check_mark", remove=True)

    until(lambda: len(office.operations.requests) == 2)
    votes = sorted(office.operations.requests.values(), key=lambda vote: float(vote.payload["event_ts"]))
    assert [vote.payload["withdraw"] for vote in votes] == [False, True], "they come in any order: Slack's clock tells"


def test_a_skin_tone_changes_nothing(office: Office, asked: str) -> None:
    office.react(asked, "white_check_mark::skin-tone-3")

    assert office.only_request().payload["choice"] == "approve"


def test_other_reactions_messages_and_the_bots_own_mean_nothing(office: Office, asked: str) -> None:
    theirs = office.hands.do("react", user="U0LEADA", channel="C0INCIDENT", ts=asked, name="eyes", remove=False)
    assert theirs["ok"]
    office.react(asked, "+1")
    office.client.reactions_add(channel="C0INCIDENT", timestamp=asked, name="white_check_mark")
    office.react(asked, "x", user="U0LEADB")  # comes last, so the others have been heard when it has

    assert office.only_request().payload["user_id"] == "U0LEADB"


def test_a_vote_that_could_not_be_persisted_is_delivered_again(office: Office, asked: str) -> None:
    office.operations.failing.append(RuntimeError("the journal is down"))

    office.react(asked, "white_check_mark")

    vote = office.only_request()
    assert office.operations.tries == [vote.id, vote.id]
