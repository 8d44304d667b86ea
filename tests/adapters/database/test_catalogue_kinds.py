"""Every kind of object, created, dropped, changed, renamed, given away, granted: seen, and named by the plan.

A row of `catalogue_kinds.txt` has the statements, and what the plan must say: ``-`` begins what goes, ``+`` what is
new, ``~`` what is another, ``=`` what has another name, ``!`` a warning. Nothing goes, gets another name or alarms but
what a row says.
"""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from bot.adapters.database.catalogue import catalogue_within
from bot.adapters.database.connections import Connection
from bot.domain.alarms import widened_by_loss
from bot.domain.catalogue import Catalogue, ChainOutcome, Rehearsal
from bot.domain.changes import How
from bot.domain.effects import ChainEffect, PlannedEffect, beyond_plan
from bot.planning import impact
from bot.planning.facts import Evidence
from bot.sandbox.postgres import PostgresServer

SETUP = """
CREATE SCHEMA old; CREATE SCHEMA "dot.ted";
CREATE TABLE a (id serial PRIMARY KEY, n int NOT NULL DEFAULT 1, t text, CHECK (n > 0));
CREATE TABLE stays (id int PRIMARY KEY, a int REFERENCES a, s text COLLATE "C" DEFAULT 'x');
CREATE TABLE "dot.ted"."ta""b.le x" (id int PRIMARY KEY, "co.l" text);
CREATE INDEX stays_s ON stays (s);
CREATE VIEW v AS SELECT id, n FROM a; CREATE VIEW top AS SELECT v.id, a.t FROM v JOIN a USING (id);
CREATE MATERIALIZED VIEW mv AS SELECT id FROM a;
CREATE FUNCTION f(int) RETURNS int LANGUAGE sql AS 'SELECT $1 + 1';
CREATE FUNCTION code() RETURNS text LANGUAGE sql AS $$SELECT 'x'$$;
CREATE TABLE keep (id int PRIMARY KEY, c text NOT NULL DEFAULT code());
CREATE PROCEDURE p() LANGUAGE sql AS 'SELECT 1';
CREATE AGGREGATE total (int) (sfunc = int4pl, stype = int);
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER tr BEFORE UPDATE ON stays FOR EACH ROW EXECUTE FUNCTION touch();
CREATE RULE ru AS ON DELETE TO keep DO INSTEAD NOTHING;
ALTER TABLE stays ENABLE ROW LEVEL SECURITY; CREATE POLICY po ON stays USING (id > 0);
CREATE SEQUENCE sq; CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE DOMAIN dm AS int CHECK (VALUE > 0);
CREATE TYPE rg AS RANGE (subtype = int); CREATE TYPE pair AS (a int, b text);
CREATE TABLE moods (id int, m mood, d dm);
CREATE STATISTICS st ON id, n FROM a;
CREATE COLLATION co FROM "C"; CREATE CONVERSION cv FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;
CREATE FUNCTION less(int, int) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1 < $2';
CREATE OPERATOR <<< (leftarg = int, rightarg = int, function = less);
CREATE OPERATOR CLASS oc FOR TYPE int4 USING btree AS
    OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 btint4cmp(int4, int4);
CREATE OPERATOR FAMILY fam USING btree;
CREATE FUNCTION to_text(pair) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT ($1).b';
CREATE CAST (pair AS text) WITH FUNCTION to_text(pair) AS ASSIGNMENT;
CREATE TEXT SEARCH DICTIONARY di (template = simple, accept = false);
CREATE TEXT SEARCH CONFIGURATION ts (copy = simple);
CREATE TEXT SEARCH PARSER pa (start = prsd_start, gettoken = prsd_nexttoken, end = prsd_end, lextypes = prsd_lextype);
CREATE TEXT SEARCH TEMPLATE te (lexize = dsimple_lexize);
CREATE FOREIGN DATA WRAPPER fw; CREATE SERVER sv FOREIGN DATA WRAPPER fw OPTIONS (host 'h');
CREATE USER MAPPING FOR kinds_app SERVER sv OPTIONS (password 'geheim');
CREATE FOREIGN TABLE ft (x int) SERVER sv;
CREATE PUBLICATION pub FOR TABLE a, stays; CREATE PUBLICATION everything FOR ALL TABLES;
CREATE FUNCTION noticed() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE EVENT TRIGGER et ON ddl_command_end EXECUTE FUNCTION noticed(); ALTER EVENT TRIGGER et DISABLE;
CREATE SUBSCRIPTION sub CONNECTION 'dbname=x password=geheim' PUBLICATION pub WITH (connect = false, slot_name = NONE);
CREATE EXTENSION hstore VERSION '1.8';
CREATE ACCESS METHOD am TYPE TABLE HANDLER heap_tableam_handler;
CREATE TABLE parts (id int) PARTITION BY RANGE (id); CREATE TABLE part1 PARTITION OF parts FOR VALUES FROM (0) TO (9);
GRANT SELECT ON a TO kinds_app; GRANT SELECT (t) ON a TO kinds_app;
ALTER DEFAULT PRIVILEGES IN SCHEMA old GRANT SELECT ON TABLES TO kinds_app;
"""

KINDS = Path(__file__).with_name("catalogue_kinds.txt").read_text(encoding="utf-8")


def rows(text: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    for block in text.split("\n\n")[1:]:
        lines = block.strip().split("\n")
        expected = tuple(line for line in lines if line[:2] in {"- ", "+ ", "~ ", "= ", "! "})
        yield "\n".join(line for line in lines if line not in expected), expected


ROWS = list(rows(KINDS))


@pytest.fixture(scope="module")
def conn(postgres: PostgresServer) -> Iterator[Connection]:
    with psycopg.connect(postgres.superuser_dsn, autocommit=True) as server:
        server.execute("CREATE DATABASE kinds TEMPLATE template0")
        server.execute("CREATE ROLE kinds_app; CREATE ROLE kinds_super SUPERUSER")
    with psycopg.connect(postgres.dsn("postgres", "kinds"), autocommit=True) as made:
        made.execute(SETUP.encode())
        yield made
        made.execute("DROP OWNED BY kinds_app CASCADE; DROP SUBSCRIPTION sub")
    with psycopg.connect(postgres.superuser_dsn, autocommit=True) as server:
        server.execute("DROP DATABASE kinds")
        server.execute("DROP ROLE kinds_app; DROP ROLE kinds_super")


@pytest.fixture(scope="module")
def before(conn: Connection) -> Catalogue:
    with conn.transaction(force_rollback=True):
        return catalogue_within(conn)


def after(conn: Connection, before: Catalogue, statements: str) -> Catalogue:
    with conn.transaction(force_rollback=True):
        conn.execute(statements.encode())
        return catalogue_within(conn, before=before)


def lines(before: Catalogue, now: Catalogue) -> list[str]:
    """Everything that the plan says, a line each, in the order of its sections."""
    rehearsal = Rehearsal(before, now, ChainOutcome((), (), ()))
    evidence = Evidence(before, rehearsal, (), ())
    marks = {How.CREATED.value: "+", How.CHANGED.value: "~"}
    changes = [change for change in impact.changed_objects(rehearsal) if change.how in marks]
    return [
        *(f"- {drop.kind} {drop.identity}" for drop in impact.dropped_objects(evidence, ())),
        *(f"= {rename.kind} {rename.identity} → {rename.to}" for rename in impact.renamed_objects(evidence)),
        *(f"{marks[each.how]} {each.kind} {each.identity}: {', '.join(each.words)}" for each in changes),
        *(f"! {alarm}" for change in changes for alarm in change.alarms),
        *(f"! {alarm}" for alarm in widened_by_loss(rehearsal.difference)),
    ]


@pytest.mark.parametrize(("statements", "expected"), ROWS, ids=[statements[:60] for statements, _ in ROWS])
def test_the_plan_says_it_and_unplanned_it_stops_before_commit(
    conn: Connection, before: Catalogue, statements: str, expected: tuple[str, ...]
) -> None:
    now = after(conn, before, statements)
    said = lines(before, now)

    for words in expected:
        parts = words.split(" … ")
        assert any(line.startswith(parts[0]) and all(part in line for part in parts) for line in said), (words, said)
    for mark in "-=!":
        assert [line for line in said if line.startswith(mark)] == [] or any(each[0] == mark for each in expected), said
    planned = PlannedEffect(before.fingerprint, before.fingerprint, frozenset(), {}, frozenset(), frozenset())
    assert beyond_plan(planned, ChainEffect(before, now, ())) != ()


def test_there_are_enough_of_them() -> None:
    assert len(ROWS) >= 170
