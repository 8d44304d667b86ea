"""The real Bolt app on a Slack workspace, with operations that remember what they were given."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from slack_sdk import WebClient

from bot.domain.environments import Environment
from bot.domain.migrations import DownScript
from bot.domain.plans import Plan
from bot.engine.requests import VERSION, Submission, arguments, write
from bot.errors import PermanentError
from bot.ports import Choices, Request
from bot.sandbox.slack import SlackEmulator
from bot.views.kit.blocks import View
from commands.intake import ParsedCommand
from tests.fakes.clock import NOON
from tests.sandbox.slack.desk import Desk as Hands
from tests.views.samples import PROD

Json = dict[str, Any]
WITHIN_S = 20.0  # a busy machine; nobody waits that long when it comes true
ENVIRONMENTS: dict[str, Environment] = {
    "prod": PROD,
    "staging": replace(PROD, name="staging", production=False, incident_channel="C0STAGING"),
    "dev": replace(PROD, name="dev", production=False, incident_channel="C0DEV"),
}


@dataclass
class Remembered:
    """Operations in memory: persists by id, and breaks or dawdles when told to."""

    requests: dict[str, Request] = field(default_factory=dict)
    tries: list[str] = field(default_factory=list)
    failing: list[Exception] = field(default_factory=list)
    dawdle_s: float = 0.0
    company: threading.Barrier | None = None
    offered: dict[str, Choices] = field(default_factory=dict)
    searched: list[tuple[str, str]] = field(default_factory=list)
    askers: set[str] = field(default_factory=set)
    plans: dict[str, tuple[Plan, tuple[DownScript, ...]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()

    def submit(self, submission: Submission) -> bool:
        request = persisted(write(submission))
        time.sleep(self.dawdle_s)
        if self.company:
            self.company.wait(WITHIN_S)
        with self._lock:
            self.tries.append(request.id)
            if self.failing:
                raise self.failing.pop(0)
            fresh = request.id not in self.requests
            self.requests[request.id] = request
            return fresh

    def choices(self, user_id: str, environment: str, text: str) -> Choices:
        self.askers.add(user_id)
        self.searched.append((environment, text))
        if self.failing:
            raise self.failing.pop(0)
        return self.offered.get(environment, Choices(environment, text, NOON))

    def planned_scripts(self, user_id: str, run_id: str) -> tuple[Plan, tuple[DownScript, ...]]:
        self.askers.add(user_id)
        if run_id not in self.plans:
            raise PermanentError("unknown-run", f"There is no run {run_id}.", "")
        return self.plans[run_id]

    def forget(self) -> None:
        self.offered.clear()
        self.searched.clear()
        self.askers.clear()
        self.plans.clear()
        self.requests.clear()
        self.tries.clear()
        self.failing.clear()
        self.dawdle_s = 0.0
        self.company = None


@dataclass
class Office:
    """Everything a test needs to be a person at Slack, and to see what became of it."""

    emulator: SlackEmulator
    operations: Remembered
    hands: Hands
    client: WebClient

    def type(
        self, text: str, *, command: str = "/rollback", user: str = "U0ONCALL", channel: str = "C0INCIDENT"
    ) -> str:
        """Type a command; gives the text of the ack."""
        answer = self.hands.do("slash", user=user, channel=channel, command=command, text=text)
        assert answer["ok"], answer
        assert answer["ack"]["response_type"] == "ephemeral"
        return str(answer["ack"]["text"])

    def post(self, view: View, channel: str = "C0INCIDENT") -> str:
        """Post a rendered message as the bot."""
        return str(self.client.chat_postMessage(channel=channel, text=view.text, blocks=list(view.blocks))["ts"])

    def react(self, ts: str, name: str, user: str = "U0LEADA", *, remove: bool = False) -> None:
        self.hands.do("react", user=user, channel="C0INCIDENT", ts=ts, name=name, remove=remove)

    def only_request(self) -> Request:
        """The one request that came in, waited for."""
        until(lambda: self.operations.requests)
        (request,) = self.operations.requests.values()
        return request

    def ephemerals(self, user: str) -> list[str]:
        """What only that person sees in the incident channel."""
        seen = self.hands.messages(channel="C0INCIDENT")
        return [said["text"] for said in seen if said.get("addressee") == user]


def until(wanted: Callable[[], Any], within_s: float = WITHIN_S) -> Any:
    """Wait for something to be true."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if found := wanted():
            return found
        time.sleep(0.01)
    raise AssertionError("it did not come true in time")


def persisted(request: Request) -> Request:
    """A request as it is persisted, but for its version."""
    assert request.payload["version"] == VERSION
    return replace(request, payload={key: value for key, value in request.payload.items() if key != "version"})


@dataclass(frozen=True)
class Understood:
    """What a command was understood as: the kind and the payload that are persisted, and the answer."""

    kind: str
    payload: dict[str, Any]
    reply: View


def understood(parsed: ParsedCommand | View) -> Understood:
    assert isinstance(parsed, ParsedCommand)
    return Understood(parsed.request.kind, arguments(parsed.request), parsed.reply)
