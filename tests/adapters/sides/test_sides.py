"""What a drill compares: the live database's rows after a swap, and the schema of what was put aside."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from bot.adapters.database.connections import Connection
from bot.domain.backups import BundleKind, DatabaseSettings, Manifest
from bot.domain.versions import UNKNOWN_SCHEMA
from bot.errors import PermanentError
from bot.ports import ExchangeState, FetchedBundle
from tests.adapters.sides.conftest import Nasty, dump_directory, ignore, restore_aside


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


PROPERTIES = """
SELECT pg_get_userbyid(datdba), datconnlimit, shobj_description(oid, 'pg_database'), pg_encoding_to_char(encoding),
       datcollate, datctype, (SELECT array_agg(x::text ORDER BY x::text)
        FROM unnest(coalesce(datacl, acldefault('d', datdba))) x),
       (SELECT array_agg(concat_ws(' ', setrole::regrole, setting) ORDER BY setrole, setting)
        FROM pg_db_role_setting s CROSS JOIN unnest(setconfig) AS setting WHERE setdatabase = d.oid)
FROM pg_database d WHERE datname = %s
"""


def noted(nasty: Nasty, tmp_path: Path) -> tuple[FetchedBundle, DatabaseSettings]:
    """A bundle whose manifest says what the dump does not carry."""
    dump = nasty.database.dump(tmp_path / "dump", ignore)
    assert dump.database is not None
    at = datetime(2026, 1, 1, tzinfo=UTC)
    manifest = Manifest(1, "n", "e", "l", at, "", 1, 180000, "18", (), tuple(dump.tables), dump.database)
    return FetchedBundle(BundleKind.DIRECTORY, tmp_path / "dump", manifest, 1), dump.database


def drop(nasty: Nasty, server: Connection) -> list[Any]:
    """What it was like, before it is dropped."""
    before = server.execute(PROPERTIES, (nasty.name,)).fetchall()
    server.execute(f"DROP DATABASE {nasty.name} WITH (FORCE)".encode())
    return before


def test_a_database_that_is_gone_is_made_again_with_owner_settings_and_grants(
    nasty: Nasty, server: Connection, tmp_path: Path
) -> None:
    (bundle, settings), catalogue = noted(nasty, tmp_path), nasty.database.catalogue()
    before = drop(nasty, server)
    facts = nasty.database.inspect()
    assert (facts.exists, facts.identity.oid, facts.schema) == (False, 0, UNKNOWN_SCHEMA)
    assert (facts.can_take_exclusive_access, facts.can_create, facts.accepts_connections) == (True, True, True)
    side = nasty.sides.load("r1", bundle, ignore)
    assert list(nasty.sides.contents(side, ignore)) == list(bundle.manifest.tables if bundle.manifest else ())
    assert "compared with nothing" in nasty.sides.problems(side)[0]
    nasty.sides.hand_over(side, bundle, ignore)
    assert any(line.startswith("Owners are those") for line in nasty.sides.copy_settings(side, settings))
    assert nasty.sides.copy_settings(side, settings) == nasty.sides.copy_settings(side, settings)
    assert nasty.sides.state(side, "") is ExchangeState.BEFORE
    nasty.sides.exchange(side, "", lambda: None, facts.identity)
    assert nasty.sides.state(side, "") is ExchangeState.AFTER
    assert nasty.sides.exchange(side, "", lambda: None, facts.identity) == 0.0
    assert server.execute(PROPERTIES, (nasty.name,)).fetchall() == before
    assert nasty.database.catalogue() == catalogue
    assert nasty.sides.list() == []


def test_without_a_note_what_cannot_be_known_is_named(nasty: Nasty, server: Connection, tmp_path: Path) -> None:
    bundle = dump_directory(nasty, tmp_path)
    drop(nasty, server)
    side = nasty.sides.load("r1", bundle, ignore)
    lines = "\n".join(nasty.sides.copy_settings(side))
    assert "the backup does not say who owned it" in lines
    assert "encoding and locale are the server's defaults" in lines


def test_roles_that_are_gone_do_not_stop_it(nasty: Nasty, server: Connection, tmp_path: Path) -> None:
    bundle, settings = noted(nasty, tmp_path)
    drop(nasty, server)
    side = nasty.sides.load("r1", bundle, ignore)
    gone = replace(
        settings,
        owner="nobody_now",
        acl=(*settings.acl, ("nobody_now", "nobody_else", "CONNECT", False)),
        settings=(*settings.settings, ("nobody_now", "work_mem", "1MB")),
    )
    lines = "\n".join(nasty.sides.copy_settings(side, gone))
    assert "The owner nobody_now could not be copied" in lines
    assert "CONNECT on the database for nobody_else" in lines
    assert "The setting work_mem of nobody_now could not be copied" in lines


def test_a_database_that_appears_meanwhile_is_not_overwritten(nasty: Nasty, server: Connection, tmp_path: Path) -> None:
    bundle, _ = noted(nasty, tmp_path)
    drop(nasty, server)
    approved = nasty.database.inspect().identity
    side = nasty.sides.load("r1", bundle, ignore)
    server.execute(f"CREATE DATABASE {nasty.name} ALLOW_CONNECTIONS false".encode())
    with pytest.raises(PermanentError, match="name-taken: There is a database"):
        nasty.sides.exchange(side, "", lambda: None, approved)
    assert nasty.sides.state(side, "") is ExchangeState.BEFORE
    assert server.execute("SELECT datallowconn FROM pg_database WHERE datname = %s", (nasty.name,)).fetchone() == (
        False,
    )


@pytest.mark.parametrize("how", ["ALLOW_CONNECTIONS false", "CONNECTION LIMIT 0"])
def test_one_that_lets_nobody_in_is_replaced_by_one_that_does(
    nasty: Nasty, server: Connection, tmp_path: Path, how: str
) -> None:
    bundle, _ = noted(nasty, tmp_path)
    server.execute(f"ALTER DATABASE {nasty.name} {how}".encode())
    facts = nasty.database.inspect()
    assert (facts.accepts_connections, facts.schema, facts.exists) == (False, UNKNOWN_SCHEMA, True)
    assert facts.unread is not None
    assert how.split(maxsplit=1)[0] in facts.unread.hint
    side, kept = nasty.sides.load("r1", bundle, ignore), nasty.sides.name("kept", "r1")
    assert "compared with nothing" in nasty.sides.problems(side)[0]
    nasty.sides.hand_over(side, bundle, ignore)
    nasty.sides.copy_settings(side)

    def may_not() -> None:
        raise PermanentError("lost-the-run", "Another replica has it.")

    with pytest.raises(PermanentError, match="lost-the-run"):
        nasty.sides.exchange(side, kept, may_not, facts.identity, found_closed=True)
    allowed = server.execute("SELECT datallowconn FROM pg_database WHERE datname = %s", (nasty.name,)).fetchone()
    assert allowed == (not how.startswith("ALLOW"),) or allowed == (False,)
    nasty.sides.exchange(side, kept, lambda: None, facts.identity, found_closed=True)
    with psycopg.connect(nasty.app_dsn) as conn:
        assert conn.execute("SELECT count(*) FROM patients").fetchone() == (504,)
