"""Holds a scenario's people, conversation, world and checks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from bot.sandbox import world
from bot.sandbox.checks import Checks
from bot.sandbox.people import POLL_S, WAIT_S, Person, Slack, all_text, wait_until
from bot.sandbox.screen import Screen
from bot.sandbox.workplace import Sandbox

Json = dict[str, Any]
APPROVE = "white_check_mark"
REJECT = "x"
OPEN_STATES = ("pending", "approved", "running", "parked")


@dataclass(frozen=True)
class Cast:
    """The people of a scenario."""

    oncall: Person
    lead_a: Person
    lead_b: Person
    engineer: Person
    ex_lead: Person
    guest: Person
    stranger: Person


class Story:
    """A scenario under way in one environment's incident channel."""

    def __init__(self, sandbox: Sandbox, screen: Screen, slack: Slack, environment: str = "prod") -> None:
        self.sandbox = sandbox
        self.screen = screen
        self.slack = slack
        self.environment = environment
        self.channel = {"dev": "C0DEV", "staging": "C0STAGING", "prod": "C0INCIDENT"}[environment]
        self.namespace = f"physioflow-{environment}"
        self.checks = Checks(screen.check)
        self.database = sandbox.database(environment)
        self.bucket = sandbox.bucket(environment)
        self.cast = Cast(
            oncall=Person(slack, "U0ONCALL", "on-call engineer"),
            lead_a=Person(slack, "U0LEADA", "lead A"),
            lead_b=Person(slack, "U0LEADB", "lead B"),
            engineer=Person(slack, "U0ENG", "engineer, no lead"),
            ex_lead=Person(slack, "U0EXLEAD", "deactivated lead"),
            guest=Person(slack, "U0GUEST", "guest"),
            stranger=Person(slack, "U0STRANGER", "stranger"),
        )
        self._before = {message["ts"] for message in self.messages()}

    def messages(self, thread_ts: str | None = None) -> list[Json]:
        """Messages of the incident channel."""
        return self.slack.messages(self.channel, thread_ts)

    def fresh(self) -> list[Json]:
        """Messages since the story began."""
        return [message for message in self.messages() if message["ts"] not in self._before]

    def command(self, person: Person, line: str) -> str:
        """Have somebody type a command in the incident channel, and return what they see at once."""
        self.screen.gesture(person.name, f"types {line}")
        return person.types(line, self.channel)

    def answer(self, person: Person, *parts: str, timeout_s: float = WAIT_S) -> str:
        """Wait for a message only that person sees, with all the parts in it."""

        def look() -> str | None:
            ephemerals = [m for m in self.fresh() if m["addressee"] == person.user_id]
            return next((text for m in ephemerals if all(part in (text := all_text(m)) for part in parts)), None)

        return wait_until(look, f"an answer to {person.name} with {parts}", timeout_s)

    def card(self, timeout_s: float = WAIT_S) -> Json:
        """Wait for the newest run's card."""
        return wait_until(self._card, "the card", timeout_s)

    def _card(self) -> Json | None:
        own = [m for m in self.fresh() if read_key(m).startswith("card:")]
        return own[-1] if own else None

    def run_id(self) -> str:
        """The newest run's id."""
        return read_key(self.card()).partition(":")[2]

    def thread(self) -> list[Json]:
        """Replies in the card's thread."""
        ts = self.card()["ts"]
        return [message for message in self.messages(ts) if message["ts"] != ts and not message["ephemeral"]]

    def request(self, timeout_s: float = WAIT_S) -> Json:
        """Wait for the newest request for approval."""

        def look() -> Json | None:
            requests = [m for m in self.thread() if read_key(m).startswith("request:")]
            return requests[-1] if requests else None

        return wait_until(look, "the request for approval", timeout_s)

    def thread_says(self, *parts: str, timeout_s: float = WAIT_S) -> str:
        """Wait for a reply in the thread with all the parts in it."""

        def look() -> str | None:
            return next((t for m in self.thread() if all(part in (t := all_text(m)) for part in parts)), None)

        return wait_until(look, f"{parts} in the thread", timeout_s)

    def react(self, person: Person, name: str = APPROVE, *, on_card: bool = False) -> None:
        """Have somebody react to the request (or the card)."""
        self.screen.gesture(person.name, f"reacts with :{name}:")
        person.reacts(self.card() if on_card else self.request(), name)

    def presses_undo(self, person: Person) -> None:
        """Have somebody press Undo on the newest card."""
        self.screen.gesture(person.name, "presses Undo…")
        person.presses(self.card(), "undo")

    def approve(self, *people: Person) -> None:
        """Have people consent by reaction; two leads by default."""
        for person in people or (self.cast.lead_a, self.cast.lead_b):
            self.react(person)

    def state(self) -> str:
        """The newest run's state, from the journal's own table."""
        return self._read_state(self.run_id())

    def _read_state(self, run_id: str) -> str:
        rows = self.journal("SELECT state FROM backstop.runs WHERE id = %s", run_id)
        return str(rows[0][0]) if rows else "unknown"

    def journal(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Ask the state database."""
        return self.sandbox.state.ask(query, *parameters)

    def wait_state(self, *states: str, timeout_s: float = 90.0) -> str:
        """Wait until the run that is the newest now is in one of the states."""
        run_id = self.run_id()

        def look() -> str | None:
            return now if (now := self._read_state(run_id)) in states else None

        return wait_until(look, f"the run to be {' or '.join(states)}", timeout_s)

    def settle(self) -> None:
        """Wait until everything the bot wants to say has been said, so that the conversation is complete."""
        unsent = "SELECT count(*) = 0 FROM backstop.outbox WHERE sent_revision < revision AND problem = ''"
        wait_until(lambda: self.journal(unsent)[0][0], "the outbox to be empty")

    def deployments(self) -> dict[str, Json]:
        """The environment's Deployments, from the cluster itself."""
        return world.deployments(self.slack.state(), self.namespace)

    def services(self) -> dict[str, Json]:
        """The environment's Services."""
        return world.services(self.slack.state(), self.namespace)

    def wait(self, look: Callable[[], Any], what: str, timeout_s: float = WAIT_S, every_s: float = POLL_S) -> Any:
        """Wait for anything else."""
        return wait_until(look, what, timeout_s, every_s)


def read_key(message: Json) -> str:
    """Return the bot's own key of the message, e.g. ``card:rk3f9a``."""
    metadata = message.get("metadata") or {}
    return str((metadata.get("event_payload") or {}).get("key", ""))


def texts(messages: Sequence[Json]) -> str:
    """Everything these messages say."""
    return "\n".join(all_text(message) for message in messages)
