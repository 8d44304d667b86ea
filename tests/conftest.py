"""Shares servers and sample databases within a session; with pytest-xdist each worker has its own."""

import itertools
import threading
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
    """Begin with the stories: they take longest, and the other worker has everything else meanwhile.

    Files with property tests come next, before any client has been started that would disturb them.
    """
    properties = {item.path for item in items if _is_property_test(item)}
    items.sort(key=lambda item: (item.get_closest_marker("scenario") is None, item.path not in properties))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Let no thread of another test's client draw random numbers under a property test: Hypothesis would call it flaky.

    What talks on by itself (Slack's socket clients, the sandbox, pools) is for a package at most, never for a session.
    """
    if _is_property_test(item):
        left = [thread.name for thread in threading.enumerate() if not _is_expected(thread)]
        assert not left, f"these threads outlive the tests that began them: {left}"


def _is_property_test(item: pytest.Item) -> bool:
    return bool(getattr(getattr(item, "obj", None), "is_hypothesis_test", False))


def _is_expected(thread: threading.Thread) -> bool:
    """The test's own, the object store's, and those of pools, which are idle once their clients are closed."""
    pooled = ("object-store", "ThreadPoolExecutor", "asyncio_")
    return thread is threading.main_thread() or thread.name.startswith(pooled) or "process_request" in thread.name
