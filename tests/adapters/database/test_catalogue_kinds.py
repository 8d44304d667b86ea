"""Every kind of object, created, dropped, changed, renamed, given away, granted: the comparison sees it, the plan says it.

A row has the statements, and what the plan must say: ``-`` begins what goes, ``+`` what is new, ``~`` what is another,
``=`` what has another name, ``!`` a warning. Nothing goes, gets another name or alarms but what a row says.
"""

from collections.abc import Iterator

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

APP = "kinds_app may now SELECT"
NEW_TABLE = ("+ table public.new",)
ROWS: list[tuple[str, tuple[str, ...]]] = [
    # schemas
    ("CREATE SCHEMA s", ("+ schema s",)),
    ('DROP SCHEMA "dot.ted" CASCADE', ('- schema "dot.ted"', '- table "dot.ted"."ta""b.le x"')),
    ("ALTER SCHEMA old RENAME TO new", ("= schema old → new",)),
    ("ALTER SCHEMA old OWNER TO kinds_app", ("~ schema old: owner postgres → kinds_app", "! The owner of schema old")),
    ("GRANT USAGE ON SCHEMA old TO PUBLIC", ("~ schema old: PUBLIC may now USAGE", "! PUBLIC may now USAGE: schema old")),
    ("COMMENT ON SCHEMA old IS 'x'", ("~ schema old: another comment",)),
    # tables
    ("CREATE TABLE new (id int)", (*NEW_TABLE, "+ table column public.new.id: integer")),
    ("DROP TABLE moods", ("- table public.moods",)),
    ("DROP TABLE a CASCADE", ("- table public.a", "- view public.v", "- table constraint stays_a_fkey on public.stays",
                              "- publication relation public.a in publication pub")),
    ("ALTER TABLE a RENAME TO b", ("= table public.a → public.b",)),
    ('ALTER TABLE a RENAME TO "b.c d"', ('= table public.a → public."b.c d"',)),
    ('ALTER TABLE "dot.ted"."ta""b.le x" RENAME TO plain', ('= table "dot.ted"."ta""b.le x" → "dot.ted".plain',)),
    ("ALTER TABLE a SET SCHEMA old", ("= table public.a → old.a",)),
    ("ALTER TABLE a RENAME TO x; ALTER TABLE keep RENAME TO a", ("= table public.a → public.x", "= table public.keep → public.a")),
    ("ALTER TABLE keep RENAME TO x; CREATE TABLE keep (id int)", ("= table public.keep → public.x", "+ table public.keep")),
    ("DROP TABLE moods; CREATE TABLE moods (id int, m mood, d dm)", ("- table public.moods", "+ table public.moods")),
    ("ALTER TABLE a OWNER TO kinds_app", ("~ table public.a: owner postgres → kinds_app", "! The owner of table public.a changes")),
    ("GRANT SELECT ON a TO PUBLIC", ("~ table public.a: PUBLIC may now SELECT", "! PUBLIC may now SELECT: table public.a.")),
    ("GRANT UPDATE ON a TO kinds_app WITH GRANT OPTION", ("~ table public.a: kinds_app may now UPDATE (and grant it)", "! kinds_app may now UPDATE")),
    ("REVOKE SELECT ON a FROM kinds_app", ("~ table public.a: kinds_app may no longer SELECT",)),
    ("ALTER TABLE a ENABLE ROW LEVEL SECURITY", ("~ table public.a: row security on",)),
    ("ALTER TABLE stays DISABLE ROW LEVEL SECURITY", ("~ table public.stays: row security off", "! Row security of public.stays is switched off")),
    ("ALTER TABLE a REPLICA IDENTITY FULL", ("~ table public.a: replica identity d → f",)),
    ("ALTER TABLE a SET (fillfactor = 70)", ("~ table public.a: other options",)),
    ("ALTER TABLE parts DETACH PARTITION part1", ("~ table public.part1: parents",)),
    ("COMMENT ON TABLE a IS 'x'", ("~ table public.a: another comment",)),
    ("CREATE TABLE new (id int); GRANT SELECT ON new TO PUBLIC", (*NEW_TABLE, "! PUBLIC may now SELECT: table public.new")),
    # columns
    ("ALTER TABLE a ADD COLUMN x text", ("+ table column public.a.x: text",)),
    ("ALTER TABLE stays DROP COLUMN s", ("- table column public.stays.s", "- index public.stays_s")),
    ("ALTER TABLE a RENAME COLUMN t TO u", ("= table column public.a.t → public.a.u",)),
    ('ALTER TABLE a RENAME COLUMN n TO "n.n n"', ('= table column public.a.n → public.a."n.n n"',)),
    ("ALTER TABLE a RENAME TO b; ALTER TABLE b RENAME COLUMN n TO m", ("= table public.a → public.b", "= table column public.a.n → public.b.m")),
    ("ALTER TABLE a ALTER n DROP NOT NULL", ("~ table column public.a.n: may be NULL",)),
    ("ALTER TABLE a ALTER t SET NOT NULL", ("~ table column public.a.t: may no longer be NULL",)),
    ("ALTER TABLE a ALTER n DROP DEFAULT", ("~ table column public.a.n: loses its DEFAULT 1",)),
    ("ALTER TABLE a ALTER n SET DEFAULT 2", ("~ table column public.a.n: DEFAULT 1 → 2",)),
    ("DROP FUNCTION code() CASCADE", ("- function public.code()", "~ table column public.keep.c: loses its DEFAULT public.code()")),
    ("ALTER TABLE stays ALTER s TYPE varchar(9)", ("~ table column public.stays.s: ", "type text → character varying(9)")),
    ("ALTER TABLE a ALTER t SET STORAGE EXTERNAL", ("~ table column public.a.t: storage none → e",)),
    ("ALTER TABLE a ALTER t SET STATISTICS 7", ("~ table column public.a.t: statistics target none → 7",)),
    ("ALTER TABLE stays ALTER id ADD GENERATED ALWAYS AS IDENTITY", ("~ table column public.stays.id: identity none → a", "+ sequence public.stays_id_seq")),
    ("GRANT SELECT (n) ON a TO PUBLIC", ("~ table column public.a.n: PUBLIC may now SELECT", "! PUBLIC may now SELECT: table column public.a.n")),
    ("REVOKE SELECT (t) ON a FROM kinds_app", ("~ table column public.a.t: kinds_app may no longer SELECT",)),
    ("COMMENT ON COLUMN a.t IS 'x'", ("~ table column public.a.t: another comment",)),
    # constraints and indexes
    ("ALTER TABLE a ADD CHECK (n < 9)", ("+ table constraint a_n_check1 on public.a",)),
    ("ALTER TABLE a DROP CONSTRAINT a_n_check", ("- table constraint a_n_check on public.a",)),
    ("ALTER TABLE a RENAME CONSTRAINT a_n_check TO positive", ("= table constraint a_n_check on public.a → positive on public.a",)),
    ("ALTER TABLE stays ALTER CONSTRAINT stays_a_fkey DEFERRABLE", ("~ table constraint stays_a_fkey on public.stays: another definition",)),
    ("CREATE INDEX ON a (n)", ("+ index public.a_n_idx",)),
    ("DROP INDEX stays_s", ("- index public.stays_s",)),
    ("ALTER INDEX stays_s RENAME TO other", ("= index public.stays_s → public.other",)),
    ("ALTER INDEX stays_s SET (fillfactor = 50)", ("~ index public.stays_s: another definition",)),
    ("CLUSTER stays USING stays_s", ("~ index public.stays_s: clustered false → true",)),
    # views
    ("CREATE VIEW w AS SELECT 1 AS one", ("+ view public.w",)),
    ("CREATE VIEW w AS SELECT 1 AS one; GRANT SELECT ON w TO PUBLIC", ("+ view public.w", "! PUBLIC may now SELECT: view public.w")),
    ("DROP VIEW top", ("- view public.top",)),
    ("CREATE OR REPLACE VIEW v AS SELECT id, id AS n FROM a", ("~ view public.v: another definition",)),
    ("ALTER VIEW v RENAME TO w", ("= view public.v → public.w",)),
    ("ALTER VIEW v RENAME COLUMN n TO m", ("~ view public.v: column n is called m",)),
    ("ALTER TABLE a RENAME TO b; ALTER VIEW v RENAME COLUMN n TO m", ("= table public.a → public.b", "~ view public.v: column n is called m")),
    ("ALTER TABLE a RENAME TO b; CREATE OR REPLACE VIEW v AS SELECT id, id AS n FROM b", ("= table public.a → public.b", "~ view public.v: another definition")),
    ("ALTER VIEW v OWNER TO kinds_app", ("~ view public.v: owner", "! The owner of view public.v changes")),
    ("GRANT SELECT ON v TO kinds_app", ("~ view public.v: kinds_app may now SELECT", "! kinds_app may now SELECT: view public.v")),
    ("GRANT SELECT (id) ON v TO PUBLIC", ("~ view public.v: PUBLIC may now SELECT its column id", "! PUBLIC may now SELECT: column id of public.v")),
    ("ALTER VIEW v SET (security_barrier)", ("~ view public.v: other options",)),
    ("DROP MATERIALIZED VIEW mv", ("- materialized view public.mv",)),
    ("ALTER MATERIALIZED VIEW mv RENAME TO mw", ("= materialized view public.mv → public.mw",)),
    ("CREATE MATERIALIZED VIEW mw AS SELECT 1 AS one", ("+ materialized view public.mw",)),
    ("DROP MATERIALIZED VIEW mv; CREATE MATERIALIZED VIEW mv AS SELECT n FROM a", ("- materialized view public.mv", "+ materialized view public.mv")),
    # functions
    ("CREATE FUNCTION g() RETURNS int LANGUAGE sql AS 'SELECT 1'", ("+ function public.g(): in sql",)),
    ("CREATE FUNCTION g() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'", ("+ function public.g(): SECURITY DEFINER", "! New function public.g() runs with its owner's rights")),
    ("CREATE FUNCTION g() RETURNS int LANGUAGE internal AS 'pg_backend_pid'", ("+ function public.g()", "! New function public.g() is in internal")),
    ("DROP FUNCTION f(int)", ("- function public.f(integer)",)),
    ("CREATE OR REPLACE FUNCTION f(int) RETURNS int LANGUAGE sql AS 'SELECT $1 + 2'", ("~ function public.f(integer): another body",)),
    ("DROP FUNCTION f(int); CREATE FUNCTION f(int) RETURNS int LANGUAGE sql AS 'SELECT $1 + 2'", ("~ function public.f(integer): another body",)),
    ("CREATE OR REPLACE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'", ("~ function public.touch(): another body", "! Changed function public.touch(): triggers run it")),
    ("ALTER FUNCTION f(int) SECURITY DEFINER", ("~ function public.f(integer): another body", "security definer on", "! Changed function public.f(integer) runs with its owner's")),
    ("ALTER FUNCTION f(int) RENAME TO g", ("= function public.f(integer) → public.g(integer)",)),
    ("ALTER FUNCTION f(int) SET SCHEMA old", ("= function public.f(integer) → old.f(integer)",)),
    ("ALTER FUNCTION f(int) OWNER TO kinds_app", ("~ function public.f(integer): owner", "! The owner of function public.f(integer)")),
    ("REVOKE EXECUTE ON FUNCTION f(int) FROM PUBLIC", ("~ function public.f(integer): PUBLIC may no longer EXECUTE",)),
    ("GRANT EXECUTE ON FUNCTION f(int) TO kinds_app", ("~ function public.f(integer): kinds_app may now EXECUTE", "! kinds_app may now EXECUTE: function public.f(integer)")),
    ("DROP PROCEDURE p()", ("- procedure public.p()",)),
    ("CREATE OR REPLACE PROCEDURE p() LANGUAGE sql AS 'SELECT 2'", ("~ procedure public.p(): another body",)),
    ("DROP AGGREGATE total (int)", ("- aggregate public.total(integer)",)),
    ("CREATE OR REPLACE AGGREGATE total (int) (sfunc = int4mul, stype = int)", ("~ aggregate public.total(integer): another aggregate",)),
    # triggers, rules, policies
    ("CREATE TRIGGER spy AFTER INSERT ON keep FOR EACH ROW EXECUTE FUNCTION touch()", ("+ trigger spy on public.keep", "! New trigger spy on public.keep: CREATE TRIGGER spy")),
    ("CREATE TABLE new (id int); CREATE TRIGGER spy AFTER INSERT ON new FOR EACH ROW EXECUTE FUNCTION touch()", (*NEW_TABLE, "+ trigger spy on public.new")),
    ("DROP TRIGGER tr ON stays", ("- trigger tr on public.stays",)),
    ("ALTER TRIGGER tr ON stays RENAME TO ts", ("= trigger tr on public.stays → ts on public.stays",)),
    ("ALTER TABLE stays DISABLE TRIGGER tr", ("~ trigger tr on public.stays: it now does not fire", "! Changed trigger tr on public.stays: it does not fire")),
    ("CREATE RULE nothing AS ON DELETE TO a DO INSTEAD NOTHING", ("+ rule nothing on public.a", "! New rule nothing on public.a")),
    ("DROP RULE ru ON keep", ("- rule ru on public.keep",)),
    ("CREATE OR REPLACE RULE ru AS ON DELETE TO keep DO ALSO NOTHING", ("~ rule ru on public.keep: another definition", "! Changed rule ru on public.keep")),
    ("CREATE POLICY all_of_it ON stays USING (true)", ("+ policy all_of_it on public.stays", "! New policy all_of_it on public.stays")),
    ("DROP POLICY po ON stays", ("- policy po on public.stays", "! Policy po on public.stays goes")),
    ("ALTER POLICY po ON stays USING (true)", ("~ policy po on public.stays: another using", "! Changed policy po on public.stays")),
    ("ALTER POLICY po ON stays TO kinds_app", ("~ policy po on public.stays: roles", "! Changed policy po on public.stays")),
    ("ALTER POLICY po ON stays RENAME TO pp", ("= policy po on public.stays → pp on public.stays",)),
    # sequences and types
    ("CREATE SEQUENCE sr", ("+ sequence public.sr",)),
    ("DROP SEQUENCE sq", ("- sequence public.sq",)),
    ("ALTER SEQUENCE sq RESTART WITH 5", ("~ sequence public.sq: its next value is set",)),
    ("ALTER SEQUENCE sq INCREMENT 5", ("~ sequence public.sq: increment 1 → 5",)),
    ("ALTER SEQUENCE a_id_seq RENAME TO b_seq", ("= sequence public.a_id_seq → public.b_seq",)),
    ("GRANT USAGE ON SEQUENCE sq TO kinds_app", ("~ sequence public.sq: kinds_app may now USAGE", "! kinds_app may now USAGE")),
    ("CREATE TYPE hue AS ENUM ('red')", ("+ type public.hue",)),
    ("ALTER TYPE mood ADD VALUE 'happy'", ("~ type public.mood: new value happy",)),
    ("ALTER TYPE mood RENAME VALUE 'ok' TO 'fine'", ("~ type public.mood: new value fine, loses value ok",)),
    ("ALTER TYPE mood RENAME TO moo", ("= type public.mood → public.moo",)),
    ("ALTER TYPE mood RENAME TO moo; CREATE TYPE mood AS ENUM ('sad'); ALTER TABLE moods ALTER m TYPE mood USING 'sad'; DROP TYPE moo",
     ("~ type public.mood: loses value ok",)),
    ("DROP DOMAIN dm CASCADE", ("- type public.dm", "- table column public.moods.d")),
    ("ALTER DOMAIN dm DROP CONSTRAINT dm_check", ("~ type public.dm: another constraints",)),
    ("ALTER DOMAIN dm SET DEFAULT 4", ("~ type public.dm: DEFAULT none → 4",)),
    ("ALTER DOMAIN dm RENAME TO dn", ("= type public.dm → public.dn",)),
    ("DROP TYPE rg", ("- type public.rg", "- function public.rg(integer,integer)")),
    ("CREATE TYPE rh AS RANGE (subtype = int)", ("+ type public.rh",)),
    ("ALTER TYPE pair ADD ATTRIBUTE c int", ("~ composite type public.pair: new column c",)),
    ("ALTER TYPE pair RENAME TO twin", ("= composite type public.pair → public.twin",)),
    ("REVOKE USAGE ON TYPE mood FROM PUBLIC", ("~ type public.mood: PUBLIC may no longer USAGE",)),
    # rare ones
    ("DROP STATISTICS st", ("- statistics object public.st",)),
    ("ALTER STATISTICS st RENAME TO su", ("= statistics object public.st → public.su",)),
    ("ALTER STATISTICS st SET STATISTICS 5", ("~ statistics object public.st: target none → 5",)),
    ("DROP COLLATION co", ("- collation public.co",)),
    ("DROP COLLATION co; CREATE COLLATION co (locale = 'POSIX')", ("~ collation public.co: collcollate C → POSIX",)),
    ("ALTER COLLATION co RENAME TO cp", ("= collation public.co → public.cp",)),
    ("ALTER COLLATION co OWNER TO kinds_app", ("~ collation public.co: owner", "! The owner of collation public.co")),
    ("DROP CONVERSION cv", ("- conversion public.cv",)),
    ("ALTER CONVERSION cv RENAME TO cw", ("= conversion public.cv → public.cw",)),
    ("DROP OPERATOR <<< (int, int)", ("- operator public.<<<(integer,integer)",)),
    ("ALTER OPERATOR <<< (int, int) SET (RESTRICT = scalarltsel)", ("~ operator public.<<<(integer,integer): oprrest - → scalarltsel",)),
    ("ALTER OPERATOR <<< (int, int) OWNER TO kinds_app", ("~ operator public.<<<(integer,integer): owner", "! The owner of operator")),
    ("CREATE OPERATOR >>> (leftarg = int, rightarg = int, function = less)", ("+ operator public.>>>(integer,integer)",)),
    ("DROP OPERATOR CLASS oc USING btree", ("- operator class public.oc USING btree",)),
    ("ALTER OPERATOR CLASS oc USING btree RENAME TO od", ("= operator class public.oc USING btree → public.od USING btree",)),
    ("ALTER OPERATOR FAMILY fam USING btree RENAME TO fan", ("= operator family public.fam USING btree → public.fan USING btree",)),
    ("ALTER OPERATOR FAMILY fam USING btree ADD FUNCTION 1 (int4, int4) btint4cmp(int4, int4)", ("+ function of access method function 1 (integer, integer) of public.fam",)),
    ("DROP CAST (pair AS text)", ("- cast (public.pair AS pg_catalog.text)",)),
    ("DROP CAST (pair AS text); CREATE CAST (pair AS text) WITH FUNCTION to_text(pair) AS IMPLICIT", ("~ cast (public.pair AS pg_catalog.text): castcontext a → i", "! Changed cast")),
    ("CREATE CAST (pair AS varchar) WITH INOUT", ("+ cast (public.pair AS character varying)", "! New cast")),
    ("DROP TEXT SEARCH DICTIONARY di", ("- text search dictionary public.di",)),
    ("ALTER TEXT SEARCH DICTIONARY di (accept = true)", ("~ text search dictionary public.di: dictinitoption",)),
    ("ALTER TEXT SEARCH CONFIGURATION ts ALTER MAPPING FOR word WITH di", ("~ text search configuration public.ts: another mappings",)),
    ("ALTER TEXT SEARCH CONFIGURATION ts DROP MAPPING FOR word", ("~ text search configuration public.ts: another mappings",)),
    ("ALTER TEXT SEARCH CONFIGURATION ts RENAME TO tt", ("= text search configuration public.ts → public.tt",)),
    ("DROP TEXT SEARCH PARSER pa", ("- text search parser public.pa",)),
    ("DROP TEXT SEARCH TEMPLATE te", ("- text search template public.te",)),
    ("DROP SERVER sv CASCADE", ("- foreign table public.ft", "- server sv", "- user mapping kinds_app on server sv")),
    ("ALTER SERVER sv OPTIONS (SET host 'elsewhere')", ("~ server sv: other srvoptions", "! Changed server sv")),
    ("ALTER SERVER sv OWNER TO kinds_app", ("~ server sv: owner", "! The owner of server sv", "! Changed server sv")),
    ("GRANT USAGE ON FOREIGN SERVER sv TO kinds_app", ("~ server sv: kinds_app may now USAGE", "! kinds_app may now USAGE", "! Changed server sv")),
    ("ALTER FOREIGN DATA WRAPPER fw RENAME TO fx", ("= foreign-data wrapper fw → fx",)),
    ("CREATE USER MAPPING FOR postgres SERVER sv", ("+ user mapping postgres on server sv", "! New user mapping")),
    ("DROP FOREIGN TABLE ft", ("- foreign table public.ft",)),
    ("CREATE FOREIGN TABLE fu (x int) SERVER sv", ("+ foreign table public.fu", "! New foreign table public.fu")),
    ("DROP PUBLICATION IF EXISTS pub", ("- publication pub", "- publication relation public.a in publication pub")),
    ("DROP PUBLICATION everything", ("- publication everything",)),
    ("ALTER PUBLICATION pub DROP TABLE a", ("- publication relation public.a in publication pub",)),
    ("ALTER PUBLICATION pub ADD TABLE keep", ("+ publication relation public.keep in publication pub", "! New publication relation")),
    ("ALTER PUBLICATION pub SET (publish = 'insert')", ("~ publication pub: pubdelete true → false", "! Changed publication pub")),
    ("ALTER PUBLICATION pub RENAME TO pvb", ("= publication pub → pvb",)),
    ("ALTER PUBLICATION pub OWNER TO kinds_super", ("~ publication pub: owner", "! The owner of publication pub", "! Changed publication pub")),
    ("CREATE PUBLICATION more FOR TABLE keep", ("+ publication more", "! New publication more", "! New publication relation")),
    ("ALTER PUBLICATION pub SET TABLE a WHERE (n > 3)", ("- publication relation public.stays in publication pub", "+ publication filter public.a", "! New publication filter")),
    ("ALTER PUBLICATION pub ADD TABLES IN SCHEMA old", ("+ publication namespace old in publication pub", "! New publication namespace")),
    ("DROP EVENT TRIGGER et", ("- event trigger et",)),
    ("ALTER EVENT TRIGGER et ENABLE", ("~ event trigger et: evtenabled D → O", "! Changed event trigger et")),
    ("ALTER EVENT TRIGGER et RENAME TO eu", ("= event trigger et → eu",)),
    ("DROP SUBSCRIPTION sub", ("- subscription sub",)),
    ("ALTER SUBSCRIPTION sub RENAME TO sup", ("= subscription sub → sup",)),
    ("DROP EXTENSION hstore", ("- extension hstore",)),
    ("CREATE EXTENSION citext", ("+ extension citext", "! New extension citext")),
    ("ALTER EXTENSION hstore SET SCHEMA old", ("~ extension hstore: schema public → old", "! Changed extension hstore")),
    ("DROP ACCESS METHOD am", ("- access method am",)),
    ("ALTER DEFAULT PRIVILEGES IN SCHEMA old GRANT SELECT ON TABLES TO PUBLIC", ("~ default acl for role postgres in schema old on tables: PUBLIC may now SELECT", "! PUBLIC may now SELECT: default acl")),
    ("ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO kinds_app", ("+ default acl for role postgres on functions", "! kinds_app may now EXECUTE")),
    ("ALTER DEFAULT PRIVILEGES IN SCHEMA old REVOKE SELECT ON TABLES FROM kinds_app", ("- default acl for role postgres in schema old on tables",)),
]  # fmt: skip


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
def test_the_plan_says_it(conn: Connection, before: Catalogue, statements: str, expected: tuple[str, ...]) -> None:
    now = after(conn, before, statements)
    said = lines(before, now)

    for words in expected:
        assert any(words in line for line in said), (words, said)
    for mark in "-=!":
        assert [line for line in said if line.startswith(mark)] == [] or any(each[0] == mark for each in expected), said


@pytest.mark.parametrize("statements", [statements for statements, _ in ROWS])
def test_a_chain_that_does_it_unplanned_stops_before_commit(
    conn: Connection, before: Catalogue, statements: str
) -> None:
    now = after(conn, before, statements)
    planned = PlannedEffect(before.fingerprint, before.fingerprint, frozenset(), {}, frozenset(), frozenset())

    assert beyond_plan(planned, ChainEffect(before, now, ())) != ()
