-- A schema with whatever a dump and restore could lose. Run by its owner, nasty_owner, who is a member of nasty_clinic.

CREATE EXTENSION btree_gist;
CREATE EXTENSION citext;
CREATE EXTENSION hstore;
CREATE EXTENSION pg_trgm;
COMMENT ON EXTENSION hstore IS 'pairs, as we say';

CREATE SCHEMA clinic AUTHORIZATION nasty_clinic;
CREATE SCHEMA "we""ird
schema – ünï";
COMMENT ON SCHEMA "we""ird
schema – ünï" IS E'a comment with ''quotes'', \\backslashes\\ and\nlines';
GRANT USAGE ON SCHEMA clinic TO nasty_app, nasty_reader;
GRANT USAGE ON SCHEMA public TO nasty_app WITH GRANT OPTION;
REVOKE USAGE ON SCHEMA public FROM PUBLIC;
COMMENT ON SCHEMA public IS 'not the standard one';

-- types
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
ALTER TYPE mood ADD VALUE 'it''s "complicated"' BEFORE 'ok';
COMMENT ON TYPE mood IS 'moods';
CREATE DOMAIN positive AS int DEFAULT 1 CONSTRAINT above_zero CHECK (VALUE > 0);
COMMENT ON DOMAIN positive IS 'more than nothing';
COMMENT ON CONSTRAINT above_zero ON DOMAIN positive IS 'really more';
CREATE DOMAIN email AS citext CHECK (VALUE ~ '@');
CREATE DOMAIN old_rule AS text;
ALTER DOMAIN old_rule ADD CONSTRAINT later CHECK (VALUE <> 'never') NOT VALID;
CREATE TYPE address AS (street text, number positive, tags text[]);
CREATE TYPE span AS RANGE (subtype = float8, subtype_diff = float8mi);
REVOKE USAGE ON TYPE mood FROM PUBLIC;
GRANT USAGE ON TYPE mood TO nasty_app;
CREATE COLLATION by_number (provider = builtin, locale = 'C.UTF-8');
CREATE COLLATION blind (provider = libc, lc_collate = 'C', lc_ctype = 'POSIX');
COMMENT ON COLLATION blind IS 'no case';

-- functions, operators, aggregates, casts
CREATE FUNCTION add_tax(amount numeric, rate numeric DEFAULT 0.2) RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN round(amount * (1 + rate), 2);
COMMENT ON FUNCTION add_tax IS 'adds tax';
REVOKE ALL ON FUNCTION add_tax FROM PUBLIC;
GRANT EXECUTE ON FUNCTION add_tax TO nasty_app WITH GRANT OPTION;
CREATE FUNCTION clinic.secret() RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = clinic, pg_temp AS
    $body$BEGIN RETURN '; DROP TABLE x; --'; END$body$;
ALTER FUNCTION clinic.secret() OWNER TO nasty_clinic;
CREATE PROCEDURE noop(INOUT x int) LANGUAGE plpgsql AS 'BEGIN x := x + 1; END';
CREATE FUNCTION same_text(a text, b text) RETURNS bool LANGUAGE sql IMMUTABLE RETURN lower(a) = lower(b);
CREATE OPERATOR === (LEFTARG = text, RIGHTARG = text, FUNCTION = same_text, COMMUTATOR = ===);
COMMENT ON OPERATOR === (text, text) IS 'alike';
CREATE AGGREGATE product(numeric) (SFUNC = numeric_mul, STYPE = numeric, INITCOND = '1');
CREATE FUNCTION mood_number(mood) RETURNS int LANGUAGE sql IMMUTABLE AS
    'SELECT CASE $1 WHEN ''sad''::mood THEN 0 ELSE 1 END';
CREATE CAST (mood AS int) WITH FUNCTION mood_number(mood) AS ASSIGNMENT;
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.touched := now(); RETURN NEW; END';

-- tables
CREATE TABLE patients (
    id bigint GENERATED ALWAYS AS IDENTITY (START 1000 INCREMENT 5) PRIMARY KEY,
    name text COLLATE by_number NOT NULL,
    email email UNIQUE DEFERRABLE INITIALLY DEFERRED,
    feeling mood DEFAULT 'ok',
    home address,
    seen span,
    extra jsonb,
    raw json,
    blob bytea,
    tags text[],
    grid int[][],
    pairs hstore,
    weight float8,
    exact numeric,
    at timestamptz,
    day date,
    gap interval,
    touched timestamptz DEFAULT '2026-01-01',
    doubled numeric GENERATED ALWAYS AS (exact * 2) STORED,
    shout text GENERATED ALWAYS AS (upper(name)) VIRTUAL,
    CONSTRAINT sane CHECK (weight IS NULL OR weight <> 13)
);
ALTER TABLE patients ALTER COLUMN extra SET STORAGE EXTERNAL, ALTER COLUMN blob SET COMPRESSION pglz;
ALTER TABLE patients ALTER COLUMN name SET STATISTICS 321, ALTER COLUMN name SET (n_distinct = -0.5);
ALTER TABLE patients SET (fillfactor = 77, autovacuum_enabled = false);
ALTER TABLE patients REPLICA IDENTITY FULL;
COMMENT ON TABLE patients IS 'people';
COMMENT ON COLUMN patients.blob IS 'bytes';
COMMENT ON CONSTRAINT sane ON patients IS 'superstition';
INSERT INTO patients (name, email, feeling, home, seen, extra, raw, blob, tags, grid, pairs, weight, exact, at, day, gap)
VALUES ('a10', 'A@x', 'it''s "complicated"', ROW('Rue 1', 3, '{a,"b,c",NULL}'), '[1,2)', '{"b": 1, "a": [null, "é"]}',
        '{"b": 1,  "a" : 2, "b":3}', '\x00ff0a5c', '{}', '{{1,2},{3,NULL}}', 'a=>1, b=>NULL', 'NaN', 'NaN', 'infinity',
        '-infinity', '1 mon -3 days 00:00:01'),
       ('', NULL, NULL, NULL, 'empty', 'null', 'null', '', NULL, NULL, '', '-infinity', 'Infinity', NULL, NULL, NULL),
       (E'tab\there\nnewline \\ backslash\r', 'b@x', 'sad', ROW(NULL, NULL, NULL), NULL, '""', '""', NULL, '{"",NULL,"NULL"}',
        '{}', NULL, -0.0, 1e-30, '0044-03-15 BC', '4713-01-01 BC', '-178000000 years'),
       (E'\\restrict \\N \\. 😀', 'c@x', 'happy', NULL, NULL, NULL, NULL, '\x5c2e0a', NULL, NULL, NULL, 1e308, 1e100, now(), now(), '0');
INSERT INTO patients (name, weight) SELECT 'p' || i, i + 20 FROM generate_series(1, 500) i;
ALTER TABLE patients DROP COLUMN day;
CREATE INDEX patients_name ON patients (lower(name) text_pattern_ops DESC NULLS LAST) INCLUDE (id) WHERE name <> '';
CREATE INDEX patients_extra ON patients USING gin (extra jsonb_path_ops);
CREATE INDEX patients_trgm ON patients USING gist (name gist_trgm_ops (siglen = 32));
COMMENT ON INDEX patients_trgm IS 'search';
CLUSTER patients USING patients_pkey;
CREATE STATISTICS name_and_weight (dependencies, mcv) ON name, weight FROM patients;
COMMENT ON STATISTICS name_and_weight IS 'together';
GRANT SELECT, UPDATE (name), REFERENCES ON patients TO nasty_app WITH GRANT OPTION;
GRANT SELECT (id) ON patients TO nasty_reader;

CREATE TABLE visits (
    id serial PRIMARY KEY,
    patient bigint NOT NULL REFERENCES patients ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    room smallserial,
    during tstzrange NOT NULL,
    EXCLUDE USING gist (room WITH =, during WITH &&)
);
INSERT INTO visits (patient, during) SELECT 1000, tstzrange(now(), now() + '1 h') FROM generate_series(1, 40);

SELECT setval('visits_id_seq', 4000, false);
ALTER TABLE visits ADD CONSTRAINT short CHECK (upper(during) < '2020-01-01') NOT VALID;
ALTER TABLE visits ADD CONSTRAINT unknown_patient FOREIGN KEY (id) REFERENCES patients NOT VALID;
ALTER TABLE visits ADD CONSTRAINT not_enforced CHECK (id < 0) NOT ENFORCED;
CREATE SEQUENCE tickets AS int MINVALUE -10 MAXVALUE 10 START 3 INCREMENT -2 CACHE 1 CYCLE;
SELECT nextval('tickets'), nextval('tickets');
CREATE SEQUENCE untouched;
GRANT USAGE ON SEQUENCE tickets TO nasty_app;
COMMENT ON SEQUENCE tickets IS 'numbers';

CREATE TRIGGER touched BEFORE UPDATE ON patients FOR EACH ROW WHEN (OLD.name IS DISTINCT FROM NEW.name) EXECUTE FUNCTION touch();
CREATE TRIGGER asleep BEFORE INSERT ON patients FOR EACH ROW EXECUTE FUNCTION touch();
CREATE TRIGGER replica_only BEFORE INSERT ON patients FOR EACH ROW EXECUTE FUNCTION touch();
ALTER TABLE patients DISABLE TRIGGER asleep, ENABLE REPLICA TRIGGER replica_only;
COMMENT ON TRIGGER asleep ON patients IS 'off';
CREATE RULE no_delete AS ON DELETE TO visits WHERE OLD.id = 1 DO INSTEAD NOTHING;
CREATE RULE also AS ON UPDATE TO visits DO ALSO NOTIFY visits;
ALTER TABLE visits DISABLE RULE also;
COMMENT ON RULE no_delete ON visits IS 'never';

-- row security
CREATE TABLE clinic.notes (id int PRIMARY KEY, owner_role text DEFAULT current_user, body text);
INSERT INTO clinic.notes SELECT i, 'nasty_app', repeat('n', i) FROM generate_series(1, 30) i;
ALTER TABLE clinic.notes ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON clinic.notes TO nasty_app USING (owner_role = current_user) WITH CHECK (length(body) < 100);
CREATE POLICY nobody_deletes ON clinic.notes AS RESTRICTIVE FOR DELETE TO PUBLIC USING (false);
COMMENT ON POLICY own_rows ON clinic.notes IS 'mine';
ALTER TABLE clinic.notes OWNER TO nasty_clinic;
GRANT SELECT, INSERT ON clinic.notes TO nasty_app WITH GRANT OPTION;
REVOKE DELETE ON clinic.notes FROM nasty_clinic;
GRANT UPDATE ON clinic.notes TO nasty_owner;

-- partitions and inheritance
CREATE TABLE measured (at date NOT NULL, kind text, who int, value numeric, PRIMARY KEY (at, kind, who)) PARTITION BY RANGE (at);
CREATE TABLE measured_2025 PARTITION OF measured FOR VALUES FROM ('2025-01-01') TO ('2026-01-01') PARTITION BY LIST (kind);
CREATE TABLE measured_2025_a PARTITION OF measured_2025 FOR VALUES IN ('a', 'b') PARTITION BY HASH (who);
CREATE TABLE measured_2025_a0 PARTITION OF measured_2025_a FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE measured_2025_a1 PARTITION OF measured_2025_a FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE TABLE measured_2025_rest PARTITION OF measured_2025 DEFAULT;
CREATE TABLE measured_rest (value numeric, who int NOT NULL, gone int, kind text NOT NULL, at date NOT NULL);
ALTER TABLE measured_rest DROP COLUMN gone;
ALTER TABLE measured ATTACH PARTITION measured_rest DEFAULT;
INSERT INTO measured SELECT date '2024-12-01' + i, chr(97 + i % 4), i, i * 1.5 FROM generate_series(1, 200) i;
CREATE INDEX measured_value ON measured (value);
CREATE TABLE parent (id int PRIMARY KEY, note text DEFAULT 'p');
CREATE TABLE child (more int) INHERITS (parent);
ALTER TABLE child ALTER COLUMN note SET DEFAULT 'c';
INSERT INTO parent VALUES (1);
INSERT INTO child VALUES (2, 'x', 3);
CREATE TABLE typed OF address (PRIMARY KEY (street));

-- odd ones
CREATE TABLE "we""ird
schema – ünï"."ta""ble
with; lines" ("co""l – ✓" int, "select" text, "a;b" text);
INSERT INTO "we""ird
schema – ünï"."ta""ble
with; lines" VALUES (1, 'x', NULL), (1, 'x', NULL), (NULL, '', '');
GRANT SELECT ON "we""ird
schema – ünï"."ta""ble
with; lines" TO "nasty ""odd"" role";
CREATE TABLE nothing ();
INSERT INTO nothing DEFAULT VALUES;
INSERT INTO nothing DEFAULT VALUES;
CREATE UNLOGGED TABLE fleeting (id int);
INSERT INTO fleeting SELECT generate_series(1, 7);
CREATE TABLE gone (a int, b text, c int);
INSERT INTO gone VALUES (1, 'b', 3);
ALTER TABLE gone DROP COLUMN b, ADD COLUMN d int DEFAULT 42;
CREATE TABLE circle_a (id int PRIMARY KEY, b int);
CREATE TABLE circle_b (id int PRIMARY KEY, a int REFERENCES circle_a);
INSERT INTO circle_a VALUES (1, 1);
INSERT INTO circle_b VALUES (1, 1);
ALTER TABLE circle_a ADD FOREIGN KEY (b) REFERENCES circle_b;

-- views
CREATE VIEW sad AS SELECT id, name FROM patients WHERE feeling = 'sad' WITH CASCADED CHECK OPTION;
ALTER VIEW sad SET (security_barrier = true);
GRANT SELECT ON sad TO nasty_reader;
CREATE RECURSIVE VIEW counting (n) AS VALUES (1) UNION ALL SELECT n + 1 FROM counting WHERE n < 10;
CREATE MATERIALIZED VIEW moods AS SELECT feeling, count(*) AS n FROM patients GROUP BY 1;
CREATE UNIQUE INDEX moods_feeling ON moods (feeling);
CREATE MATERIALIZED VIEW moods_of_moods AS SELECT sum(n) AS n FROM moods;
CREATE MATERIALIZED VIEW never_filled AS SELECT * FROM moods WITH NO DATA;
COMMENT ON MATERIALIZED VIEW moods IS 'counted';
CREATE MATERIALIZED VIEW clinic.lengths AS SELECT length(body) AS n FROM clinic.notes;
ALTER MATERIALIZED VIEW clinic.lengths OWNER TO nasty_clinic;

-- text search, large objects, publications, defaults
CREATE TEXT SEARCH DICTIONARY plain_words (TEMPLATE = simple, ACCEPT = false);
CREATE TEXT SEARCH CONFIGURATION clinic_words (COPY = simple);
ALTER TEXT SEARCH CONFIGURATION clinic_words ALTER MAPPING FOR asciiword WITH plain_words, simple;
COMMENT ON TEXT SEARCH CONFIGURATION clinic_words IS 'words';
SELECT lo_from_bytea(70001, '\x00010203'), lo_from_bytea(70002, ''), lo_from_bytea(70003, decode(repeat('ab', 5000), 'hex'));
COMMENT ON LARGE OBJECT 70001 IS 'a scan';
GRANT SELECT ON LARGE OBJECT 70001 TO nasty_app;
ALTER LARGE OBJECT 70003 OWNER TO nasty_clinic;
CREATE PUBLICATION some_tables FOR TABLE patients (id, name) WHERE (id > 0), visits WITH (publish = 'insert');
ALTER DEFAULT PRIVILEGES IN SCHEMA clinic GRANT SELECT ON TABLES TO nasty_reader;
ALTER DEFAULT PRIVILEGES FOR ROLE nasty_clinic REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
ALTER DEFAULT PRIVILEGES GRANT USAGE ON SEQUENCES TO nasty_app WITH GRANT OPTION;

-- what a holder of a grant option gave on
SET ROLE nasty_app;
GRANT SELECT ON patients TO nasty_reader;
GRANT USAGE ON SCHEMA public TO nasty_reader;
GRANT SELECT ON clinic.notes TO "nasty ""odd"" role";
GRANT EXECUTE ON FUNCTION add_tax TO nasty_reader;
RESET ROLE;

CREATE TABLE schema_migrations (version text PRIMARY KEY, name text);
INSERT INTO schema_migrations VALUES ('001', '001_all');
