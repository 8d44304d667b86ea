"""Settings and privileges that only a superuser can copy are named."""

from pathlib import Path

import psycopg

from tests.adapters.sides.conftest import Nasty, dump_directory, restore_aside


def test_what_only_a_superuser_can_do_is_reported_by_name(nasty: Nasty, tmp_path: Path) -> None:
    with psycopg.connect(nasty.superuser_dsn, autocommit=True) as conn:
        conn.execute("CREATE FUNCTION watch() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'")
        conn.execute("CREATE EVENT TRIGGER watching ON sql_drop EXECUTE FUNCTION watch()")
        conn.execute("ALTER EVENT TRIGGER watching OWNER TO postgres")
        conn.execute("CREATE TABLE strange (id int)")
        conn.execute("ALTER TABLE strange OWNER TO nasty_stranger")
        conn.execute("GRANT SELECT ON strange TO nasty_owner")
        conn.execute("CREATE PUBLICATION everything FOR ALL TABLES")
        conn.execute("ALTER ROLE nasty_reader IN DATABASE " + nasty.name + " SET work_mem TO '1MB'")
        conn.execute("ALTER DATABASE " + nasty.name + " SET other.tenant TO '1'")
    side = restore_aside(nasty, dump_directory(nasty, tmp_path))
    told = nasty.sides.copy_settings(side)
    print("\n" + "\n".join(told))  # noqa: T201 -- for the handbook
    for word in (
        "EVENT TRIGGER watching",
        "TABLE public.strange",
        "PUBLICATION everything",
        "work_mem of nasty_reader",
        "other.tenant of the database",
    ):
        assert any(word in line for line in told), word
    assert nasty.sides.copy_settings(side) == told
