"""A chat in memory, with Slack's rules as far as the outbox meets them, and with failures on order."""

import itertools
import threading
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bot.errors import BotError, PermanentError
from bot.ports import Message


@dataclass
class Said:
    """A message in the chat. `edits` are its texts, the first one included."""

    key: str
    channel: str
    thread_ts: str
    edits: list[tuple[float, str]]

    @property
    def text(self) -> str:
        return self.edits[-1][1]


@dataclass
class Shared:
    """A file in the chat."""

    name: str
    channel: str
    thread_ts: str
    content: bytes
    text: str


@dataclass
class Loudspeaker:
    """A `bot.ports.Chat`.

    Attributes:
        messages: by ts, in the order of posting.
        ephemerals: (key, text, response_url) in order.
        files: in the order of sharing.
        failures: by method, raised one after the other before (``post``) or after (``post-lost``, ``upload-lost``) it
            took effect.
        busy_s: how long a call takes.
    """

    busy_s: float = 0.0
    messages: dict[str, Said] = field(default_factory=dict)
    ephemerals: list[tuple[str, str, str]] = field(default_factory=list)
    homes: dict[str, list[list[Mapping[str, Any]]]] = field(default_factory=dict)
    files: list[Shared] = field(default_factory=list)
    failures: dict[str, list[BaseException]] = field(default_factory=lambda: defaultdict(list))
    dead_urls: set[str] = field(default_factory=set)
    calls: list[str] = field(default_factory=list)
    hang: threading.Event | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _under_way: set[str] = field(default_factory=set)
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    def post(self, message: Message, thread_ts: str) -> str:
        self._begin("post", message.channel)
        with self._lock:
            ts = f"{1700000000 + next(self._numbers)}.000100"
            self.messages[ts] = Said(message.key, message.channel, thread_ts, [(time.monotonic(), message.text)])
            self._under_way.discard(message.channel)
        self._fail("post-lost")
        return ts

    def update(self, message: Message, ts: str) -> None:
        self._begin("update", message.channel)
        with self._lock:
            self._under_way.discard(message.channel)
            if ts not in self.messages:
                raise PermanentError("slack-message-not-found", "Slack refused it: message_not_found.")
            self.messages[ts].edits.append((time.monotonic(), message.text))

    def ephemeral(self, message: Message, thread_ts: str) -> None:
        assert thread_ts is not None
        if self.hang is not None and message.text == "hang":
            self.hang.wait(10)
        self._begin("ephemeral", f"ephemeral {message.key}")
        with self._lock:
            self._under_way.discard(f"ephemeral {message.key}")
            if message.response_url in self.dead_urls:
                raise PermanentError("slack-expired-url", "Slack refused it: expired_url.")
            self.ephemerals.append((message.key, message.text, message.response_url))

    def publish_home(self, user_id: str, blocks: Sequence[Mapping[str, Any]]) -> None:
        self._begin("publish_home", f"home {user_id}")
        with self._lock:
            self._under_way.discard(f"home {user_id}")
            self.homes.setdefault(user_id, []).append(list(blocks))

    def find_posted(self, channel: str, thread_ts: str, key: str) -> str | None:
        self._begin("find_posted", "search")
        with self._lock:
            self._under_way.discard("search")
            found = (
                ts
                for ts, said in self.messages.items()
                if (said.channel, said.thread_ts, said.key) == (channel, thread_ts, key)
            )
            return next(found, None)

    def upload(self, message: Message, thread_ts: str, name: str) -> None:
        assert message.attachment is not None, "a file that is sent has its bytes"
        self._begin("upload", message.channel)
        with self._lock:
            self.files.append(Shared(name, message.channel, thread_ts, message.attachment.content, message.text))
            self._under_way.discard(message.channel)
        self._fail("upload-lost")

    def find_file(self, channel: str, thread_ts: str, name: str) -> bool:
        self._begin("find_file", "search")
        with self._lock:
            self._under_way.discard("search")
            return any((file.channel, file.thread_ts, file.name) == (channel, thread_ts, name) for file in self.files)

    def texts(self, channel: str = "C1") -> list[str]:
        return [said.text for said in self.messages.values() if said.channel == channel]

    def ts_of(self, key: str) -> str:
        (ts,) = (ts for ts, said in self.messages.items() if said.key == key)
        return ts

    def fail(self, method: str, *errors: BotError | BaseException) -> None:
        self.failures[method].extend(errors)

    def _begin(self, method: str, place: str) -> None:
        with self._lock:
            self.calls.append(method)
            assert place not in self._under_way, f"two calls at once in {place}"
            self._under_way.add(place)
        time.sleep(self.busy_s)
        try:
            self._fail(method)
        except BaseException:
            self._under_way.discard(place)
            raise

    def _fail(self, method: str) -> None:
        with self._lock:
            error = self.failures[method].pop(0) if self.failures[method] else None
        if error is not None:
            raise error
