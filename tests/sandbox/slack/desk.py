"""Driving the emulator from outside: the control API as a person would, and a bare Socket Mode client."""

import json
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Self

import httpx
from slack_sdk import WebClient
from websockets.sync.client import ClientConnection, connect

from bot.sandbox.slack import SlackEmulator

Json = dict[str, Any]
WAIT_S = 20.0


class Clock:
    """A wall clock that tests move."""

    def __init__(self) -> None:
        self.now_s = 1_770_000_000.0

    def __call__(self) -> float:
        return self.now_s

    def advance(self, seconds: float) -> None:
        self.now_s += seconds


class Desk:
    """The control API: gestures at once or in the background, and looks."""

    def __init__(self, emulator: SlackEmulator) -> None:
        self.http = httpx.Client(base_url=emulator.base_url, timeout=WAIT_S, trust_env=False)
        self._pool = ThreadPoolExecutor(4)

    def close(self) -> None:
        self._pool.shutdown()
        self.http.close()

    def raw(self, gesture: str, **body: Any) -> httpx.Response:
        return self.http.post(f"/sandbox/{gesture}", json=body)

    def do(self, gesture: str, **body: Any) -> Json:
        response = self.raw(gesture, **body)
        assert response.status_code == 200, response.text
        answer: Json = response.json()
        return answer

    def later(self, gesture: str, **body: Any) -> "Future[Json]":
        return self._pool.submit(self.do, gesture, **body)

    def messages(self, **query: str) -> list[Json]:
        found: list[Json] = self.http.get("/sandbox/messages", params=query).json()["messages"]
        return found

    def look(self, what: str, **query: str) -> Json:
        seen: Json = self.http.get(f"/sandbox/{what}", params=query).json()
        return seen

    def fault(self, **body: Any) -> None:
        self.do("faults", target="slack", **body)


class Ear:
    """A bare Socket Mode client that acks only on request."""

    def __init__(self, emulator: SlackEmulator) -> None:
        client = WebClient(base_url=emulator.api_url)
        self.url = str(client.apps_connections_open(app_token=emulator.workspace.app_token)["url"])
        self._opening = connect(self.url, proxy=None)

    def __enter__(self) -> Self:
        self.ws: ClientConnection = self._opening.__enter__()
        self.hello = self.hear()
        return self

    def __exit__(self, *_: object) -> None:
        self._opening.__exit__(None, None, None)

    def hear(self, timeout_s: float = WAIT_S) -> Json:
        heard: Json = json.loads(self.ws.recv(timeout=timeout_s))
        return heard

    def hears_nothing(self, for_s: float = 0.1) -> bool:
        try:
            self.hear(for_s)
        except TimeoutError:
            return True
        return False

    def ack(self, envelope: Json, payload: Json | None = None) -> None:
        answer = {"envelope_id": envelope["envelope_id"]} | ({"payload": payload} if payload is not None else {})
        self.ws.send(json.dumps(answer))

    def answer(self, payload: Json | None = None) -> Json:
        envelope = self.hear()
        self.ack(envelope, payload)
        return envelope


def button(action_id: str = "ok", value: str = "1", **more: Any) -> Json:
    return {
        "type": "button",
        "action_id": action_id,
        "value": value,
        "text": {"type": "plain_text", "text": "OK"},
        **more,
    }


def section(text: str = "hello", **more: Any) -> Json:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}, **more}


def actions(*elements: Json, **more: Any) -> Json:
    return {"type": "actions", "elements": list(elements), **more}


def modal(*blocks: Json, **more: Any) -> Json:
    return {
        "type": "modal",
        "title": {"type": "plain_text", "text": "A modal"},
        "submit": {"type": "plain_text", "text": "Go"},
        "blocks": list(blocks),
        **more,
    }


def text_input(block_id: str = "reason", action_id: str = "text", **more: Any) -> Json:
    return {
        "type": "input",
        "block_id": block_id,
        "label": {"type": "plain_text", "text": "Reason"},
        "element": {"type": "plain_text_input", "action_id": action_id},
        **more,
    }
