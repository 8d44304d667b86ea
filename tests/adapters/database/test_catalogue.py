import psycopg
import pytest

from bot.adapters.database import PostgresDatabase
from bot.adapters.database.catalogue import catalogue_within
from bot.adapters.database.connections import Connection
from bot.domain.catalogue import Catalogue
from bot.errors import TemporaryError
from bot.sandbox.physioflow.clones import Clone

RICH = """
CREATE EXTENSION hstore;
CREATE SCHEMA "Odd Names";
CREATE DOMAIN positive AS integer CHECK (VALUE > 0);
CREATE TYPE pair AS (a integer, b text);
CREATE TYPE spans AS RANGE (subtype = date);
CREATE TABLE "Odd Names"."Table" (gone text, "Id" positive, status varchar(9) CHECK (status IN ('new', 'old')),
    tags hstore, code text COLLATE "C" DEFAULT ('x'::text || now()::text), at timestamptz DEFAULT '2020-01-01 00:00+07',
    twice integer GENERATED ALWAYS AS (2) STORED);
ALTER TABLE "Odd Names"."Table" DROP COLUMN gone;
CREATE INDEX ON "Odd Names"."Table" (status) WHERE status IN ('new', 'old');
ALTER TABLE "Odd Names"."Table" ADD CHECK (twice BETWEEN 0 AND 9 AND (status NOT IN (code, 'o, (ld') OR "Id" > 1));
CREATE FUNCTION "Odd Names".old(s varchar) RETURNS boolean LANGUAGE sql BEGIN ATOMIC SELECT s IN ('new', 'old'); END;
CREATE POLICY few ON "Odd Names"."Table" USING (status IN ('new', 'old') AND twice BETWEEN 0 AND 9 AND "Id" > 0);
CREATE VIEW "Odd Names".shown AS SELECT * FROM "Odd Names"."Table" WHERE status IN ('new', 'lost');
CREATE STATISTICS "Odd Names".s ON status, code FROM "Odd Names"."Table";
CREATE TABLE parts (id bigint, at date) PARTITION BY RANGE (at);
CREATE TABLE parts_2026 PARTITION OF parts FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE INDEX ON parts (at);
CREATE TABLE child () INHERITS (parts_2026_base);
ALTER TABLE patients ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON patients TO physioflow_app USING (full_name IN ('a', 'b')) WITH CHECK (true);
CREATE RULE ignored AS ON DELETE TO parts DO INSTEAD NOTHING;
CREATE FUNCTION "Odd Names".f(x pair) RETURNS integer LANGUAGE sql BEGIN ATOMIC SELECT (x).a; END;
CREATE PROCEDURE p() LANGUAGE sql AS 'SELECT 1';
CREATE AGGREGATE total (integer) (sfunc = int4pl, stype = integer);
CREATE SEQUENCE loose CACHE 7 CYCLE;
REVOKE EXECUTE ON PROCEDURE p() FROM PUBLIC;
GRANT SELECT (id), UPDATE ON patients TO physioflow_app WITH GRANT OPTION;
GRANT USAGE ON SCHEMA "Odd Names" TO physioflow_app;
ALTER DEFAULT PRIVILEGES IN SCHEMA "Odd Names" GRANT EXECUTE ON FUNCTIONS TO physioflow_app;
CREATE FUNCTION less(pair, pair) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT ($1).a < ($2).a';
CREATE FUNCTION more(pair, pair) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT ($1).a > ($2).a';
CREATE OPERATOR <<< (leftarg = pair, rightarg = pair, function = less, commutator = >>>, restrict = scalarltsel);
CREATE OPERATOR >>> (leftarg = pair, rightarg = pair, function = more, commutator = <<<);
CREATE FUNCTION to_text(pair) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT ($1).b';
CREATE CAST (pair AS text) WITH FUNCTION to_text(pair) AS ASSIGNMENT;
CREATE COLLATION "Odd Names".co (locale = 'POSIX');
CREATE CONVERSION "Odd Names".cv FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;
CREATE TEXT SEARCH DICTIONARY di (template = simple, accept = false);
CREATE TEXT SEARCH CONFIGURATION ts (copy = simple);
ALTER TEXT SEARCH CONFIGURATION ts ALTER MAPPING FOR word WITH di, simple;
COMMENT ON TEXT SEARCH CONFIGURATION ts IS 'of ours'; COMMENT ON OPERATOR <<< (pair, pair) IS 'less (of) it';
ALTER STATISTICS "Odd Names".s SET STATISTICS 9;
ALTER TABLE patients CLUSTER ON patients_phone_idx; ALTER TABLE clinics SET (fillfactor = 80, autovacuum_enabled = off);
COMMENT ON COLUMN patients.phone IS 'with country code';
COMMENT ON INDEX patients_phone_idx IS 'why';
"""

CHANGES = [
    "ALTER TABLE patients ADD COLUMN nick text",
    "ALTER TABLE patients DROP COLUMN phone",
    "ALTER TABLE patients RENAME COLUMN phone TO mobile",
    "ALTER TABLE patients ALTER COLUMN phone SET NOT NULL",
    "ALTER TABLE patients ALTER COLUMN phone SET DEFAULT 'none'",
    "ALTER TABLE feature_flags ALTER COLUMN rollout_pct TYPE integer",
    "ALTER TABLE patients ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE patients OWNER TO physioflow_app",
    "CREATE POLICY p ON patients USING (true)",
    "CREATE INDEX ON patients (born_on)",
    "DROP INDEX patients_phone_idx",
    "ALTER TABLE patients DROP CONSTRAINT patients_born_on_check",
    "ALTER TABLE patients DISABLE TRIGGER trigger_patients_updated_at",
    "ALTER TYPE patient_sex ADD VALUE 'unknown'",
    "CREATE OR REPLACE VIEW v_clinic_special_test_rate AS SELECT 1::int8 clinic_id, '' body_region, 1.0 positive_rate",
    "CREATE OR REPLACE FUNCTION touch_updated_at() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
    "ALTER SEQUENCE feature_flag_audit_log_id_seq INCREMENT 5",
    "REVOKE SELECT ON patients FROM physioflow_app",
    "COMMENT ON TABLE patients IS 'people'",
    "CREATE EXTENSION citext",
]


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_changes_the_fingerprint(shared_clone: Clone, change: str) -> None:
    before, after = around(shared_clone, change)

    assert before.fingerprint != after.fingerprint


@pytest.mark.parametrize(
    "noise",
    [
        "INSERT INTO therapists SELECT * FROM therapists WHERE false; SELECT nextval('feature_flags_id_seq')",
        "ANALYZE",
        "ALTER TABLE patients ADD COLUMN nick text; ALTER TABLE patients DROP COLUMN nick",
        "REFRESH MATERIALIZED VIEW mv_diagnosis_statistics",
        "CREATE TEMPORARY TABLE scratch (id integer)",
        "CREATE EXTENSION amcheck",
    ],
)
def test_noise_does_not_change_it(shared_clone: Clone, noise: str) -> None:
    assert_same(*around(shared_clone, noise))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            "ALTER TABLE therapists ADD CHECK (id > 0 OR (id > -1 AND id > -2))",
            "ALTER TABLE therapists ADD CHECK ((id > 0 OR id > -1) AND id > -2)",
        ),
        (
            "CREATE POLICY p ON therapists USING ((id = 1 OR id = 2) AND id = 3)",
            "CREATE POLICY p ON therapists USING (id = 1 OR (id = 2 AND id = 3))",
        ),
        (
            "CREATE FUNCTION f(q int, p int) RETURNS int LANGUAGE sql AS 'SELECT q * (p - 1)'",
            "CREATE FUNCTION f(q int, p int) RETURNS int LANGUAGE sql AS 'SELECT q * p - 1'",
        ),
        (
            "CREATE FUNCTION f(q int) RETURNS bool LANGUAGE sql AS 'SELECT (q = 1 AND q = 2) AND q = 3'",
            "CREATE FUNCTION f(q int) RETURNS bool LANGUAGE sql AS 'SELECT q = 1 AND q = 2 AND q = 3'",
        ),
        (
            "CREATE FUNCTION f(q int, p int) RETURNS int LANGUAGE sql RETURN q * (p - 1)",
            "CREATE FUNCTION f(q int, p int) RETURNS int LANGUAGE sql RETURN q * p - 1",
        ),
        (
            "ALTER TABLE therapists ALTER id SET DEFAULT 2 * (length('a(b') - 1)",
            "ALTER TABLE therapists ALTER id SET DEFAULT 2 * length('a(b') - 1",
        ),
        ("ALTER TABLE clinics ALTER name SET DEFAULT '1'", "ALTER TABLE clinics ALTER name SET DEFAULT '1'::char(9)"),
        ("COMMENT ON TABLE clinics IS '(a AND b) AND c'", "COMMENT ON TABLE clinics IS 'a AND b AND c'"),
        ("CREATE VIEW v AS SELECT '(a)' AS x", "CREATE VIEW v AS SELECT 'a' AS x"),
    ],
)
def test_brackets_and_casts_are_part_of_what_is_meant(shared_clone: Clone, one: str, other: str) -> None:
    assert around(shared_clone, one)[1].fingerprint != around(shared_clone, other)[1].fingerprint


def around(clone: Clone, change: str) -> tuple[Catalogue, Catalogue]:
    """The catalogue as the owner sees it before and after a superuser's change, which is rolled back."""
    with psycopg.connect(clone.superuser_dsn) as conn:
        conn.execute("SET ROLE physioflow_prod")
        before = catalogue_within(conn)
        conn.execute("RESET ROLE; SET LOCAL search_path = public")
        conn.execute(change.encode())
        conn.execute("SET ROLE physioflow_prod")
        after = catalogue_within(conn)
        conn.rollback()
    return before, after


def test_a_shadow_has_the_live_database_s_fingerprint(database: PostgresDatabase) -> None:
    live = database.catalogue()

    with database.shadow("rsame1") as shadow:
        rehearsal = shadow.rehearse((), frozenset(range(1, 28)))

    assert_same(live, rehearsal.before)
    assert_same(live, rehearsal.after)


def test_so_has_the_shadow_of_a_rich_schema(database: PostgresDatabase, owner: Connection) -> None:
    owner.execute("CREATE TABLE parts_2026_base (id integer NOT NULL CHECK (id > 0))")
    owner.execute(RICH.encode())
    live = database.catalogue()

    with database.shadow("rrich1") as shadow:
        rehearsal = shadow.rehearse((), frozenset(range(1, 28)))

    assert_same(live, rehearsal.before)


def test_so_has_the_shadow_of_a_schema_with_others_objects(
    database: PostgresDatabase, owner: Connection, superuser: Connection
) -> None:
    owner.execute("CREATE TABLE lent (id integer); GRANT SELECT ON lent TO physioflow_app")
    superuser.execute(
        "ALTER TABLE lent OWNER TO physioflow_app; GRANT CREATE ON SCHEMA public TO physioflow_app;"
        "CREATE FUNCTION theirs() RETURNS integer LANGUAGE sql AS 'SELECT 1'; GRANT SELECT ON lent TO physioflow_prod;"
        "ALTER DEFAULT PRIVILEGES FOR ROLE physioflow_app GRANT SELECT ON TABLES TO PUBLIC;"
        "CREATE EXTENSION amcheck; CREATE EXTENSION citext"
    )
    live = database.catalogue()

    with database.shadow("rlent1") as shadow:
        rehearsal = shadow.rehearse((), frozenset(range(1, 28)))

    assert_same(live, rehearsal.before)
    assert any(item.identity == "public.theirs()" for item in live.objects)


def test_identities_are_those_of_pg_identify_object(database: PostgresDatabase, owner: Connection) -> None:
    owner.execute("CREATE TABLE parts_2026_base (id integer)")
    owner.execute(RICH.encode())
    catalogue = database.catalogue()
    query = b"""
        SELECT o.type, o.identity FROM (
            SELECT 'pg_class'::regclass, oid, 0 FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'm', 'i', 'I', 'S', 'c')
            UNION ALL SELECT 'pg_class'::regclass, attrelid, attnum
                FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
                WHERE attnum > 0 AND NOT attisdropped AND relkind IN ('r', 'p')
            UNION ALL SELECT 'pg_constraint'::regclass, oid, 0 FROM pg_constraint
                WHERE conrelid <> 0 AND contype NOT IN ('n', 't')
            UNION ALL SELECT 'pg_proc'::regclass, oid, 0 FROM pg_proc
            UNION ALL SELECT 'pg_trigger'::regclass, oid, 0 FROM pg_trigger WHERE NOT tgisinternal
            UNION ALL SELECT 'pg_policy'::regclass, oid, 0 FROM pg_policy
            UNION ALL SELECT 'pg_rewrite'::regclass, oid, 0 FROM pg_rewrite WHERE rulename <> '_RETURN'
            UNION ALL SELECT 'pg_type'::regclass, oid, 0 FROM pg_type WHERE typtype IN ('e', 'd', 'r')
            UNION ALL SELECT 'pg_namespace'::regclass, oid, 0 FROM pg_namespace
            UNION ALL SELECT 'pg_statistic_ext'::regclass, oid, 0 FROM pg_statistic_ext) x (classid, objid, subid)
        CROSS JOIN pg_identify_object(x.classid, x.objid, x.subid) o
        WHERE x.objid >= 16384 AND (o.schema IS NULL OR o.schema !~ '^"?pg_')
          AND o.identity !~ '(^| on )(pg_|information_schema)'
          AND NOT EXISTS (SELECT FROM pg_depend e
                          WHERE e.classid = x.classid AND e.objid = x.objid AND e.deptype = 'e')
    """

    expected = {(kind, identity) for kind, identity in owner.execute(query)}

    found = {(item.kind, item.identity) for item in catalogue.objects}
    extras = {"cast", "default acl", "extension", "schema", "operator", "collation", "conversion"}
    extras |= {"text search configuration", "text search dictionary"}
    assert expected - found == set()
    assert {item for item in found - expected if item[0] not in extras} == set()


def test_parts_name_their_relation(database: PostgresDatabase) -> None:
    objects = {(item.kind, item.identity): item.part_of for item in database.catalogue().objects}

    assert objects["table column", "public.feature_flags.key"] == "public.feature_flags"
    assert objects["index", "public.feature_flags_pkey"] == "public.feature_flags"
    assert objects["sequence", "public.feature_flags_id_seq"] == "public.feature_flags"
    assert (
        objects["trigger", "trigger_update_feature_flags_updated_at on public.feature_flags"] == "public.feature_flags"
    )
    assert objects["view", "public.v_patient_special_test_summary"] == ""


def test_a_lock_in_the_way_names_who_holds_it(database: PostgresDatabase, owner: Connection) -> None:
    with owner.transaction():
        owner.execute("LOCK TABLE v_clinic_special_test_rate")

        with pytest.raises(TemporaryError, match=r"table-locked: Reading the catalogue waits for .*owner at work"):
            database.catalogue()


def assert_same(one: Catalogue, other: Catalogue) -> None:
    assert one.lost_in(other) == ()
    assert other.lost_in(one) == ()
    assert one.changed_in(other) == ()
    assert one.fingerprint == other.fingerprint
