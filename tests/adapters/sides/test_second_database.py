"""A role that may make no database: nothing is restored, and people are told what to grant, by a real server."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.adapters.database.connections import Connection
from bot.cli import examine
from bot.engine.context import Services
from bot.engine.kinds import preview
from bot.errors import PermanentError
from bot.planning.facts import RestoreRequest
from tests.adapters.sides.conftest import Nasty
from tests.engine.runs.restoring import bundle
from tests.fakes.process import Process
from tests.fakes.world import World

GRANT = "Have a superuser type: ALTER ROLE nasty_bot CREATEDB;"


@pytest.fixture
def services(nasty: Nasty, tmp_path: Path) -> Services:
    """With a real database, and a bundle that could be restored."""
    world = World(tmp_path)
    world.store.backups.append(bundle(schema=26))
    made = world.services(Process("bot"))
    site = replace(made.envs["prod"], database=nasty.database, sides=nasty.sides)
    return replace(made, envs={"prod": site})


@pytest.fixture
def without_createdb(nasty: Nasty, server: Connection) -> Iterator[None]:
    del nasty  # which makes the role
    server.execute("ALTER ROLE nasty_bot NOCREATEDB")
    yield
    server.execute("ALTER ROLE nasty_bot CREATEDB")


@pytest.mark.usefixtures("without_createdb")
def test_a_restore_is_refused_when_it_is_planned(services: Services) -> None:
    with pytest.raises(PermanentError) as caught:
        preview(services, RestoreRequest("prod", "latest"), "r1")
    assert (caught.value.reference, caught.value.hint) == ("no-second-database", GRANT)


@pytest.mark.usefixtures("without_createdb")
def test_the_doctor_says_so(services: Services) -> None:
    problems, _ = examine(services, lambda _: None)
    assert [problem for problem in problems if "no-second-database" in problem] == [
        (
            "prod: no-second-database: Restoring needs a database beside that of prod, and role nasty_bot may make "
            f"none. {GRANT}"
        )
    ]


def test_with_the_grant_neither_complains(services: Services) -> None:
    assert preview(services, RestoreRequest("prod", "latest"), "r1").to_schema == 26
    assert examine(services, lambda _: None)[0] == []
