"""Requests on disk: what the previous version persisted is read, handled, and written as before but for the version."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bot.domain.approvals import Choice
from bot.engine.approvals.signatures import sign_request
from bot.engine.operations import Operations, check_complete
from bot.engine.requests import (
    REQUEST_TYPES,
    VERSION,
    CastVote,
    Freeze,
    OpenRollback,
    PerformDrill,
    Submission,
    TypedRequest,
    defer,
    read,
    read_audience,
    write,
)
from bot.ports import Audience, Request
from tests.fakes.directory import ENGINEER, ONCALL
from tests.fakes.keyring import KEYRING
from tests.fakes.process import Process
from tests.fakes.world import World

STORED = [
    Request(row["id"], row["kind"], row["payload"])
    for row in json.loads((Path(__file__).parent / "requests_v1.json").read_text("utf-8"))
]
"""Of version 1, by its own commands, buttons, events and schedule; at least one of every kind."""


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def named(request: Request) -> str:
    return f"{request.kind}-{request.id}"


def test_every_kind_is_among_them() -> None:
    assert {request.kind for request in STORED} == set(REQUEST_TYPES)


@pytest.mark.parametrize("stored", STORED, ids=named)
def test_what_the_previous_version_persisted_is_written_the_same_again(stored: Request) -> None:
    again = write(Submission(read_audience(stored), read(stored)))

    assert (again.id, again.kind) == (stored.id, stored.kind)
    assert again.payload == {**stored.payload, "version": VERSION}


@pytest.mark.parametrize("stored", STORED, ids=named)
def test_what_the_previous_version_persisted_is_handled(world: World, stored: Request) -> None:
    world.journal.requests.accept(sign_request(KEYRING, stored, world.clock.now()))
    performed: list[str] = []
    operations = Operations(world.services(Process("new")), lambda _, drill_id: performed.append(drill_id))
    operations.handle(stored.id)

    kept = world.journal.requests.kept[stored.id]
    assert kept.finished
    assert not kept.problem.startswith("internal-error"), kept.problem


def test_values_have_their_types() -> None:
    vote = read(Request("1", "vote", {"ts": "1.2", "choice": "reject", "how": "reaction", "withdraw": True}))
    assert vote == CastVote("1.2", Choice.REJECT, "reaction", withdraw=True)
    rollback = read(STORED[1])
    assert isinstance(rollback, OpenRollback)
    assert (rollback.migration, rollback.named, rollback.app) == ("027", "027_feature_flags", "")


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        ("freeze", {"environment": "prod", "reason": "launch", "version": VERSION + 1}),
        ("freeze", {"environment": "prod"}),
        ("vote", {"ts": "1.2", "choice": "perhaps", "how": "button", "withdraw": False}),
        ("juggle", {}),
    ],
)
def test_what_cannot_be_read_starts_nothing_and_is_reported(world: World, kind: str, payload: dict[str, Any]) -> None:
    stored = Request("1", kind, {"user_id": ENGINEER, "channel": "C1", **payload})
    world.journal.requests.accept(sign_request(KEYRING, stored, world.clock.now()))
    services = world.services(Process("old"))
    defer(services.queue, stored)
    Operations(services).handle("1")

    ((user, error),) = world.announcer.refusals.values()
    assert (user, error.reference) == (ENGINEER, "internal-error")
    assert world.journal.freezes.frozen("prod") is None


def test_the_schedules_own_request_has_no_person() -> None:
    nobody = Audience("", "", request_id="drill:d1")
    assert write(Submission(nobody, PerformDrill("d1", "2026-03-02"))).payload == {
        "drill_id": "d1",
        "start_at": "2026-03-02",
        "version": VERSION,
    }


def test_a_person_is_answered_where_they_asked() -> None:
    asker = Audience(ONCALL, "C1", "https://slack.invalid/1", "slash:1")
    assert read_audience(write(Submission(asker, Freeze("prod", "launch")))) == asker


@pytest.fixture
def juggle() -> Iterator[type[TypedRequest]]:
    @dataclass(frozen=True)
    class Juggle(TypedRequest, kind="juggle"):
        """A request that nobody handles."""

    yield Juggle
    del REQUEST_TYPES["juggle"]


def test_a_request_without_a_handler_fails_the_import(juggle: type[TypedRequest]) -> None:
    with pytest.raises(TypeError, match=f"No handler for {juggle.__name__}"):
        check_complete()


@pytest.mark.usefixtures("juggle")
def test_a_kind_stands_for_one_request() -> None:
    with pytest.raises(TypeError, match="Two requests are of kind juggle"):

        class Other(TypedRequest, kind="juggle"):
            """Another request of that kind."""
