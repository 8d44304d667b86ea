"""Prints the conversation and the live checklist in a terminal."""

import html
import re
import threading
from collections.abc import Mapping
from typing import Any

import httpx
from rich.console import Console
from rich.panel import Panel
from rich.text import Text

from bot.sandbox.people import Slack, all_text

Json = dict[str, Any]
POLL_S = 0.4
_DATE = re.compile(r"<!date\^\d+\^[^|>]*\|([^>]*)>")
_LINK = re.compile(r"<(https?://[^|>]+)(?:\|([^>]*))?>")
_EMOJI = {
    ":white_check_mark:": "✅",
    ":x:": "❌",
    ":hourglass_flowing_sand:": "⏳",
    ":white_circle:": "⚪",
    ":leftwards_arrow_with_hook:": "↩️",
    ":warning:": "⚠️",
}


class Screen:
    """Prints new and changed messages of the incident channel, as a person would see them scroll by."""

    def __init__(self, slack: Slack, channel: str, *, quiet: bool = False) -> None:
        self._slack = slack
        self._channel = channel
        self._console = Console(highlight=False, quiet=quiet, soft_wrap=False)
        self._seen: dict[str, str] = {}
        self._names: Mapping[str, str] = {}
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._loop, name="screen", daemon=True)

    def start(self) -> None:
        """Begin to follow the channel."""
        state = self._slack.state()
        names = {user["id"]: f"@{user['name']}" for user in state["users"]}
        self._names = names | {channel["id"]: f"#{channel['name']}" for channel in state["channels"]}
        self._thread.start()

    def stop(self) -> None:
        """Print what is new, and stop."""
        self._stopped.set()
        self._thread.join()
        self.catch_up()

    def _loop(self) -> None:
        while not self._stopped.wait(POLL_S):
            self.catch_up()

    def catch_up(self) -> None:
        """Print what has been posted or edited since the last look."""
        with self._lock:
            try:
                messages = self._slack.messages(self._channel)
            except httpx.HTTPError:
                return  # the next look may succeed
            for message in messages:
                text = self.plain(message)
                if self._seen.get(message["ts"]) != text:
                    edited = message["ts"] in self._seen
                    self._seen[message["ts"]] = text
                    self._print(message, text, edited=edited)

    def _print(self, message: Json, text: str, *, edited: bool) -> None:
        title = self._names.get(message["user"], message["user"] or "?")
        if message["ephemeral"]:
            title += f" → only {self._names.get(message['addressee'], message['addressee'])}"
        if message["thread_ts"] and message["thread_ts"] != message["ts"]:
            title += " (in the thread)"
        style = "yellow" if message["ephemeral"] else "cyan"
        self._console.print(
            Panel(Text(text), title=title + (" (edited)" if edited else ""), title_align="left", border_style=style)
        )

    def plain(self, message: Json) -> str:
        """A message as text: blocks over the fallback text, mentions by name."""
        blocks = all_text({"blocks": message["blocks"]}) if message["blocks"] else ""
        return self._spell(blocks or all_text(message))

    def _spell(self, text: str) -> str:
        for short, sign in _EMOJI.items():
            text = text.replace(short, sign)
        for key, name in self._names.items():
            text = re.sub(rf"<[@#]{key}(\|[^>]*)?>", name, text)
        return html.unescape(_LINK.sub(lambda m: m[2] or m[1], _DATE.sub(r"\1", text)))

    def gesture(self, who: str, what: str) -> None:
        """Say what a person does."""
        self._console.print(f"[bold green]{who}[/] {what}")

    def note(self, text: str) -> None:
        """Say what the scenario does."""
        self._console.print(f"[dim]— {text}[/]")

    def check(self, holds: bool, text: str) -> None:  # noqa: FBT001 - the signature that `Checks` calls
        """Say a check."""
        self._console.print(Text(f"  {'✓' if holds else '✗'} {text}", style="green" if holds else "bold red"))
