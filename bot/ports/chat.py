"""Defines the ports to Slack: chat, the outbox and the directory of people."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from bot.domain.approvals import Voter
from bot.errors import TemporaryError


@dataclass(frozen=True)
class Attachment:
    """A file that goes with a message.

    Attributes:
        name: what it is called where it is saved, e.g. ``backstop-rk3f9a.html``; Slack goes by its ending. No two keys
            of a thread (or of a channel, outside threads) may share one: a file is found again by it.
        title: what people see of it.
        content: its bytes, at least one.
    """

    name: str
    title: str
    content: bytes


@dataclass(frozen=True)
class Message:
    """A chat message as it should look.

    Attributes:
        key: unique name of the message, so that it is sent once and edited in place, e.g. ``card:rk3f9a``.
        channel: where to.
        text: what notifications and old clients show; always set.
        blocks: Block Kit.
        thread_key: key of the message it answers; "" for a message of its own.
        run_id: whose message it is; "" for nobody's.
        user: set for an ephemeral: who sees it.
        response_url: set for an answer to a command or a click.
        replace: put the answer in the place of the message that was clicked on, where `response_url` still can.
        surface: ``home`` for the blocks of a Home tab; `channel` is then the user's id. "" for a message.
        attachment: a file, shared with `text` beside it and no blocks. It cannot be edited: another content for the
            same key is shared as another file, the same content never twice. Nothing can hang in its thread.
    """

    key: str
    channel: str
    text: str
    blocks: Sequence[Mapping[str, Any]] = ()
    thread_key: str = ""
    run_id: str = ""
    user: str = ""
    response_url: str = ""
    replace: bool = False
    surface: str = ""
    attachment: Attachment | None = None


@dataclass(frozen=True)
class Posted:
    """A message that has been sent."""

    key: str
    run_id: str
    channel: str
    ts: str


@dataclass(frozen=True)
class Backlog:
    """Messages that have not gone out, of one kind of receiver.

    Attributes:
        receiver: ``channel`` for what everyone sees, ``person`` for answers and Home tabs.
        waiting: messages that are still to be sent.
        given_up: messages that are not retried until something else is put in their place.
    """

    receiver: str
    waiting: int
    given_up: int


class BarredError(TemporaryError):
    """Slack bars the bot until a person acts: a token, an invitation, a scope.

    Nothing has been sent. A retry soon is pointless, and no retry at all would be wrong.
    """


class Chat(Protocol):
    """Calls Slack for the outbox's writer.

    Every method may raise `BarredError`.
    """

    def post(self, message: Message, thread_ts: str) -> str:
        """Post a message; returns its ts. `thread_ts` "" posts outside a thread."""

    def update(self, message: Message, ts: str) -> None:
        """Edit a message in place."""

    def ephemeral(self, message: Message, thread_ts: str) -> None:
        """Show a message to `message.user` only: by its response_url if it has one, else in its channel.

        If `message.channel` is the person's id, it goes into their own conversation with the bot.
        """

    def upload(self, message: Message, thread_ts: str, name: str) -> None:
        """Share `message.attachment` under that name. `thread_ts` "" shares it outside a thread."""

    def find_file(self, channel: str, thread_ts: str, name: str) -> bool:
        """Return whether a file of ours with that name is where `upload` would have put it.

        Called only if an upload's outcome is unknown.
        """

    def publish_home(self, user_id: str, blocks: Sequence[Mapping[str, Any]]) -> None:
        """Set a person's Home tab; idempotent."""

    def find_posted(self, channel: str, thread_ts: str, key: str) -> str | None:
        """Find a message of ours with that key where `post` would have put it; returns its ts.

        Called only if a post's outcome is unknown: an answer was lost, or a process died waiting for it.
        """


class Outbox(Protocol):
    """Keeps messages on their way to chat (decision 5). Nobody waits for it."""

    def put(self, message: Message) -> None:
        """Request that the message looks like this. The newest request per key wins; a sent message is edited."""

    def posted(self, channel: str, ts: str) -> Posted | None:
        """Find the message of ours with that address; None if it is not ours."""

    def forget_ephemerals(self, older_than_s: float) -> int:
        """Delete ephemerals, shown or given up, whose last request is older than that; returns how many.

        Messages in channels stay: they may still be edited.
        """


class Directory(Protocol):
    """Looks up people and channels, fresh."""

    def look_up(self, user_id: str, groups: Sequence[str]) -> Voter:
        """Look up a person and their membership in those user groups.

        Raises:
            TemporaryError: ``lookup-failed``.
        """

    def is_shared(self, channel: str) -> bool:
        """Return whether another organisation or workspace is in that channel, or is invited to it.

        Raises:
            TemporaryError: ``lookup-failed``.
            PermanentError: ``channel-not-visible`` for a private channel that the bot is not in.
        """

    def reactions(self, channel: str, ts: str) -> Mapping[str, frozenset[str]]:
        """Look up who has reacted to a message, by the reaction's name; empty where the message is gone.

        Raises:
            TemporaryError: ``lookup-failed``, or ``slack-…``: Slack's own error, which a person must fix.
        """

    def is_in(self, channel: str) -> bool:
        """Return whether the bot is a member of that channel; always False for people's own conversations.

        Raises:
            TemporaryError: ``lookup-failed``.
            PermanentError: ``slack-…``: Slack's own error, e.g. ``slack-missing-scope``.
        """
