"""Stores messages: versions, reactions, threads, and ephemerals with their addressee."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from bot.sandbox.slack.errors import SlackError

Json = dict[str, Any]


@dataclass
class Version:
    """A message's content from ``at_s`` on."""

    at_s: float
    text: str
    blocks: list[Json]


@dataclass
class Message:
    """One message. ``addressee`` is set on ephemerals: only that user sees it."""

    channel: str
    ts: str
    user: str
    versions: list[Version]
    bot_id: str | None = None
    thread_ts: str | None = None
    addressee: str | None = None
    reactions: dict[str, list[str]] = field(default_factory=dict)
    files: list[Json] = field(default_factory=list)
    metadata: Json | None = None
    broadcast: bool = False
    deleted: bool = False

    @property
    def text(self) -> str:
        """Return the current text."""
        return self.versions[-1].text

    @property
    def blocks(self) -> list[Json]:
        """Return the current blocks."""
        return self.versions[-1].blocks


class Timestamps:
    """Slack's ``ts``: seconds with six decimals, unique and rising in the workspace."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._last_us = 0

    def next(self) -> str:
        """Return the next timestamp."""
        self._last_us = max(self._last_us + 1, int(self._clock() * 1_000_000))
        return f"{self._last_us // 1_000_000}.{self._last_us % 1_000_000:06d}"


class Messages:
    """All messages of the workspace, by channel and ts."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._by_channel: dict[str, dict[str, Message]] = {}
        self.timestamps = Timestamps(clock)

    def add(self, message: Message) -> Message:
        """Keep a new message."""
        self._by_channel.setdefault(message.channel, {})[message.ts] = message
        return message

    def version(self, text: str, blocks: list[Json]) -> Version:
        """Return a version that begins now."""
        return Version(self._clock(), text, blocks)

    def find(self, channel: str, ts: str) -> Message | None:
        """Look a message up; deleted ones are gone."""
        message = self._by_channel.get(channel, {}).get(ts)
        return None if message is None or message.deleted else message

    def public(self, channel: str, ts: str, error: str = "message_not_found") -> Message:
        """Look up a message that everyone in the channel sees; raises `SlackError` otherwise."""
        message = self.find(channel, ts)
        if message is None or message.addressee is not None:
            raise SlackError(error)
        return message

    def in_channel(self, channel: str) -> Iterator[Message]:
        """Everything said there, oldest first, deleted and ephemeral messages included."""
        yield from sorted(self._by_channel.get(channel, {}).values(), key=lambda m: m.ts)

    def channels(self) -> list[str]:
        """Channels in which something was said."""
        return list(self._by_channel)

    def thread(self, channel: str, root_ts: str) -> list[Message]:
        """The root and its replies, oldest first."""
        return [m for m in self.in_channel(channel) if not m.deleted and root_ts in (m.ts, m.thread_ts)]

    def as_slack(self, message: Message) -> Json:
        """Return a message as the Web API and payloads show it."""
        shown: Json = {"type": "message", "user": message.user, "ts": message.ts, "text": message.text}
        if message.bot_id:
            shown |= {"bot_id": message.bot_id}
        if message.blocks:
            shown["blocks"] = message.blocks
        if message.metadata:
            shown["metadata"] = message.metadata
        if message.files:
            shown |= {"files": message.files}
        if len(message.versions) > 1:
            shown["edited"] = {"user": message.bot_id or message.user, "ts": f"{message.versions[-1].at_s:.6f}"}
        if message.reactions:
            shown["reactions"] = reactions_as_slack(message)
        return shown | self._thread_keys(message)

    def _thread_keys(self, message: Message) -> Json:
        if message.thread_ts:
            return {"thread_ts": message.thread_ts}
        replies = [m for m in self.thread(message.channel, message.ts) if m.thread_ts and not m.addressee]
        if not replies or message.addressee:
            return {}
        users = list(dict.fromkeys(m.user for m in replies))
        return {
            "thread_ts": message.ts,
            "reply_count": len(replies),
            "reply_users": users,
            "reply_users_count": len(users),
            "latest_reply": replies[-1].ts,
        }


def reactions_as_slack(message: Message) -> list[Json]:
    """Return reactions as Slack lists them: name, users, count."""
    return [{"name": name, "users": list(users), "count": len(users)} for name, users in message.reactions.items()]
