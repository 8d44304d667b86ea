"""Slash commands over the wire: persisted, then acked; never silent."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from bot.errors import PermanentError, TemporaryError
from commands.intake import Desk
from tests.commands.office import ENVIRONMENTS, Office, Remembered, until


def test_a_rollback_is_persisted_and_then_acked(office: Office) -> None:
    text = office.type("prod 027 --reason flags & friends")

    assert text == "Looking at *prod*: rolling back 027. The plan will be posted in <#C0INCIDENT>."
    request = office.only_request()
    assert request.id.startswith("slash:")
    assert request.kind == "rollback"
    response_url = request.payload["response_url"]
    assert response_url.startswith("http")
    assert request.payload == {
        "user_id": "U0ONCALL",
        "channel": "C0INCIDENT",
        "response_url": response_url,
        "environment": "prod",
        "migration": "027",
        "app": "",
        "reason": "flags & friends",
        "asked_for": "/rollback prod 027",
    }


def test_migrations_over_the_wire(office: Office) -> None:
    assert office.type("prod", command="/migrations") == "Looking at prod…"
    assert office.only_request().kind == "migrations"


def test_the_ack_waits_for_the_journal(office: Office) -> None:
    office.operations.dawdle_s = 0.3

    answer = office.hands.do("slash", user="U0ONCALL", channel="C0INCIDENT", command="/rollback", text="prod 027")

    assert answer["elapsed_ms"] >= 300
    assert len(office.operations.requests) == 1


def test_a_refusal_is_acked_at_once_and_persists_nothing(office: Office) -> None:
    assert office.type("production 027").startswith("✗ unknown-environment: There is no environment “production”.")
    assert office.operations.tries == []


def test_what_was_typed_mentions_nobody_in_the_answer(office: Office) -> None:
    assert "“&lt;!channel&gt;”" in office.type("<!channel> 027")


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (
            TemporaryError("journal-unreachable", "The journal is away.", "Try again."),
            "✗ journal-unreachable: The jour",
        ),
        (RuntimeError("secret dsn postgres://u:p@h"), "✗ journal-unreachable: Your request could not be written down"),
    ],
)
def test_a_journal_that_is_down_is_said(office: Office, failure: Exception, said: str) -> None:
    office.operations.failing.append(failure)

    text = office.type("prod 027")

    assert text.startswith(said)
    assert "secret" not in text
    assert office.operations.requests == {}


def test_nothing_is_promised_while_nothing_can_be_written_down(office: Office) -> None:
    office.operations.failing.append(RuntimeError("no"))

    text = office.type("prod 027")

    assert text.endswith("the state database is down and nothing can be started before it is back.")
    assert "command line" not in text


def test_a_command_delivered_twice_is_one_request(office: Office) -> None:
    office.hands.fault(kind="duplicate", times=1)

    office.type("prod 027")

    until(lambda: len(office.operations.tries) == 2)
    assert len(office.operations.requests) == 1


def test_twenty_at_once_are_written_down_side_by_side(office: Office) -> None:
    """None is written before all twenty are being written: one after another, none would be acked in time."""
    office.operations.company = threading.Barrier(20)

    def ask(number: int) -> bool:
        user = "U0ENG" if number % 2 else "U0ONCALL"
        answer = office.hands.do("slash", user=user, channel="C0GENERAL", command="/rollback", text="prod 027")
        return bool(answer["ok"])

    with ThreadPoolExecutor(20) as pool:
        assert all(pool.map(ask, range(20)))

    assert len(office.operations.requests) == 20


@pytest.mark.parametrize(
    "body",
    [
        {"team_id": "T0PARTNER"},
        {"team": {"id": "T0PHYSIO"}, "user": {"id": "U0STRANGER", "team_id": "T0PARTNER"}},
        {"team": {"id": "T0PARTNER"}, "user": {"id": "U0LEADA", "team_id": "T0PHYSIO"}},
        {},
    ],
)
def test_other_workspaces_are_refused(body: dict[str, object]) -> None:
    with pytest.raises(PermanentError, match="foreign-team"):
        Desk(Remembered(), ENVIRONMENTS, "T0PHYSIO").check_team(body)
