"""Fixtures of these tests."""

from pathlib import Path

import pytest

from bot.adapters.database import PostgresDatabase
from tests.adapters.database.undo_rollback.undoing import Scripts, TakeAccess, Undoing


@pytest.fixture
def undoing(database: PostgresDatabase, take_access: TakeAccess, scripts: Scripts, tmp_path: Path) -> Undoing:
    return Undoing(database, take_access, scripts, tmp_path)
