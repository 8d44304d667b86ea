"""Types, presses and reacts as people do, through the control API that other tools use, too."""

import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import httpx

Json = dict[str, Any]
T = TypeVar("T")
WAIT_S = 30.0
POLL_S = 0.1


class Slack:
    """A client of the control API."""

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

    def view(self, user_id: str, kind: str) -> Json | None:
        """The ``modal`` or ``home`` view somebody is looking at; None without one."""
        mine = [view for view in self.state()["views"] if view["user"] == user_id and view["type"] == kind]
        return next((view for view in reversed(mine) if view["is_open"]), None)

    def messages(self, channel: str, thread_ts: str | None = None) -> list[Json]:
        """Messages of a channel or thread, oldest first."""
        params = {"channel": channel} | ({"thread_ts": thread_ts} if thread_ts else {})
        answer: Json = self._http.get("/sandbox/messages", params=params).json()
        messages: list[Json] = answer["messages"]
        return messages

    def fetch(self, url: str) -> bytes:
        """The bytes of a shared file."""
        return self._http.get(url).content

    def submit(self, user: str, values: Mapping[str, str]) -> Json:
        """Submit the modal that this person opened last, once it is open; every block has one input of its own name."""

        def look() -> str | None:
            views = [view for view in self.state()["views"] if view["user"] == user and view["is_open"]]
            return str(views[-1]["id"]) if views else None

        view_id = wait_until(look, "the modal")
        written = {name: {name: text} for name, text in values.items()}
        return self.post("submit", {"user": user, "view_id": view_id, "values": written})

    def fault(self, **fault: Any) -> None:
        """Break something."""
        answer = self.post("faults", fault)
        if not answer.get("ok"):
            raise AssertionError(f"the fault was refused: {answer}")

    def clear_faults(self) -> None:
        """Clear all faults."""
        self._http.delete("/sandbox/faults")


class Person:
    """Somebody in the workspace."""

    def __init__(self, slack: Slack, user_id: str, name: str) -> None:
        self._slack = slack
        self.user_id = user_id
        self.name = name

    def types(self, line: str, channel: str = "C0INCIDENT") -> str:
        """Type a slash command, and return the immediate answer, or Slack's error in angle brackets."""
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

    def opens_home(self) -> Json:
        """Open the bot's Home tab."""
        return self._slack.post("home", {"user": self.user_id})

    def acts(self, view: Json, action_id: str, value: str | None = None) -> Json:
        """Press a button of a view, or choose from a menu in it."""
        body = {"user": self.user_id, "view_id": view["id"], "action_id": action_id}
        return self._slack.post("press", body | ({"value": value} if value is not None else {}))

    def searches(self, view: Json, action_id: str, text: str = "") -> Json:
        """Type into a menu whose options the bot supplies, and return them by group."""
        body = {"user": self.user_id, "view_id": view["id"], "action_id": action_id, "value": text}
        answer = self._slack.post("suggest", body)
        groups = answer.get("option_groups") or []
        return {group["label"]["text"]: {o["value"]: o["text"]["text"] for o in group["options"]} for group in groups}

    def submits(self, view: Json, **values: str) -> Json:
        """Fill a modal in and submit it."""
        return self._slack.post("submit", {"user": self.user_id, "view_id": view["id"], "values": values})

    def closes(self, view: Json) -> Json:
        """Close a modal."""
        return self._slack.post("close", {"user": self.user_id, "view_id": view["id"]})

    def sees(self, kind: str) -> Json | None:
        """The ``modal`` or ``home`` view in front of them; None without one."""
        return self._slack.view(self.user_id, kind)


def wait_until(look: Callable[[], T | None], what: str, timeout_s: float = WAIT_S, every_s: float = POLL_S) -> T:
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
        time.sleep(every_s)


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
