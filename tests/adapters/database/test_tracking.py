"""Tables of migration tools: what is listed and was not applied does not count."""

import pytest

from bot.adapters.clock import SystemClock
from bot.adapters.database import PostgresDatabase, Server, Tracking
from bot.adapters.database.connections import Connection
from bot.adapters.database.tracking import TrackingTable
from bot.adapters.pgclient.tools import PgTools
from bot.errors import PermanentError
from bot.sandbox.physioflow.clones import Clone
from tests.adapters.database.conftest import TIMING

PRISMA = Tracking("_prisma_migrations", ("migration_name",))
FLYWAY = Tracking("flyway_schema_history", ("version",))
GOOSE = Tracking("goose_db_version", ("version_id",))
MIGRATE = Tracking("golang_migrations", ("version",))
TABLES = {
    PRISMA: """CREATE TABLE _prisma_migrations (id varchar(36) PRIMARY KEY, checksum varchar(64) NOT NULL,
        finished_at timestamptz, migration_name varchar(255) NOT NULL, logs text, rolled_back_at timestamptz,
        started_at timestamptz NOT NULL DEFAULT now(), applied_steps_count integer NOT NULL DEFAULT 0);
        INSERT INTO _prisma_migrations (id, checksum, migration_name, finished_at, rolled_back_at) VALUES
        ('a', '', '20260101000000_init', now(), NULL), ('b', '', '20260202000000_flags', NULL, now()),
        ('c', '', '20260202000000_flags', now(), NULL), ('d', '', '20260303000000_gone', now(), now())""",
    FLYWAY: """CREATE TABLE flyway_schema_history (installed_rank integer PRIMARY KEY, version varchar(50),
        description varchar(200) NOT NULL, type varchar(20) NOT NULL, script varchar(1000) NOT NULL, checksum integer,
        installed_by varchar(100) NOT NULL, installed_on timestamp NOT NULL DEFAULT now(),
        execution_time integer NOT NULL, success boolean NOT NULL);
        INSERT INTO flyway_schema_history VALUES (1, '1', 'init', 'SQL', 'V1__init.sql', 1, 'x', now(), 1, true),
        (2, '2', 'flags', 'SQL', 'V2__flags.sql', 1, 'x', now(), 1, true),
        (3, NULL, 'views', 'SQL', 'R__views.sql', 1, 'x', now(), 1, true),
        (4, '3', 'broken', 'SQL', 'V3__broken.sql', 1, 'x', now(), 1, false)""",
    GOOSE: """CREATE TABLE goose_db_version (id serial PRIMARY KEY, version_id bigint NOT NULL,
        is_applied boolean NOT NULL, tstamp timestamp DEFAULT now());
        INSERT INTO goose_db_version (version_id, is_applied) VALUES
        (1, true), (2, true), (3, true), (2, false), (2, true), (3, false)""",
}
DIRTY = """CREATE TABLE golang_migrations (version bigint PRIMARY KEY, dirty boolean NOT NULL);
    INSERT INTO golang_migrations VALUES (7, true)"""
APPLIED = {PRISMA: [20_260_101_000_000, 20_260_202_000_000], FLYWAY: [1, 2], GOOSE: [1, 2]}


def database_of(clone: Clone, tools: PgTools, tracking: Tracking) -> PostgresDatabase:
    return PostgresDatabase(Server(clone.owner_dsn, tracking, TIMING, tools, SystemClock()))


@pytest.mark.parametrize("tracking", TABLES, ids=lambda tracking: tracking.table)
def test_what_was_rolled_back_or_failed_does_not_count(
    clone: Clone, owner: Connection, tools: PgTools, tracking: Tracking
) -> None:
    owner.execute(TABLES[tracking].encode())
    facts = database_of(clone, tools, tracking).inspect()
    assert (facts.unread, [row.version for row in facts.applied]) == (None, APPLIED[tracking])
    table = TrackingTable(owner, tracking)
    assert table.delete(APPLIED[tracking][-1]) == 1
    assert sorted(table.versions()) == APPLIED[tracking][:-1]


@pytest.mark.parametrize(
    ("tracking", "statements"),
    [
        (MIGRATE, DIRTY),
        (PRISMA, TABLES[PRISMA] + "; UPDATE _prisma_migrations SET finished_at = NULL WHERE id = 'a'"),
    ],
    ids=["golang-migrate", "prisma"],
)
def test_one_that_has_begun_and_not_ended_leaves_the_schema_unknown(
    clone: Clone, owner: Connection, tools: PgTools, tracking: Tracking, statements: str
) -> None:
    owner.execute(statements.encode())
    with pytest.raises(PermanentError, match="has begun and not ended"):
        database_of(clone, tools, tracking).inspect().require_read()


def test_a_column_of_that_name_that_means_something_else_is_left_alone(
    clone: Clone, owner: Connection, tools: PgTools
) -> None:
    owner.execute("CREATE TABLE done (version int, success text, dirty int); INSERT INTO done VALUES (5, 'no', 1)")
    facts = database_of(clone, tools, Tracking("done", ("version",))).inspect()
    assert [(row.version, row.name) for row in facts.applied] == [(5, "")]
