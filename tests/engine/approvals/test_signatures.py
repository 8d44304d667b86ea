"""What a signature covers: every field that decides something, and nothing that a later version adds empty."""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

import pytest

from bot.domain.approvals import Choice, Vote
from bot.domain.runs import Run, StepState
from bot.domain.signing import SignatureState
from bot.engine.approvals import signatures
from bot.planning.kinds import build_checklist
from bot.ports import Request
from tests.adapters.samples import NOON, PLAN, make_run
from tests.fakes.keyring import KEYRING, STRANGERS

LATER = NOON + timedelta(seconds=1)
REQUEST = signatures.sign_request(KEYRING, Request("slash:1", "freeze", {"environment": "prod"}), NOON)
VOTE = signatures.sign_vote(
    KEYRING, "r1", Vote("U1", Choice.APPROVE, "d" * 64, "button", NOON, Decimal("1.5"), "C", "2")
)
RUN = signatures.sign_run(KEYRING, replace(make_run(), steps=build_checklist(PLAN.kind)))


@pytest.mark.parametrize(
    "change",
    [{"id": "slash:2"}, {"kind": "unfreeze"}, {"payload": {"environment": "dev"}}, {"taken_at": LATER}],
)
def test_a_request_is_signed_as_a_whole(change: dict[str, Any]) -> None:
    assert signatures.check_request(KEYRING, REQUEST) is SignatureState.VALID
    assert signatures.check_request(KEYRING, replace(REQUEST, **change)) is SignatureState.WRONG


@pytest.mark.parametrize(
    "change",
    [
        {"user_id": "U2"}, {"choice": Choice.REJECT}, {"digest": "e" * 64}, {"how": "reaction"}, {"at": LATER},
        {"event_ts": Decimal(2)}, {"channel": "D"}, {"ts": "3"}, {"request_id": "x"},
    ],
)  # fmt: skip
def test_a_vote_is_signed_as_a_whole(change: dict[str, Any]) -> None:
    assert signatures.verified(KEYRING, "r1", [VOTE, replace(VOTE, **change)]) == [VOTE]
    assert signatures.verified(KEYRING, "r2", [VOTE]) == []
    assert signatures.verified(STRANGERS, "r1", [VOTE]) == []


@pytest.mark.parametrize(
    "change",
    [
        {"id": "rbbbbb"}, {"environment": "dev"}, {"plan": replace(PLAN, to_app="v1.0.0")}, {"requester": "U2"},
        {"plan": replace(PLAN, warnings=())}, {"reason": "x"}, {"channel": "C2"}, {"created_at": LATER},
        {"expires_at": LATER}, {"drill": "d1"}, {"request_id": "x"},
    ],
)  # fmt: skip
def test_a_run_is_signed_as_a_whole(change: dict[str, Any]) -> None:
    assert signatures.check_run(KEYRING, RUN) is SignatureState.VALID
    assert signatures.check_run(KEYRING, replace(RUN, **change)) is SignatureState.WRONG


def with_first_step(run: Run, **change: Any) -> Run:
    return replace(run, steps=(replace(run.steps[0], **change), *run.steps[1:]))


def test_a_step_is_signed_within_its_run_and_checklist() -> None:
    begun = with_first_step(RUN, state=StepState.DONE, attempts=1, data={"name": "x", "s": 5.0})
    step = replace(begun.steps[0], signature=signatures.sign_step(KEYRING, begun, begun.steps[0]))
    assert signatures.is_step_genuine(KEYRING, begun, step)
    assert signatures.is_step_genuine(KEYRING, begun, replace(step, data={"s": 5, "name": "x"}))
    change: dict[str, Any]
    for change in ({"state": StepState.WAITING}, {"attempts": 0}, {"data": {}}, {"key": "chain"}, {"signature": ""}):
        assert not signatures.is_step_genuine(KEYRING, begun, replace(step, **change))
    assert not signatures.is_step_genuine(KEYRING, replace(begun, steps=begun.steps[:-1]), step)
    assert not signatures.is_step_genuine(KEYRING, replace(begun, signature="other"), step)


def test_only_a_step_that_nobody_has_begun_needs_no_signature() -> None:
    first = RUN.steps[0]
    assert signatures.is_step_genuine(KEYRING, RUN, first)
    change: dict[str, Any]
    for change in ({"state": StepState.DONE}, {"attempts": 1}, {"data": {"x": 1}}):
        assert not signatures.is_step_genuine(KEYRING, RUN, replace(first, **change))


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True)
class Older:
    name: str


@dataclass(frozen=True)
class Newer:
    name: str
    added: tuple[int, ...] = ()
    kept: dict[str, str] = field(default_factory=dict)


def test_a_field_that_a_later_version_adds_changes_no_signature_while_it_is_empty() -> None:
    assert signatures.canonical(Newer("x")) == signatures.canonical(Older("x")) == {"name": "x"}
    assert signatures.canonical(Newer("x", (1,))) == {"name": "x", "added": [1]}


def test_values_are_written_as_the_database_returns_them() -> None:
    values = [5.0, 0.5, Colour.RED, frozenset({"b", "a"}), None, True, NOON, Decimal("1.5")]
    moment = "2026-03-01T12:00:00.000000+00:00"
    assert signatures.canonical(values) == [5, 0.5, "red", ["a", "b"], None, True, moment, "1.5"]
