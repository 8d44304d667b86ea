"""The Home tab's way in: opening it is a request, its button opens the modal."""

from dataclasses import replace
from typing import Any

from bot.ports import EnvironmentSummary, HomeFacts
from bot.views.status import home
from commands import events
from commands.intake import Desk
from tests.commands.office import ENVIRONMENTS, Office, Remembered, until
from tests.commands.test_modal import forms
from tests.fakes.clock import NOON

Json = dict[str, Any]
FACTS = HomeFacts((EnvironmentSummary("staging", production=False, channel="C0STAGING", quorum=1, schema=27),), NOON)


def show(office: Office, user: str, facts: HomeFacts = FACTS) -> str:
    """Publish somebody's Home tab as the bot does; gives the view's id."""
    blocks = list(home.render(facts).blocks)
    answer = office.client.views_publish(user_id=user, view={"type": "home", "blocks": blocks})
    return str(answer["view"]["id"])


def test_opening_it_is_a_request(office: Office) -> None:
    office.hands.do("home", user="U0ENG")

    asked = office.only_request()
    assert asked.id.startswith("event:Ev")
    assert asked.kind == "home"
    assert asked.payload == {"user_id": "U0ENG", "channel": asked.payload["channel"], "response_url": ""}


def test_it_is_persisted_before_slack_is_answered(office: Office) -> None:
    office.operations.failing.append(RuntimeError("the journal is down"))

    office.hands.do("home", user="U0ENG")

    until(lambda: office.operations.requests)  # delivered again
    assert len(set(office.operations.tries)) == 1
    assert len(office.operations.tries) == 2


def test_the_conversation_with_the_bot_is_no_home_tab_and_strangers_have_none() -> None:
    operations = Remembered()
    listeners: list[Any] = []

    class Bolt:
        def event(self, name: str) -> Any:
            return listeners.append if name == "app_home_opened" else lambda _: None

    events.register(Bolt(), Desk(operations, ENVIRONMENTS, "T0PHYSIO"))  # type: ignore[arg-type] # all it uses of an App
    (opened,) = listeners
    body = {"team_id": "T0PHYSIO", "event_id": "Ev1"}
    opened(body=body, event={"user": "U0ENG", "channel": "D1", "tab": "messages"})
    opened(body={**body, "team_id": "T0PARTNER"}, event={"user": "U0STRANGER", "channel": "D1", "tab": "home"})
    assert operations.tries == []
    opened(body=body, event={"user": "U0ENG", "channel": "D1", "tab": "home"})
    assert operations.tries == ["event:Ev1"]


def test_its_button_opens_the_modal_for_that_environment(office: Office) -> None:
    view_id = show(office, "U0ENG")

    office.hands.do("press", user="U0ENG", view_id=view_id, action_id=home.START)

    (form,) = until(lambda: forms(office))
    assert form.view()["blocks"][0]["element"]["initial_option"]["value"] == "staging"
    form.search("027")
    assert form.submit(what="staging:027")["ok"]
    payload = office.only_request().payload
    assert (payload["channel"], payload["response_url"]) == ("U0ENG", "")


def test_a_modal_that_cannot_be_opened_from_there_is_said_in_their_conversation(office: Office) -> None:
    view_id = show(office, "U0LEADA")
    office.hands.fault(kind="error", method="views.open", error="expired_trigger_id", times=1)

    office.hands.do("press", user="U0LEADA", view_id=view_id, action_id=home.START)

    def reported() -> list[str]:
        said = office.hands.look("messages")["messages"]
        return [one["text"] for one in said if "could not be opened" in one["text"] and not one.get("addressee")]

    assert until(reported) == ["The form could not be opened. Type /rollback staging and what to undo, or try again."]


def test_a_button_of_an_environment_that_is_gone_opens_nothing(office: Office) -> None:
    gone = replace(FACTS, environments=(replace(FACTS.environments[0], environment="qa"),))
    view_id = show(office, "U0LEADB", gone)

    assert office.hands.do("press", user="U0LEADB", view_id=view_id, action_id=home.START)["ok"]
    assert forms(office, "U0LEADB") == []
