"""The journal, and the fake that the engine's tests use in its place."""

import pytest

from bot.adapters.journal import PostgresJournal
from tests.fakes.clock import FakeClock
from tests.fakes.journal import FakeJournal


@pytest.fixture(params=["real", "fake"])
def either(request: pytest.FixtureRequest) -> PostgresJournal | FakeJournal:
    if request.param == "fake":
        return FakeJournal(FakeClock())
    journal: PostgresJournal = request.getfixturevalue("journal")
    return journal
