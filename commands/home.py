"""The Home tab: who opens it is shown where every environment stands."""

from collections.abc import Mapping
from typing import Any

from slack_bolt import App

from bot.engine.requests import Kind
from bot.errors import PermanentError
from bot.ports import Request
from commands.intake import Body, Desk


def register(app: App, desk: Desk) -> None:
    """Take openings of the Home tab."""

    @app.event("app_home_opened")
    def opened(body: Body, event: Mapping[str, Any]) -> None:
        if event.get("tab", "home") != "home":  # the conversation with the bot opens with the same event
            return
        try:
            desk.check_team(body)
        except PermanentError:
            return  # nobody of another workspace has this tab
        user_id, channel = str(event["user"]), str(event.get("channel", ""))
        payload = {"user_id": user_id, "channel": channel, "response_url": ""}
        # A failure here is not caught: without an ack Slack delivers the event again.
        desk.submit(Request(f"event:{body['event_id']}", Kind.HOME, payload))
