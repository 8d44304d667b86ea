"""Point-in-time recovery is described, and a restore point made where it can be."""

from bot.adapters.database import PostgresDatabase
from bot.adapters.database.connections import Connection


def test_recovery_is_described(database: PostgresDatabase) -> None:
    lines = database.recovery_options()

    assert lines[0] == "WAL archiving is off, wal_level logical."
    assert "nothing is archived" in lines[1]
    assert lines[2].startswith("The WAL is at ")


def test_a_restore_point_is_made_where_we_may(database: PostgresDatabase, server: Connection) -> None:
    server.execute("REVOKE EXECUTE ON FUNCTION pg_create_restore_point FROM backstop_prod")
    try:
        without = database.mark_restore_point("backstop_rtest1")
    finally:
        server.execute("GRANT EXECUTE ON FUNCTION pg_create_restore_point TO backstop_prod")
    with_right = database.mark_restore_point("backstop_rtest1" + "x" * 80)

    later = server.execute("SELECT %s::pg_lsn >= %s::pg_lsn", (with_right, without)).fetchall()
    assert later == [(True,)]
