"""Holds everything the emulator knows, and emits messages, ephemerals and events."""

import secrets
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bot.sandbox.slack.blocks import with_block_ids
from bot.sandbox.slack.errors import SlackError
from bot.sandbox.slack.faults import Faults
from bot.sandbox.slack.messages import Message, Messages
from bot.sandbox.slack.rates import RateLimits
from bot.sandbox.slack.responses import ResponseUrls
from bot.sandbox.slack.uploads import Uploads
from bot.sandbox.slack.views import Views
from bot.sandbox.slack.workspace import Channel, User, Workspace

Json = dict[str, Any]
TRIGGER_LIFETIME_S = 3.0
MAX_CALLS = 20_000


@dataclass
class Trigger:
    """The user whose gesture it was, and its expiry."""

    user: str
    expires_at_s: float
    used: bool = False


class Triggers:
    """All trigger ids given out."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._given: dict[str, Trigger] = {}

    def issue(self, user: str) -> str:
        """Issue one for a user's gesture."""
        name = f"{secrets.randbelow(10**12)}.{secrets.randbelow(10**10)}.{secrets.token_hex(16)}"
        self._given[name] = Trigger(user, self._clock() + TRIGGER_LIFETIME_S)
        return name

    def spend(self, name: str) -> str:
        """Use one up and return its user; raises `SlackError` when it is unknown, expired or spent."""
        trigger = self._given.get(name)
        if trigger is None:
            raise SlackError("invalid_trigger_id")
        if trigger.used:
            raise SlackError("exchanged_trigger_id")
        if self._clock() > trigger.expires_at_s:
            raise SlackError("expired_trigger_id")
        trigger.used = True
        return trigger.user


class Calls:
    """The calls, oldest first; the oldest are dropped beyond `MAX_CALLS`."""

    def __init__(self) -> None:
        self._kept: deque[Json] = deque(maxlen=MAX_CALLS)
        self._count = 0

    def record(self, call: Json) -> None:
        """Add one; it gets the next ``seq``."""
        self._count += 1
        self._kept.append({"seq": self._count, **call})

    def listed(self, method: str | None = None, since_seq: int = 0) -> list[Json]:
        """Those of a method (all when None) after a ``seq``."""
        return [c for c in self._kept if c["seq"] > since_seq and method in (None, c["method"])]


@dataclass
class State:
    """One workspace at work. Touched only from the emulator's event loop, so nothing here needs a lock.

    Args:
        workspace: who and what exists.
        clock: wall clock, seconds since the epoch.
        rates: the rate limits in force.
        emit: sends one event to the app, given the inner ``event`` object.
    """

    workspace: Workspace
    clock: Callable[[], float]
    rates: RateLimits
    emit: Callable[[Json], None] = lambda _: None
    base_url: str = ""
    faults: Faults = field(default_factory=Faults)
    calls: Calls = field(default_factory=Calls)
    uploads: Uploads = field(default_factory=Uploads)
    suggested: dict[tuple[str, str], list[Json]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.messages = Messages(self.clock)
        self.triggers = Triggers(self.clock)
        self.responses = ResponseUrls(self.clock)
        self.views = Views(self.workspace)

    def user(self, name: str | None) -> User:
        """Look a user up; raises `SlackError` ``user_not_found``."""
        user = self.workspace.users.get(name or "")
        if user is None:
            raise SlackError("user_not_found")
        return user

    def channel(self, reference: str | None) -> Channel:
        """Look a channel up by id or ``#name``; a private one the bot is not in does not exist for it."""
        named = (reference or "").removeprefix("#")
        for channel in self.workspace.channels.values():
            if named and named in (channel.id, channel.name):
                if channel.is_private and self.workspace.bot_user not in channel.members:
                    break
                return channel
        raise SlackError("channel_not_found")

    def direct(self, user: User) -> Channel:
        """Return the bot's direct conversation with a user, opened when new."""
        members = {user.id, self.workspace.bot_user}
        name = f"D0{user.id.removeprefix('U').removeprefix('0')}"
        return self.workspace.channels.setdefault(name, Channel(name, name, members, is_im=True))

    def say(self, channel: Channel, text: str, blocks: list[Json], **more: Any) -> Message:
        """Post as the bot; ``more`` goes to `Message` (``thread_ts``, ``addressee``, ``files``, ``metadata``)."""
        return self.messages.add(
            Message(
                channel=channel.id,
                ts=self.messages.timestamps.next(),
                user=self.workspace.bot_user,
                bot_id=self.workspace.bot_id,
                versions=[self.messages.version(text, with_block_ids(blocks))],
                **more,
            )
        )

    def rewrite(self, message: Message, text: str, blocks: list[Json]) -> None:
        """Give a message a new version."""
        message.versions.append(self.messages.version(text, with_block_ids(blocks)))

    def permalink(self, message: Message) -> str:
        """Return the message's address for a browser."""
        link = (
            f"https://{self.workspace.team_domain}.slack.com/archives/{message.channel}/p{message.ts.replace('.', '')}"
        )
        return f"{link}?thread_ts={message.thread_ts}&cid={message.channel}" if message.thread_ts else link

    def react(self, message: Message, user: User, name: str) -> None:
        """Add a reaction and tell the app; raises `SlackError` ``already_reacted``."""
        users = message.reactions.setdefault(name, [])
        if user.id in users:
            raise SlackError("already_reacted")
        users.append(user.id)
        self._tell_reaction("reaction_added", message, user, name)

    def unreact(self, message: Message, user: User, name: str) -> None:
        """Take a reaction back and tell the app; raises `SlackError` ``no_reaction``."""
        users = message.reactions.get(name, [])
        if user.id not in users:
            raise SlackError("no_reaction")
        users.remove(user.id)
        if not users:
            del message.reactions[name]
        self._tell_reaction("reaction_removed", message, user, name)

    def _tell_reaction(self, kind: str, message: Message, user: User, name: str) -> None:
        if self.workspace.bot_user not in self.workspace.channels[message.channel].members:
            return
        item = {"type": "message", "channel": message.channel, "ts": message.ts}
        event = {"type": kind, "user": user.id, "reaction": name, "item": item, "item_user": message.user}
        self.emit(event | {"event_ts": self.messages.timestamps.next()})
