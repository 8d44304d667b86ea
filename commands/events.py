"""Takes Slack's events: reactions count as votes, and opening the Home tab shows it.

✅ and ✔ approve, ❌ rejects, removing one withdraws it. Other reactions mean nothing.
"""

from slack_bolt import App, BoltContext

from bot.domain.approvals import read_reaction
from bot.engine.requests import CastVote, OpenHome
from bot.ports import Audience
from commands.intake import Body, Desk


def register(app: App, desk: Desk) -> None:
    """Take reactions, and openings of the Home tab."""

    @app.event("reaction_added")
    def added(body: Body, event: Body, context: BoltContext) -> None:
        _vote(desk, body, event, context, withdraw=False)

    @app.event("reaction_removed")
    def removed(body: Body, event: Body, context: BoltContext) -> None:
        _vote(desk, body, event, context, withdraw=True)

    @app.event("app_home_opened")
    def opened(body: Body, event: Body) -> None:
        # The conversation with the bot opens with the same event.
        if event.get("tab", "home") == "home" and desk.is_ours(body):
            desk.submit(_audience(body, event, str(event.get("channel", ""))), OpenHome())


def _vote(desk: Desk, body: Body, event: Body, context: BoltContext, *, withdraw: bool) -> None:
    choice = read_reaction(str(event.get("reaction", "")))
    item = event.get("item") or {}
    if choice is None or item.get("type") != "message" or not _is_on_ours(event, context) or not desk.is_ours(body):
        return  # an event has nobody to answer; the engine would refuse the vote anyway
    seen_at = str(event.get("event_ts") or "")
    request = CastVote(str(item["ts"]), choice, "reaction", withdraw=withdraw, event_ts=seen_at)
    desk.submit(_audience(body, event, str(item["channel"])), request)


def _audience(body: Body, event: Body, channel: str) -> Audience:
    # A failure to submit is not caught above: without an ack Slack delivers the event again.
    return Audience(str(event["user"]), channel, request_id=f"event:{body['event_id']}")


def _is_on_ours(event: Body, context: BoltContext) -> bool:
    """Return whether the message is the bot's and the reaction is not; unknown ids count, the engine checks again."""
    bot = context.bot_user_id
    return bot is None or (event.get("user") != bot and event.get("item_user", bot) == bot)
