"""After a restore the database is equal to the source, for an owner who is no superuser."""

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg

from bot.domain.backups import BundleKind
from bot.ports import ExchangeState, FetchedBundle
from bot.sandbox.postgres import find_bin_dir
from tests.adapters.sides.conftest import Nasty, ignore

QUERIES = {
    "owners": """SELECT c.oid::regclass::text, pg_get_userbyid(relowner), relacl::text, relpersistence, relispopulated
                 FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname !~ '^pg_' ORDER BY 1""",
    "schemas": """SELECT nspname, pg_get_userbyid(nspowner), (SELECT array_agg(x::text ORDER BY x::text)
                   FROM aclexplode(coalesce(nspacl, acldefault('n', nspowner))) x)
                   FROM pg_namespace WHERE nspname !~ '^pg_t' ORDER BY 1""",
    "functions": """SELECT oid::regprocedure::text, pg_get_userbyid(proowner), proacl::text
                    FROM pg_proc WHERE oid > 16384 ORDER BY 1""",
    "sequences": "SELECT schemaname, sequencename, last_value FROM pg_sequences ORDER BY 1, 2",
    "tickets": "SELECT last_value, is_called FROM tickets UNION ALL SELECT last_value, is_called FROM visits_id_seq",
    "large objects": """SELECT m.oid, pg_get_userbyid(lomowner), lomacl::text, lo_get(m.oid),
                        obj_description(m.oid, 'pg_largeobject') FROM pg_largeobject_metadata m ORDER BY 1""",
    "moods": "SELECT feeling::text, n FROM moods ORDER BY 1",
    "lengths": "SELECT n FROM clinic.lengths ORDER BY 1",
    "default privileges": """SELECT pg_get_userbyid(defaclrole), defaclnamespace::regnamespace::text, defaclobjtype,
                             defaclacl::text FROM pg_default_acl ORDER BY 1, 2, 3""",
    "extensions": "SELECT extname, extversion FROM pg_extension ORDER BY 1",
    "generated": "SELECT id, doubled::text, shout FROM patients ORDER BY 1",
    "publications": """SELECT pubname, schemaname || '.' || tablename, attnames::text, rowfilter
                       FROM pg_publication_tables ORDER BY 1, 2""",
    "database": """SELECT pg_get_userbyid(datdba), datconnlimit, shobj_description(d.oid, 'pg_database'), encoding,
                   datcollate, datctype, datlocprovider, datistemplate, datallowconn,
                   (SELECT array_agg(x::text ORDER BY x::text)
                    FROM aclexplode(coalesce(datacl, acldefault('d', datdba))) x)
                   FROM pg_database d WHERE datname = current_database()""",
    "settings": """SELECT setrole::regrole::text, setconfig
                   FROM pg_db_role_setting s JOIN pg_database d ON d.oid = setdatabase
                   WHERE datname = current_database() ORDER BY 1""",
}


def schema_text(dsn: str) -> str:
    """What pg_dump says of the schema; its random key left out."""
    command = [str(find_bin_dir() / "pg_dump"), "--schema-only", f"--dbname={dsn}"]
    said = subprocess.run(command, capture_output=True, check=True, text=True).stdout  # noqa: S603 -- our own tool
    return re.sub(r"(?m)^\\(un)?restrict .*$", "", said)


def state(dsn: str) -> Mapping[str, Any]:
    """Everything of a database that a schema's text does not show."""
    with psycopg.connect(dsn, autocommit=True) as conn:
        return {name: conn.execute(query.encode()).fetchall() for name, query in QUERIES.items()}


def test_everything_is_as_it_was(nasty: Nasty, tmp_path: Path) -> None:
    dump_path = tmp_path / "dump"
    dump = nasty.database.dump(dump_path, ignore)
    before, schema = state(nasty.superuser_dsn), schema_text(nasty.superuser_dsn)
    bundle = FetchedBundle(BundleKind.DIRECTORY, dump_path, None, 1)
    side = nasty.sides.load("r1", bundle, ignore)
    assert list(nasty.sides.contents(side, ignore)) == list(dump.tables)
    nasty.sides.hand_over(side, bundle, ignore)
    assert nasty.sides.copy_settings(side) == []
    kept = nasty.sides.name("kept", "r1")
    assert nasty.sides.exchange(side, kept, lambda: None) < 1
    assert schema_text(nasty.superuser_dsn) == schema
    after = state(nasty.superuser_dsn)
    for name in QUERIES:
        assert after[name] == before[name], name

    undone = nasty.sides.name("undone", "r1")
    nasty.sides.exchange(kept, undone, lambda: None)
    assert nasty.sides.state(kept, undone) is ExchangeState.AFTER
    assert state(nasty.superuser_dsn) == before
