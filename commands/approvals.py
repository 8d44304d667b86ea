"""Votes by reaction: ✅ and ✔ approve, ❌ rejects, taking one back withdraws it. Others mean nothing."""

from collections.abc import Mapping
from typing import Any

from slack_bolt import App, BoltContext

from bot.domain.approvals import Choice
from bot.engine.requests import Kind
from bot.errors import PermanentError
from bot.ports import Request
from commands.intake import Body, Desk

CHOICES: Mapping[str, Choice] = {
    "white_check_mark": Choice.APPROVE,
    "heavy_check_mark": Choice.APPROVE,
    "x": Choice.REJECT,
}
"""A thumb up is left out: people put it under messages they have merely read."""


def register(app: App, desk: Desk) -> None:
    """Take reactions as votes."""

    @app.event("reaction_added")
    def added(body: Body, event: Mapping[str, Any], context: BoltContext) -> None:
        _vote(desk, body, event, context, withdraw=False)

    @app.event("reaction_removed")
    def removed(body: Body, event: Mapping[str, Any], context: BoltContext) -> None:
        _vote(desk, body, event, context, withdraw=True)


def _vote(desk: Desk, body: Body, event: Mapping[str, Any], context: BoltContext, *, withdraw: bool) -> None:
    choice = CHOICES.get(str(event.get("reaction", "")).split("::", 1)[0])
    item = event.get("item") or {}
    if choice is None or item.get("type") != "message" or not _on_ours(event, context):
        return
    try:
        desk.check_team(body)
    except PermanentError:
        return  # an event has nobody to answer; the engine would refuse the vote anyway
    # A failure here is not caught: without an ack Slack delivers the event again.
    desk.submit(
        Request(
            f"event:{body['event_id']}",
            Kind.VOTE,
            {
                "user_id": str(event["user"]),
                "channel": str(item["channel"]),
                "response_url": "",
                "ts": str(item["ts"]),
                "choice": choice.value,
                "how": "reaction",
                "withdraw": withdraw,
                "event_ts": str(event.get("event_ts") or ""),
            },
        )
    )


def _on_ours(event: Mapping[str, Any], context: BoltContext) -> bool:
    """Whether the message is the bot's and the reaction is not; unknown ids count as yes, the engine looks again."""
    bot = context.bot_user_id
    return bot is None or (event.get("user") != bot and event.get("item_user", bot) == bot)
