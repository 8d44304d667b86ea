"""Handing a loaded database over: each object to whom it belongs, whatever the dump says, wherever it was killed."""

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from bot.adapters.database.connections import Connection
from bot.domain.backups import BundleKind
from bot.domain.runs import Progress
from bot.errors import PermanentError
from bot.ports import FetchedBundle
from bot.sandbox.postgres import PostgresServer, find_bin_dir
from tests.adapters.sides.conftest import Nasty, dump_directory, ignore, restore_aside
from tests.adapters.sides.dumps import dump_as, plain
from tests.adapters.sides.test_equivalence import QUERIES, schema_text, state

LOADER = "nasty_owner_loader"
OWNED = """
SELECT count(*) FROM pg_shdepend WHERE refobjid = 'nasty_owner_loader'::regrole
AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


def run(dsn: str, *statements: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as conn:
        for statement in statements:
            conn.execute(statement.encode())


def owners(dsn: str, *names: str) -> list[str]:
    with psycopg.connect(dsn, autocommit=True) as conn:
        query = "SELECT pg_get_userbyid(relowner) FROM unnest(%s::text[]) WITH ORDINALITY n (name, i) JOIN pg_class c ON c.oid = name::regclass ORDER BY i"  # noqa: E501 -- one query
        return [owner for (owner,) in conn.execute(query, (list(names),))]


def beside(nasty: Nasty, side: str) -> str:
    return nasty.superuser_dsn.replace(nasty.name, side)


def left_to_the_loader(nasty: Nasty, side: str) -> int:
    with psycopg.connect(beside(nasty, side), autocommit=True) as conn:
        return int(conn.execute(OWNED).fetchall()[0][0])


def test_until_then_everything_is_the_loaders_and_afterwards_nothing(nasty: Nasty, tmp_path: Path) -> None:
    bundle = dump_directory(nasty, tmp_path)
    side = nasty.sides.load("r1", bundle, ignore)
    assert owners(beside(nasty, side), "patients", "clinic.notes", "visits_id_seq") == [LOADER] * 3
    nasty.sides.hand_over(side, bundle, ignore)
    assert owners(beside(nasty, side), "patients", "clinic.notes") == ["nasty_owner", "nasty_clinic"]
    assert left_to_the_loader(nasty, side) == 0
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(beside(nasty, side).replace("postgres:", f"{LOADER}:", 1).replace("//postgres", f"//{LOADER}"))


def test_the_live_database_says_whose_it_is_else_the_dump_else_the_databases_owner(
    nasty: Nasty, tmp_path: Path
) -> None:
    run(
        nasty.owner_dsn,
        "CREATE TABLE clinic.gone_since (id int)",
        "ALTER TABLE clinic.gone_since OWNER TO nasty_clinic",
    )
    bundle = dump_directory(nasty, tmp_path)
    run(nasty.owner_dsn, "DROP TABLE clinic.gone_since", "ALTER TABLE clinic.notes OWNER TO nasty_owner")
    side = restore_aside(nasty, bundle)
    assert owners(beside(nasty, side), "clinic.notes", "clinic.gone_since") == ["nasty_owner", "nasty_clinic"]


@pytest.mark.parametrize("form", ["plain", "custom"])
def test_a_dump_without_owners_gets_those_of_the_live_database(nasty: Nasty, tmp_path: Path, form: str) -> None:
    path = tmp_path / "dump"
    command = [
        str(find_bin_dir() / "pg_dump"),
        "-O",
        f"--format={form}",
        f"--file={path}",
        f"--dbname={nasty.owner_dsn}",
    ]
    subprocess.run(command, check=True)  # noqa: S603 -- our own tool
    kind = BundleKind.PLAIN if form == "plain" else BundleKind.CUSTOM
    side = restore_aside(nasty, FetchedBundle(kind, path, None, 1))
    before, after = state(nasty.superuser_dsn), state(beside(nasty, side))
    # pg_dump leaves out grants of other grantors with the owners: only who owns what is compared.
    assert [row[:2] for row in after["owners"]] == [row[:2] for row in before["owners"]]
    assert [row[:2] for row in after["functions"]] == [row[:2] for row in before["functions"]]


def test_killed_anywhere_and_done_again_it_is_exact(nasty: Nasty, tmp_path: Path) -> None:
    bundle = dump_directory(nasty, tmp_path)
    side = nasty.sides.load("r1", bundle, ignore)
    calls = 0

    def stop_at(place: int) -> Callable[[Progress], None]:
        def report(progress: Progress) -> None:
            nonlocal calls
            assert progress.unit == "objects"
            calls += 1
            if calls == place:
                raise PermanentError("cancelled", "Somebody said stop.")

        return report

    for place in (1, 2, 3, 5, 8):
        calls = 0
        with pytest.raises(PermanentError, match="cancelled"):
            nasty.sides.hand_over(side, bundle, stop_at(place))
    nasty.sides.hand_over(side, bundle, ignore)
    nasty.sides.hand_over(side, bundle, ignore)  # once more: there is nothing left to do
    assert schema_text(beside(nasty, side)) == schema_text(nasty.superuser_dsn)
    before, after = state(nasty.superuser_dsn), state(beside(nasty, side))
    assert [name for name in QUERIES if name not in ("database", "settings") and after[name] != before[name]] == []


def test_another_process_hands_over_from_a_bundle_of_its_own(nasty: Nasty, tmp_path: Path) -> None:
    """What a plain dump says of owners is blanked while it is loaded; a fresh copy has it still."""
    first = dump_as(nasty, BundleKind.PLAIN, tmp_path / "first")
    text = first.path.read_bytes()
    side = nasty.sides.load("r1", first, ignore)
    assert b"OWNER TO" not in first.path.read_bytes()
    assert len(first.path.read_bytes()) == len(text)
    (tmp_path / "second").write_bytes(text)
    nasty.sides.hand_over(side, FetchedBundle(BundleKind.PLAIN, tmp_path / "second", None, 1), ignore)
    assert schema_text(beside(nasty, side)) == schema_text(nasty.superuser_dsn)


def test_many_large_objects_are_handed_over_in_seconds(nasty: Nasty, tmp_path: Path, postgres: PostgresServer) -> None:
    bundle = dump_directory(nasty, tmp_path)
    side = nasty.sides.load("r1", bundle, ignore)
    many = "SELECT count(lo_create(i)) FROM generate_series(100001, 150000) i"
    for dsn in (nasty.owner_dsn, postgres.dsn(LOADER, side)):  # as if they had been in the bundle
        run(dsn, many)
    begun = time.monotonic()
    nasty.sides.hand_over(side, bundle, ignore)
    took_s = time.monotonic() - begun
    print(f"handed over in {took_s:.1f} s")  # noqa: T201 -- for the report
    assert took_s < 20
    assert left_to_the_loader(nasty, side) == 0
    with psycopg.connect(beside(nasty, side)) as conn:
        query = "SELECT count(*) FROM pg_largeobject_metadata WHERE lomowner = 'nasty_owner'::regrole"
        assert conn.execute(query).fetchall() == [(50_002,)]


def test_a_replaced_owner_does_not_drop_its_successors_database(
    nasty: Nasty, tmp_path: Path, server: Connection
) -> None:
    """It fails because its successor drops what it has been filling, and must leave alone what is there then."""
    slow = (
        "CREATE TABLE nap (id int, at text DEFAULT pg_catalog.pg_sleep(60)::text);\nINSERT INTO nap (id) VALUES (1);\n"
    )
    successor = dump_directory(nasty, tmp_path)
    taken: list[str] = []

    def take_over(progress: Progress) -> None:
        del progress
        if not taken:
            taken.append(nasty.sides.load("r1", successor, ignore))

    with pytest.raises(Exception, match=r"database-unreachable|load-failed"):
        nasty.sides.load("r1", plain(tmp_path / "dump.sql", slow), take_over)
    assert taken
    assert server.execute("SELECT count(*) FROM pg_database WHERE datname = %s", (taken[0],)).fetchall() == [(1,)]
    nasty.sides.hand_over(taken[0], successor, ignore)
    assert schema_text(beside(nasty, taken[0])) == schema_text(nasty.superuser_dsn)
