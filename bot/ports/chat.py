"""Slack, as the outbox and the approval rules need it."""

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
    """A chat message as wanted.

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
    """What has not gone out, of one kind of receiver.

    Attributes:
        receiver: ``channel`` for what everyone sees, ``person`` for answers and Home tabs.
        waiting: messages that are still to be sent.
        given_up: messages that are not tried any more, until something else is wanted in their place.
    """

    receiver: str
    waiting: int
    given_up: int


class BarredError(TemporaryError):
    """Slack does not let the bot in, and will not until a person has acted: a token, an invitation, a scope.

    Nothing has been sent. It is pointless to try again soon, and wrong never to try again.
    """


class Chat(Protocol):
    """Slack, as the outbox's writer and the approval rules need it.

    Every method may raise `BarredError`.
    """

    def post(self, message: Message, thread_ts: str) -> str:
        """Post it; gives its ts. `thread_ts` "" posts outside a thread."""

    def update(self, message: Message, ts: str) -> None:
        """Edit it in place."""

    def ephemeral(self, message: Message, thread_ts: str) -> None:
        """Show it to `message.user` only, by response_url where there is one; in their own conversation with the bot
        where `message.channel` is their id.
        """

    def upload(self, message: Message, thread_ts: str, name: str) -> None:
        """Share `message.attachment` under that name. `thread_ts` "" shares it outside a thread."""

    def find_file(self, channel: str, thread_ts: str, name: str) -> bool:
        """Whether a file of ours with that name is where `upload` would have put it.

        Asked only when an upload's outcome is not known.
        """

    def publish_home(self, user_id: str, blocks: Sequence[Mapping[str, Any]]) -> None:
        """Set a person's Home tab. Doing it twice does no harm."""

    def look_up(self, user_id: str, groups: Sequence[str]) -> Voter:
        """Look a person and their membership in those user groups up, fresh, never from a cache.

        Raises:
            TemporaryError: ``lookup-failed``; callers treat it as "no".
        """

    def find_posted(self, channel: str, thread_ts: str, key: str) -> str | None:
        """Look for a message of ours with that key where `post` would have put it; gives its ts.

        Asked only when a post's outcome is not known: an answer was lost, or a process died waiting for it.
        """


class Outbox(Protocol):
    """Messages on their way to chat. Nobody waits for it."""

    def put(self, message: Message) -> None:
        """Want the message to look like this. The newest wish for a key wins; one already sent is edited."""

    def posted(self, channel: str, ts: str) -> Posted | None:
        """Which of our messages that is; None when it is none of ours."""

    def forget_ephemerals(self, older_than_s: float) -> int:
        """Delete what one person was shown, or could not be shown, and nobody has wanted anew for so long.

        Gives how many. Messages in channels stay: they may be edited still.
        """


class Directory(Protocol):
    """People and places, looked up fresh."""

    def look_up(self, user_id: str, groups: Sequence[str]) -> Voter:
        """See `Chat.look_up`."""

    def is_in(self, channel: str) -> bool:
        """Whether the bot is a member of that channel, so that what it posts there is seen; never in people's own
        conversations.

        Raises:
            TemporaryError: ``lookup-failed``.
            PermanentError: ``slack-…``: Slack's own error, e.g. ``slack-missing-scope``.
        """
