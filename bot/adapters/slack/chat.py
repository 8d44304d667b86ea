"""Posts, edits, uploads and finds messages in Slack, and looks up people and channels, always fresh."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from slack_sdk import WebClient
from slack_sdk.http_retry.builtin_handlers import (
    ConnectionErrorRetryHandler,
    RateLimitErrorRetryHandler,
    ServerErrorRetryHandler,
)
from slack_sdk.webhook import WebhookClient

from bot.adapters.slack.client import copy_client, find_missing, is_shared, retry_after_s, translated
from bot.domain.approvals import Voter
from bot.errors import BotError, PermanentError, TemporaryError
from bot.ports import BarredError, Message

EVENT_TYPE = "backstop_message"
_PAGE = 200
_MAX_PAGES = 5
_OK = 200
_TOO_MANY = 429


class SlackChat:
    """Implements `bot.ports.Chat` and `bot.ports.Directory`. People who cannot be looked up cannot vote.

    A message is sent at most once per call: neither a lost connection nor a rate limit is retried here, because only
    the outbox knows whether a message that seemed to fail has arrived after all (`find_posted`).

    Args:
        client: with the bot's token; its token, host, proxy and timeout are used.
    """

    def __init__(self, client: WebClient) -> None:
        self._client = copy_client(client)
        # Reads are idempotent, so here slack_sdk may retry and wait.
        self._reader = copy_client(
            client,
            (
                ConnectionErrorRetryHandler(max_retry_count=1),
                ServerErrorRetryHandler(max_retry_count=1),
                RateLimitErrorRetryHandler(max_retry_count=2),  # slack_sdk's default handlers leave 429 out
            ),
        )

    def post(self, message: Message, thread_ts: str) -> str:
        """Post a message, with its key in the metadata so that it can be found again."""
        with translated():
            answer = self._client.chat_postMessage(
                channel=message.channel,
                text=message.text,
                blocks=_blocks(message),
                thread_ts=thread_ts or None,
                metadata={"event_type": EVENT_TYPE, "event_payload": {"key": message.key}},
                unfurl_links=False,
                unfurl_media=False,
            )
            return str(answer["ts"])

    def update(self, message: Message, ts: str) -> None:
        """Replace a message's text and blocks."""
        with translated():
            # Without `blocks` Slack would keep the old ones, buttons included.
            self._client.chat_update(channel=message.channel, ts=ts, text=message.text, blocks=_blocks(message))

    def ephemeral(self, message: Message, thread_ts: str) -> None:
        """Show a message to one person; a used-up response_url falls back to an ephemeral in the channel.

        If the channel is the person's own conversation with the bot, nobody else sees an ordinary message either.
        """
        if message.response_url and self._respond(message):
            return
        if message.channel == message.user:
            self.post(message, "")
            return
        with translated():
            self._client.chat_postEphemeral(
                channel=message.channel,
                user=message.user,
                text=message.text,
                blocks=_blocks(message),
                thread_ts=thread_ts or None,
            )

    def upload(self, message: Message, thread_ts: str, name: str) -> None:
        """Share a file in Slack's three calls; before the third, nobody sees anything.

        Raises:
            PermanentError: ``nothing-attached``.
        """
        if message.attachment is None:
            raise PermanentError("nothing-attached", f"Message {message.key} has no file any more.")
        with translated():
            self._client.files_upload_v2(
                channel=message.channel,
                thread_ts=thread_ts or None,
                filename=name,
                title=message.attachment.title or name,
                content=message.attachment.content,
                initial_comment=message.text or None,
            )

    def publish_home(self, user_id: str, blocks: Sequence[Mapping[str, Any]]) -> None:
        """Set a person's Home tab."""
        with translated():
            view = {"type": "home", "blocks": [dict(block) for block in blocks]}
            self._client.views_publish(user_id=user_id, view=view)

    def look_up(self, user_id: str, groups: Sequence[str]) -> Voter:
        """Look up a person; one group that cannot be read fails the whole look-up."""
        try:
            with translated():
                user = self._reader.users_info(user=user_id)["user"]
                member_of = frozenset(group for group in groups if user_id in self._members(group))
            return _voter(user, member_of)
        except (BotError, KeyError, TypeError) as error:
            raise TemporaryError(
                "lookup-failed",
                "Slack could not say who you are just now, so nothing was counted.",
                "Try again in a minute.",
            ) from error

    def is_shared(self, channel: str) -> bool:
        """Look up whether others are in a channel; see `bot.ports.Directory.is_shared`."""
        try:
            with translated():
                return is_shared(self._reader.conversations_info(channel=channel)["channel"])
        except BarredError as error:
            if error.reference != "slack-channel-not-found":
                raise
            raise PermanentError(
                "channel-not-visible",
                "I cannot see this channel, so I cannot tell if another organisation is in it. Nothing was done.",
                "Invite me to it, or type it in the environment's incident channel.",
            ) from error
        except (TemporaryError, KeyError, TypeError, AttributeError) as error:
            raise TemporaryError(
                "lookup-failed",
                "Slack could not say just now if this channel is shared with another organisation. Nothing was done.",
                "Try again in a minute.",
            ) from error

    def reactions(self, channel: str, ts: str) -> Mapping[str, frozenset[str]]:
        """Look up a message's reactions; see `bot.ports.Directory.reactions`."""
        try:
            with translated():
                # `full`: otherwise Slack may leave people out of a long list.
                message = self._reader.reactions_get(channel=channel, timestamp=ts, full=True)["message"]
            listed = message.get("reactions") or ()
            return {str(item["name"]): frozenset(map(str, item["users"])) for item in listed}
        except BarredError:
            raise
        except PermanentError as error:
            if error.reference == "slack-message-not-found":
                return {}
            raise _unasked() from error
        except (TemporaryError, KeyError, TypeError, AttributeError) as error:
            raise _unasked() from error

    def is_in(self, channel: str) -> bool:
        """Look up the bot's membership; a private channel that it is not in does not exist for it."""
        if channel.startswith("D"):  # commands cannot be typed in its own, and it cannot join other people's
            return False
        try:
            with translated():
                return bool(self._reader.conversations_info(channel=channel)["channel"].get("is_member"))
        except BarredError as error:
            if error.reference == "slack-channel-not-found":
                return False
            raise
        except (TemporaryError, KeyError, TypeError, AttributeError) as error:
            raise TemporaryError(
                "lookup-failed", "Slack could not say just now whether I am in this channel.", "Try again in a minute."
            ) from error

    def _members(self, group: str) -> Sequence[str]:
        users: Sequence[str] = self._reader.usergroups_users_list(usergroup=group)["users"]
        return users

    def missing(self, team_id: str, channels: Iterable[str], allowed: Collection[str] = ()) -> Sequence[str]:
        """List what keeps the bot from that workspace or those channels; empty if nothing does."""
        return list(find_missing(self._client, team_id, channels, allowed))

    def find_posted(self, channel: str, thread_ts: str, key: str) -> str | None:
        """Find the message that was posted for a key; returns its ts, None if it is not among the last 1,000."""
        found = (posted for posted in self._messages(channel, thread_ts) if _read_key(posted) == key)
        return next((str(posted["ts"]) for posted in found), None)

    def find_file(self, channel: str, thread_ts: str, name: str) -> bool:
        """Return whether a file with that name was shared among the last 1,000 messages."""
        shared = (file for posted in self._messages(channel, thread_ts) for file in posted.get("files") or ())
        return any(file.get("name") == name for file in shared)

    def _messages(self, channel: str, thread_ts: str) -> Iterator[Mapping[str, Any]]:
        """Yield the last 1,000 messages of a thread, or of a channel outside threads."""
        cursor = ""
        for _ in range(_MAX_PAGES):
            answer = self._read(channel, thread_ts, cursor)
            yield from answer.get("messages", [])
            cursor = str((answer.get("response_metadata") or {}).get("next_cursor") or "")
            if not cursor:
                return

    def _read(self, channel: str, thread_ts: str, cursor: str) -> Mapping[str, Any]:
        after = cursor or None
        with translated():
            if thread_ts:
                answer = self._client.conversations_replies(
                    channel=channel, ts=thread_ts, include_all_metadata=True, limit=_PAGE, cursor=after
                )
            else:
                answer = self._client.conversations_history(
                    channel=channel, include_all_metadata=True, limit=_PAGE, cursor=after
                )
            return answer.data if isinstance(answer.data, dict) else {}

    def _respond(self, message: Message) -> bool:
        hook = WebhookClient(
            message.response_url,
            timeout=self._client.timeout,
            ssl=self._client.ssl,
            proxy=self._client.proxy,
            logger=self._client.logger,
            retry_handlers=[],
        )
        with translated():
            answer = hook.send(
                text=message.text,
                blocks=_blocks(message),
                response_type="ephemeral",
                replace_original=message.replace,
            )
        if answer.status_code == _TOO_MANY:
            wait_s = retry_after_s(answer.headers)
            raise TemporaryError("slack-rate-limited", "Slack asks for silence.", retry_after_s=wait_s)
        return answer.status_code == _OK


def _unasked() -> TemporaryError:
    return TemporaryError(
        "lookup-failed", "Slack could not say just now who has reacted.", "Nothing is started before it does."
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


def _blocks(message: Message) -> list[dict[str, Any]]:
    return [dict(block) for block in message.blocks]


def _read_key(posted: Mapping[str, Any]) -> str:
    metadata = posted.get("metadata") or {}
    return str((metadata.get("event_payload") or {}).get("key", "")) if metadata.get("event_type") == EVENT_TYPE else ""
