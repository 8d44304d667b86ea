"""People at their keyboards: everything goes through the control API, as other tools drive it."""

import time
from collections.abc import Callable
from typing import Any, TypeVar

import httpx

Json = dict[str, Any]
T = TypeVar("T")
WAIT_S = 30.0
POLL_S = 0.1


class Slack:
    """A client of the control API (DESIGN §10)."""

    def __init__(self, control: str) -> None:
        self._http = httpx.Client(base_url=control, timeout=30.0)

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    def post(self, path: str, body: Json) -> Json:
        """Make a gesture; a refused one answers with ``ok: false``."""
        answer: Json = self._http.post(f"/sandbox/{path}", json=body).json()
        return answer

    def state(self) -> Json:
        """The whole workspace."""
        answer: Json = self._http.get("/sandbox/state").json()
        return answer

    def file(self, file_id: str, name: str) -> bytes:
        """A file's content, as it was uploaded."""
        return self._http.get(f"/files/{file_id}/{name}").raise_for_status().content

    def calls(self, method: str | None = None) -> list[Json]:
        """Web API calls so far."""
        answer: Json = self._http.get("/sandbox/calls", params={"method": method} if method else {}).json()
        calls: list[Json] = answer["calls"]
        return calls

    def messages(self, channel: str, thread_ts: str | None = None) -> list[Json]:
        """Messages of a channel or thread, oldest first."""
        params = {"channel": channel} | ({"thread_ts": thread_ts} if thread_ts else {})
        answer: Json = self._http.get("/sandbox/messages", params=params).json()
        messages: list[Json] = answer["messages"]
        return messages

    def fault(self, **fault: Any) -> None:
        """Break something."""
        answer = self.post("faults", fault)
        if not answer.get("ok"):
            raise AssertionError(f"the fault was refused: {answer}")

    def clear_faults(self) -> None:
        """Mend everything."""
        self._http.delete("/sandbox/faults")


class Person:
    """Somebody in the workspace."""

    def __init__(self, slack: Slack, user_id: str, name: str) -> None:
        self._slack = slack
        self.user_id = user_id
        self.name = name

    def types(self, line: str, channel: str = "C0INCIDENT") -> str:
        """Type a slash command; gives what came back at once, or Slack's error in angle brackets."""
        command, _, text = line.partition(" ")
        answer = self._slack.post("slash", {"user": self.user_id, "channel": channel, "command": command, "text": text})
        if not answer.get("ok"):
            return f"<{answer.get('error')}>"
        ack = answer.get("ack") or {}
        return all_text(ack) if isinstance(ack, dict) else str(ack)

    def reacts(self, message: Json, name: str, *, remove: bool = False) -> Json:
        """Add or take back a reaction."""
        where = {"channel": message["channel"], "ts": message["ts"]}
        return self._slack.post("react", {"user": self.user_id, **where, "name": name, "remove": remove})

    def presses(self, message: Json, action_id: str, value: str | None = None) -> Json:
        """Press a button."""
        body = {"user": self.user_id, "channel": message["channel"], "ts": message["ts"], "action_id": action_id}
        return self._slack.post("press", body | ({"value": value} if value else {}))


def wait_until(look: Callable[[], T | None], what: str, timeout_s: float = WAIT_S) -> T:
    """Look until there is something.

    Raises:
        AssertionError: it did not come; says what.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout_s:.0f} s in vain for {what}")
        time.sleep(POLL_S)


def all_text(message: Json) -> str:
    """Everything a message says, blocks included, as one text."""
    parts = [str(message.get("text") or "")]
    for block in message.get("blocks") or []:
        parts.extend(_texts(block))
    return "\n".join(part for part in parts if part)


def _texts(node: Any) -> list[str]:
    if isinstance(node, list):
        return [text for item in node for text in _texts(item)]
    if isinstance(node, dict):
        own = [node["text"]] if isinstance(node.get("text"), str) else []
        return own + [text for key, item in node.items() if key != "text" or not own for text in _texts(item)]
    return []
