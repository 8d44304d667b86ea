"""An outbox in memory."""

from dataclasses import replace

from bot.ports import (
    Audience,
    Message,
    Posted,
)

WHO = Audience("U0ONCALL", "C0GENERAL", "http://127.0.0.1/commands/1")


class Tray:
    """An outbox in memory: the newest wish for a key, in the order first wished for."""

    def __init__(self) -> None:
        self.wanted: dict[str, Message] = {}

    def put(self, message: Message) -> None:
        self.wanted[message.key] = message

    def posted(self, channel: str, ts: str) -> Posted | None:
        message = list(self.wanted.values())[int(ts)]
        return Posted(message.key, message.run_id, channel, ts) if channel == message.channel else None

    def forget_ephemerals(self, older_than_s: float) -> int:
        del older_than_s
        old = [key for key, message in self.wanted.items() if message.user or message.response_url]
        for key in old:
            del self.wanted[key]
        return len(old)


def who(request_id: str) -> Audience:
    return replace(WHO, request_id=request_id)
