"""What a drill compares: the live database's rows after a swap, and the schema of what was put aside."""

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from bot.domain.backups import BundleKind
from bot.errors import PermanentError
from bot.ports import FetchedBundle
from tests.adapters.sides.conftest import Nasty, ignore, restore_aside


def test_a_swapped_database_has_the_rows_and_the_schema_of_the_one_before(
    make_nasty: Callable[[], Nasty], tmp_path: Path
) -> None:
    nasty = make_nasty()
    before = nasty.database.catalogue()
    dump = nasty.database.dump(tmp_path / "dump", ignore)
    assert list(nasty.sides.live_contents(ignore)) == list(dump.tables)
    side = restore_aside(nasty, FetchedBundle(BundleKind.DIRECTORY, tmp_path / "dump", None, 1))
    kept = nasty.sides.name("kept", "r1")
    nasty.sides.copy_settings(side)
    nasty.sides.exchange(side, kept, lambda: None)
    assert list(nasty.sides.live_contents(ignore)) == list(dump.tables)
    assert nasty.sides.catalogue(kept) == before
    assert nasty.database.catalogue() == before
    with psycopg.connect(nasty.maintenance_dsn) as conn:
        asked = conn.execute("SELECT datallowconn FROM pg_database WHERE datname = %s", (kept,)).fetchone()
    assert asked == (False,)


def test_one_row_and_one_column_more_are_seen(make_nasty: Callable[[], Nasty]) -> None:
    nasty = make_nasty()
    rows, schema = nasty.sides.live_contents(ignore), nasty.database.catalogue()
    with psycopg.connect(nasty.superuser_dsn) as conn:
        conn.execute("ALTER TABLE visits ADD COLUMN odd int DEFAULT 1")
    changed = {now.table for now, then in zip(nasty.sides.live_contents(ignore), rows, strict=True) if now != then}
    assert "public.visits" in changed
    assert [item.identity for item in nasty.database.catalogue().objects - schema.objects] == ["public.visits.odd"]


def test_only_databases_of_ours_are_looked_into(make_nasty: Callable[[], Nasty]) -> None:
    nasty = make_nasty()
    with pytest.raises(PermanentError, match=r"^not-ours: "):
        nasty.sides.catalogue(nasty.name)
