"""Looks up people and channels in Slack, always fresh: people who cannot be looked up cannot vote."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from slack_sdk import WebClient
from slack_sdk.http_retry import RetryHandler
from slack_sdk.http_retry.builtin_handlers import (
    ConnectionErrorRetryHandler,
    RateLimitErrorRetryHandler,
    ServerErrorRetryHandler,
)

from bot.adapters.slack.translation import translated
from bot.domain.approvals import Voter
from bot.errors import BotError, TemporaryError
from bot.ports.chat import BarredError

_RETRIES = 2


class SlackDirectory:
    """Implements `bot.ports.Directory`. Reads are idempotent, so here slack_sdk may retry and wait.

    Args:
        client: with the bot's token; its token, host, proxy and timeout are used.
    """

    def __init__(self, client: WebClient) -> None:
        retries = (
            ConnectionErrorRetryHandler(max_retry_count=1),
            ServerErrorRetryHandler(max_retry_count=1),
            # slack_sdk's default handlers leave 429 out.
            RateLimitErrorRetryHandler(max_retry_count=_RETRIES),
        )
        self._client = copy_client(client, retries)

    def look_up(self, user_id: str, groups: Sequence[str]) -> Voter:
        """Look up a person; one group that cannot be read fails the whole look-up."""
        try:
            with translated():
                user = self._client.users_info(user=user_id)["user"]
                member_of = frozenset(group for group in groups if user_id in self._members(group))
            return _voter(user, member_of)
        except (BotError, KeyError, TypeError) as error:
            raise TemporaryError(
                "lookup-failed",
                "Slack could not say who you are just now, so nothing was counted.",
                "Try again in a minute.",
            ) from error

    def is_in(self, channel: str) -> bool:
        """Look up the bot's membership; a private channel that it is not in does not exist for it."""
        if channel.startswith("D"):  # commands cannot be typed in its own, and it cannot join other people's
            return False
        try:
            with translated():
                return bool(self._client.conversations_info(channel=channel)["channel"].get("is_member"))
        except BarredError as error:
            if error.reference == "slack-channel-not-found":
                return False
            raise
        except (TemporaryError, KeyError, TypeError, AttributeError) as error:
            raise TemporaryError(
                "lookup-failed", "Slack could not say just now whether I am in this channel.", "Try again in a minute."
            ) from error

    def _members(self, group: str) -> Sequence[str]:
        users: Sequence[str] = self._client.usergroups_users_list(usergroup=group)["users"]
        return users


def copy_client(client: WebClient, retries: Sequence[RetryHandler] = ()) -> WebClient:
    """Copy a client, with its token, host, proxy and timeout, but with these retries and no others."""
    return WebClient(
        token=client.token,
        base_url=client.base_url,
        timeout=client.timeout,
        ssl=client.ssl,
        proxy=client.proxy,
        logger=client.logger,
        retry_handlers=list(retries),
    )


def _voter(user: Mapping[str, Any], groups: frozenset[str]) -> Voter:
    profile = user.get("profile") or {}
    return Voter(
        user_id=str(user["id"]),
        name=str(profile.get("display_name") or user.get("real_name") or user.get("name") or user["id"]),
        team_id=str(user["team_id"]),
        # A flag that is missing is false, as Slack documents; one that is there counts whatever its type.
        deleted=bool(user.get("deleted")),
        bot=bool(user.get("is_bot")) or bool(user.get("is_workflow_bot")),
        guest=bool(user.get("is_restricted")) or bool(user.get("is_ultra_restricted")),
        stranger=bool(user.get("is_stranger")),
        groups=groups,
    )


def find_missing(client: WebClient, team_id: str, channels: Iterable[str]) -> Iterator[str]:
    """Find what keeps the bot from Slack, a phrase each; reads only (`backstop doctor`).

    Args:
        client: with the bot's token.
        team_id: the workspace of the token.
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
        yield from _check_channel(client, channel)


def _check_channel(client: WebClient, channel: str) -> Iterator[str]:
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
