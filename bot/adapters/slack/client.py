"""Copies and checks clients of Slack's Web API, and translates their exceptions into ours."""

import http.client
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from urllib.error import HTTPError

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.http_retry import RetryHandler
from slack_sdk.web import SlackResponse

from bot.errors import BotError, PermanentError, TemporaryError
from bot.ports import BarredError

_RATE_LIMITED = frozenset({"ratelimited", "rate_limited", "message_limit_exceeded"})
_PASSING = frozenset(
    {"internal_error", "fatal_error", "service_unavailable", "request_timeout", "team_added_to_org", "accesslimited"}
)
_RENEW = "Put a valid bot token where the configuration names it, and restart the bot."
_INVITE = "Invite the bot to the channel: /invite in it."
_ALLOW = "An administrator of the workspace has to allow it."
_BARRED = {
    **dict.fromkeys(
        ("account_inactive", "invalid_auth", "not_allowed_token_type", "not_authed", "token_expired", "token_revoked"),
        _RENEW,
    ),
    "not_in_channel": _INVITE,
    # Slack says this, too, of a private channel that the bot has been taken out of.
    "channel_not_found": "Invite the bot to the channel, or correct its id in the configuration.",
    # People archive a channel by mistake, and unarchive it with everything in it.
    **dict.fromkeys(("is_archived", "is_inactive"), "Unarchive the channel."),
    "missing_scope": "Reinstall the app from deploy/slack-manifest.yaml, and give the bot the new token.",
    **dict.fromkeys(
        (
            "access_denied", "ekm_access_denied", "enterprise_is_restricted", "no_permission", "org_login_required",
            "restricted_action", "restricted_action_read_only_channel", "team_access_not_granted",
            "two_factor_setup_required",
        ),
        _ALLOW,
    ),
}  # fmt: skip
"""Errors that a person can fix, and how. All others that Slack returns are permanent."""

_WAIT_S = 30.0
_SECONDS = re.compile(r"\d{1,5}(\.\d+)?", re.ASCII)
_TOO_MANY = 429
_SERVER_ERROR = 500


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


def find_missing(
    client: WebClient, team_id: str, channels: Iterable[str], allowed: Collection[str] = ()
) -> Iterator[str]:
    """Find what keeps the bot from Slack, a phrase each; reads only (`backstop doctor`).

    Args:
        client: with the bot's token.
        team_id: the workspace of the token.
        channels: ids of the incident channels, in which it must be a member.
        allowed: ids of channels that may be shared.
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
        yield from _check_channel(client, channel, shared_allowed=channel in allowed)


def is_shared(channel: Mapping[str, object]) -> bool:
    """Tell of a channel as Slack describes it if others than this workspace are in it, or invited."""
    return any(channel.get(flag) for flag in ("is_ext_shared", "is_org_shared", "is_pending_ext_shared"))


def _check_channel(client: WebClient, channel: str, *, shared_allowed: bool) -> Iterator[str]:
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
    elif is_shared(found) and not shared_allowed:
        yield (
            f"channel {channel} is shared with another organisation, so votes there do not count: "
            "unshare it, or add it to slack.allow_shared_channels"
        )


@contextmanager
def translated() -> Iterator[None]:
    """Turn whatever a Web API call raises into a `BotError`, the original chained as its cause.

    Raises:
        TemporaryError: ``slack-rate-limited`` with Slack's own `retry_after_s`, ``slack-unavailable``,
            ``slack-unreachable``.
        BarredError: ``slack-…``: Slack's own error, e.g. ``slack-not-in-channel``.
        PermanentError: ``slack-…``: Slack's own error, e.g. ``slack-invalid-blocks``.
    """
    try:
        yield
    except SlackApiError as error:
        raise _refused(error.response) from error
    except (OSError, http.client.HTTPException, ValueError, SlackClientError) as error:
        # ValueError: an answer cut off in the middle of its JSON. HTTPError: a file's bytes were refused; slack_sdk
        # leaves its connection open.
        if isinstance(error, HTTPError):
            error.close()
        raise TemporaryError(
            "slack-unreachable", "Slack could not be reached.", "The message is kept and sent later."
        ) from error


def retry_after_s(headers: object) -> float:
    """Read ``Retry-After`` in any case; `_WAIT_S` if it is not a number."""
    pairs = headers.items() if hasattr(headers, "items") else ()
    value = next((value for name, value in pairs if str(name).lower() == "retry-after"), "")
    text = str(value[0] if isinstance(value, list) and value else value)
    return float(text) if _SECONDS.fullmatch(text) else _WAIT_S


def _refused(response: SlackResponse) -> BotError:
    # Slack answers with an HTML page when it is down: then `error` is a sentence by slack_sdk, not a name.
    name = str(response.get("error") or "unknown_error")
    if response.status_code == _TOO_MANY or name in _RATE_LIMITED:
        wait_s = retry_after_s(response.headers)
        return TemporaryError("slack-rate-limited", f"Slack asks for {wait_s:.0f} s of silence.", retry_after_s=wait_s)
    if response.status_code >= _SERVER_ERROR or name in _PASSING or not name.replace("_", "").isalnum():
        return TemporaryError("slack-unavailable", "Slack is having trouble.", "The message is kept and sent later.")
    word, message = name.replace("_", "-"), f"Slack refused it: {name}."
    if name in _BARRED:
        needed = f" The missing scope is {response.get('needed')}." if name == "missing_scope" else ""
        return BarredError(f"slack-{word}", message + needed, _BARRED[name])
    return PermanentError(f"slack-{word}", message, "Slack's own reference of the method explains the name.")
