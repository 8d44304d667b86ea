"""The sandbox's Slack, as a person sees it: a message with buttons, a reaction, the command line."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from bot.adapters.slack.app import build_client
from bot.adapters.slack.chat import SlackChat
from bot.ports import Message
from bot.sandbox.slack import SlackEmulator
from bot.views.runs import card
from tests.sandbox.slack.desk import Desk
from tests.views.samples import VOTES, running

WAIT_MS = 10_000


@pytest.fixture
def slack() -> Iterator[SlackEmulator]:
    with SlackEmulator(rate_scale=0) as emulator:
        yield emulator


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1200, "height": 900})
    yield context.new_page()
    context.close()


def test_a_card_and_its_reactions_are_shown_as_they_change(slack: SlackEmulator, page: Page) -> None:
    chat = SlackChat(build_client(slack.workspace.bot_token, slack.api_url))
    hands = Desk(slack)
    console: list[str] = []
    page.on("console", lambda said: console.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: console.append(str(error)))
    view = card.render(running("backup"), VOTES, 2, production=True)
    ts = chat.post(Message("card:rk3f9a", "C0INCIDENT", view.text, view.blocks), "")

    page.route("**/favicon.ico", lambda route: route.fulfill(status=204))  # browsers ask for it unasked
    page.goto(slack.base_url)
    page.get_by_text("Create emergency backup").first.wait_for(timeout=WAIT_MS)
    page.get_by_role("button", name="Cancel").first.wait_for(timeout=WAIT_MS)
    hands.do("react", user="U0LEADA", channel="C0INCIDENT", ts=ts, name="white_check_mark", remove=False)
    page.get_by_role("button", name="✅ 1").wait_for(timeout=WAIT_MS)
    later = card.render(running("chain"), VOTES, 2, production=True)
    chat.update(Message("card:rk3f9a", "C0INCIDENT", later.text, later.blocks), ts)
    page.get_by_text("▶️ Run the rollback chain").first.wait_for(timeout=WAIT_MS)
    hands.close()

    assert console == []
