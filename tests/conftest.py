"""Servers and sample databases shared by a session; with pytest-xdist each worker has its own."""

import itertools
from collections.abc import Callable, Iterator

import pytest

from bot.sandbox.objectstore import ObjectStore
from bot.sandbox.physioflow import clones
from bot.sandbox.postgres import PostgresServer

TEMPLATE_SCALE = 0.02

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """A server without the sample's roles until ``sample_template`` is asked for."""
    with PostgresServer(tmp_path_factory.mktemp("postgres") / "data") as server:
        yield server


@pytest.fixture(scope="session")
def sample_template(postgres: PostgresServer) -> str:
    """The name of a template database at migration 027; nobody can connect to it."""
    return clones.build_template(postgres, "sample_template", TEMPLATE_SCALE)


@pytest.fixture
def sample_database(postgres: PostgresServer, sample_template: str) -> Iterator[Callable[[], clones.Clone]]:
    """Makes copies of the template, dropped after the test."""
    made: list[clones.Clone] = []

    def make() -> clones.Clone:
        made.append(clones.clone(postgres, sample_template, f"sample_{next(_numbers)}"))
        return made[-1]

    yield make
    for copy in made:
        clones.drop(postgres, copy.name)


@pytest.fixture(scope="session")
def objectstore() -> Iterator[ObjectStore]:
    """An empty S3 store; take bucket names of your own, and clear the faults you set."""
    with ObjectStore() as store:
        yield store


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the stories: they take longest, and the other worker has everything else meanwhile."""
    items.sort(key=lambda item: item.get_closest_marker("scenario") is None)
