"""Whether Slack is as the bot needs it: asked by `backstop doctor`."""

from collections.abc import Iterable, Iterator

from slack_sdk import WebClient

from bot.adapters.slack.translation import translated
from bot.errors import BotError


def find_missing(client: WebClient, team_id: str, channels: Iterable[str]) -> Iterator[str]:
    """Name what is wrong, a phrase each; reads only.

    Args:
        client: with the bot's token.
        team_id: the workspace it must be of.
        channels: ids of the incident channels, in which it must be a member.
    """
    try:
        with translated():
            seen = str(client.auth_test().get("team_id"))
    except BotError as error:
        yield f"the bot token is not accepted: {error}"
        return
    if seen != team_id:
        yield f"the bot token is of workspace {seen}, and team_id says {team_id}"
    for channel in channels:
        yield from _examine(client, channel)


def _examine(client: WebClient, channel: str) -> Iterator[str]:
    try:
        with translated():
            found = client.conversations_info(channel=channel).get("channel") or {}
    except BotError as error:  # a private channel that it is not in is not found at all
        yield f"channel {channel} cannot be looked at, perhaps the bot was not invited: {error}"
        return
    if found.get("is_archived"):
        yield f"channel {channel} is archived"
    elif not found.get("is_member"):
        yield f"the bot is no member of channel {channel}: invite it"
