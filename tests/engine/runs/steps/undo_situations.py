"""Situations in which a chain is run and taken back: what was there, what the script does, and what is said of it.

`no`: words of the reason for which the request says, before anybody votes, that there is no way back; "" where the undo
must lead back to the last row. `stops`: words of the problem with which the chain itself stops before COMMIT.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Situation:
    name: str
    setup: str
    down: str
    no: str = ""
    stops: str = ""
    since: str = ""
    """Done by the app between the chain and its undo."""
    superuser: str = ""
    """What a superuser has set up."""
    refused: str = ""
    """Words with which the undo is refused for what was done since, before anybody votes on it."""
    after: tuple[tuple[str, object], ...] = ()
    """Queries and their answers after the undo, where something was done since: then not everything is as before."""


ROWS = "INSERT INTO t SELECT n, 'v' || n, n FROM generate_series(1, 50) n;"
T = f"CREATE TABLE t (id int PRIMARY KEY, v text, n int);{ROWS}"
STOCK = """
CREATE TABLE product (id int PRIMARY KEY, stock int);
INSERT INTO product SELECT g, 100 FROM generate_series(1, 10) g;
CREATE TABLE orders (id int PRIMARY KEY, product int REFERENCES product, n int, kind text);
INSERT INTO orders SELECT g, 1 + g % 10, 3, (ARRAY['promo', 'std'])[1 + g % 2] FROM generate_series(1, 100) g;
CREATE TABLE history (id int PRIMARY KEY, o int, note text);
INSERT INTO history SELECT g, g, 'note ' || g FROM generate_series(1, 100) g;
CREATE FUNCTION restock() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  UPDATE product SET stock = stock + OLD.n WHERE id = OLD.product; DELETE FROM history WHERE o = OLD.id; RETURN OLD;
END $$;
CREATE TRIGGER restock AFTER DELETE ON orders FOR EACH ROW EXECUTE FUNCTION restock();
"""
TREE = """
CREATE TABLE a (id int PRIMARY KEY, v text UNIQUE);
CREATE TABLE b (id int PRIMARY KEY, a int REFERENCES a ON DELETE CASCADE ON UPDATE CASCADE);
CREATE TABLE c (id int PRIMARY KEY, b int REFERENCES b ON DELETE SET NULL);
INSERT INTO a SELECT n, 'a' || n FROM generate_series(1, 20) n;
INSERT INTO b SELECT n, 1 + n % 20 FROM generate_series(1, 60) n;
INSERT INTO c SELECT n, 1 + n % 60 FROM generate_series(1, 90) n;
"""

SITUATIONS = (
    Situation("table dropped", T, "DROP TABLE t;"),
    Situation("column dropped", T, "ALTER TABLE t DROP COLUMN n;"),
    Situation("rows deleted", T, "DELETE FROM t WHERE id > 10;"),
    Situation("rows updated", T, "UPDATE t SET v = 'x' WHERE id > 10;"),
    Situation(
        "rows inserted",
        T,
        "INSERT INTO t SELECT n, 'new', 0 FROM generate_series(1000, 1010) n; DELETE FROM t WHERE id = 5;",
    ),
    Situation(
        "rows of every kind",
        T,
        "UPDATE t SET id = id + 100 WHERE id < 9; DELETE FROM t WHERE id < 20; UPDATE t SET v = NULL;",
    ),
    Situation("table emptied", T, "TRUNCATE t;"),
    Situation(
        "a trigger writes where the script does not say",
        STOCK,
        "DELETE FROM orders WHERE kind = 'promo';",
        stops="public.history: 50 rows deleted",
    ),
    Situation(
        "a trigger writes where the script says",
        STOCK,
        "LOCK TABLE product, history IN ROW EXCLUSIVE MODE; DELETE FROM orders WHERE kind = 'promo';",
    ),
    Situation("cascades delete and loosen", TREE, "DELETE FROM a WHERE id < 10;"),
    Situation("cascades rekey", TREE, "UPDATE a SET id = id + 1000 WHERE id < 10;"),
    Situation(
        "unique values move to other rows",
        TREE,
        "DELETE FROM a WHERE id = 3; INSERT INTO a VALUES (300, 'a3'); UPDATE b SET a = 300 WHERE a = 4;",
    ),
    Situation(
        "rows without a key",
        "CREATE TABLE t (v text, n int); INSERT INTO t SELECT 'v', n % 5 FROM generate_series(1, 50) n;",
        "DELETE FROM t WHERE n = 2 AND v = 'v'; UPDATE t SET v = 'w' WHERE n = 3;",
    ),
    Situation(
        "sequence restarted",
        "CREATE TABLE s (id serial PRIMARY KEY); INSERT INTO s SELECT FROM generate_series(1, 47);",
        "ALTER SEQUENCE s_id_seq RESTART WITH 5;",
    ),
    Situation(
        "values taken from a sequence",
        "CREATE TABLE s (id serial PRIMARY KEY, v text); INSERT INTO s (v) VALUES ('a'), ('b');",
        "INSERT INTO s (v) SELECT 'c' FROM generate_series(1, 9);",
    ),
    Situation(
        "sequence restarted and used since",
        "CREATE TABLE s (id serial PRIMARY KEY); INSERT INTO s SELECT FROM generate_series(1, 47);",
        "ALTER SEQUENCE s_id_seq RESTART WITH 5;",
        since="SELECT nextval('s_id_seq');",
        after=(("SELECT nextval('s_id_seq')", 48),),
    ),
    Situation(
        "rows written since",
        T,
        "UPDATE t SET v = 'x' WHERE id > 10; DELETE FROM t WHERE id < 5;",
        since="INSERT INTO t VALUES (1000, 'new', 1); UPDATE t SET v = 'theirs' WHERE id = 20;",
        after=(
            ("SELECT count(*) FROM t", 51),
            ("SELECT v FROM t WHERE id = 20", "theirs"),
            ("SELECT v FROM t WHERE id = 21", "v21"),
            ("SELECT v FROM t WHERE id = 1", "v1"),
        ),
    ),
    Situation(
        "a column dropped and rows written since",
        T,
        "ALTER TABLE t DROP COLUMN n;",
        since="INSERT INTO t VALUES (1000, 'new'); UPDATE t SET v = 'theirs' WHERE id = 20;"
        " DELETE FROM t WHERE id = 3;",
        after=(
            ("SELECT count(*) FROM t", 50),
            ("SELECT v FROM t WHERE id = 20", "theirs"),
            ("SELECT n FROM t WHERE id = 20", 20),
            ("SELECT n FROM t WHERE id = 1000", None),
        ),
    ),
    Situation(
        "a table made and written to since",
        T,
        "CREATE TABLE fresh (id int);",
        since="INSERT INTO fresh VALUES (1);",
        refused="public.fresh, which the chain made, has been written to since",
    ),
    Situation(
        "view replaced",
        T + "CREATE VIEW w AS SELECT id, n FROM t; COMMENT ON VIEW w IS 'w'; GRANT SELECT ON w TO PUBLIC;"
        "CREATE VIEW above AS SELECT id FROM w;",
        "CREATE OR REPLACE VIEW w AS SELECT id, id * 2 AS n FROM t;",
    ),
    Situation(
        "function replaced",
        "CREATE FUNCTION f(int) RETURNS int LANGUAGE sql AS 'SELECT $1 + 1'; "
        "COMMENT ON FUNCTION f(int) IS 'f'; REVOKE ALL ON FUNCTION f(int) FROM PUBLIC;",
        "CREATE OR REPLACE FUNCTION f(int) RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT $1 + 2'; "
        "GRANT EXECUTE ON FUNCTION f(int) TO PUBLIC;",
    ),
    Situation(
        "default and not null dropped",
        "CREATE TABLE t (id int PRIMARY KEY, n int NOT NULL DEFAULT 1, v varchar(9) DEFAULT 'x'); "
        "INSERT INTO t SELECT n FROM generate_series(1, 9) n;",
        "ALTER TABLE t ALTER n DROP NOT NULL, ALTER n DROP DEFAULT, ALTER v SET DEFAULT 'y';",
    ),
    Situation(
        "default taken by cascade",
        "CREATE FUNCTION code() RETURNS text LANGUAGE sql AS $$ SELECT 'x' $$; "
        "CREATE TABLE keep (id int PRIMARY KEY, c text NOT NULL DEFAULT code()); "
        "INSERT INTO keep (id) VALUES (1);",
        "DROP FUNCTION code() CASCADE;",
    ),
    Situation(
        "enum made with fewer values",
        "CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy', 'new'); "
        "CREATE TABLE m (id int PRIMARY KEY, x mood DEFAULT 'ok'); "
        "INSERT INTO m SELECT g, (ARRAY['sad', 'ok', 'happy', 'new']::mood[])[1 + g % 4] FROM "
        "generate_series(1, 40) g;",
        "UPDATE m SET x = 'ok' WHERE x = 'new'; ALTER TYPE mood RENAME TO mood_old; "
        "CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy'); ALTER TABLE m ALTER x DROP DEFAULT; "
        "ALTER TABLE m ALTER x TYPE mood USING x::text::mood; ALTER TABLE m ALTER x SET DEFAULT 'ok'; "
        "DROP TYPE mood_old;",
    ),
    Situation(
        "enum value added",
        "CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE TABLE m (id int PRIMARY KEY, x mood); "
        "INSERT INTO m VALUES (1, 'ok');",
        "ALTER TYPE mood ADD VALUE 'new';",
    ),
    Situation(
        "rights widened and code added",
        "CREATE TABLE people (id int PRIMARY KEY, name text); INSERT INTO people VALUES (1, 'a'); "
        "CREATE TABLE seen (id int, name text);",
        "GRANT SELECT ON people TO PUBLIC; GRANT UPDATE (name) ON people TO PUBLIC; "
        "CREATE FUNCTION spy() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN INSERT INTO "
        "seen VALUES (NEW.id, NEW.name); "
        "RETURN NEW; END $$; "
        "CREATE TRIGGER spy AFTER INSERT OR UPDATE ON people FOR EACH ROW EXECUTE FUNCTION spy(); "
        "CREATE RULE nothing AS ON DELETE TO seen DO INSTEAD NOTHING;",
    ),
    Situation(
        "column type changed",
        T,
        "ALTER TABLE t ALTER n TYPE text USING 'n' || n; ALTER TABLE t ALTER v TYPE varchar(20);",
    ),
    Situation("column added", T, "ALTER TABLE t ADD COLUMN extra int DEFAULT 7;"),
    Situation(
        "table made", T, "CREATE TABLE fresh (id serial PRIMARY KEY, t int REFERENCES t); CREATE INDEX ON t (n);"
    ),
    Situation(
        "table of another name made and comments changed",
        T + "COMMENT ON TABLE t IS 'before'; COMMENT ON COLUMN t.v IS 'v';",
        "COMMENT ON TABLE t IS 'after'; COMMENT ON COLUMN t.v IS NULL; COMMENT ON COLUMN t.n IS 'n';",
    ),
    Situation("row security", T, "ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON t USING (n > 3);"),
    Situation(
        "row security taken off",
        T + "ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON t USING (n > 3);",
        "DROP POLICY p ON t; ALTER TABLE t DISABLE ROW LEVEL SECURITY;",
    ),
    Situation(
        "trigger off and index changed",
        STOCK,
        "ALTER TABLE orders DISABLE TRIGGER restock; CREATE INDEX i ON orders (n); "
        "ALTER TABLE orders SET (fillfactor = 50);",
    ),
    Situation(
        "constraint changed",
        TREE,
        "ALTER TABLE b DROP CONSTRAINT b_a_fkey; "
        "ALTER TABLE b ADD CONSTRAINT b_a_fkey FOREIGN KEY (a) REFERENCES a; "
        "ALTER TABLE a ADD CHECK (id > 0);",
    ),
    Situation(
        "sequence definition",
        "CREATE SEQUENCE s; SELECT nextval('s');",
        "ALTER SEQUENCE s INCREMENT BY 5 CYCLE MAXVALUE 9999;",
    ),
    Situation(
        "member of a publication dropped",
        "CREATE TABLE pubt (id int PRIMARY KEY); INSERT INTO pubt SELECT generate_series(1, 5);"
        "CREATE PUBLICATION p FOR TABLE pubt;",
        "DROP TABLE pubt;",
    ),
    Situation(
        "publication dropped",
        T + "CREATE PUBLICATION p FOR TABLE t (id, v) WHERE (id > 3) WITH (publish = 'insert');",
        "DROP PUBLICATION IF EXISTS p;",
    ),
    Situation(
        "member of somebody else's publication",
        T,
        "DROP TABLE t;",
        superuser="CREATE PUBLICATION theirs FOR TABLE t;",
        no="publication theirs, which our role may not change",
    ),
    Situation(
        "large objects",
        "CREATE TABLE files (id int PRIMARY KEY, body oid);"
        "INSERT INTO files SELECT g, lo_from_bytea(0, decode(repeat('ab', 400000 * (g - 1)), 'hex'))"
        " FROM generate_series(1, 3) g;"
        "DO $$ BEGIN EXECUTE format('GRANT SELECT ON LARGE OBJECT %s TO PUBLIC', (SELECT max(body) FROM files));"
        "END $$;",
        "SELECT lo_unlink(body) FROM files WHERE id > 1; SELECT lo_put(body, 0, 'x') FROM files WHERE id = 1;"
        "DELETE FROM files; SELECT lo_from_bytea(0, 'new');",
    ),
    Situation(
        "large objects written to since",
        "CREATE TABLE files (id int PRIMARY KEY, body oid); INSERT INTO files VALUES (1, lo_from_bytea(0, 'abc'));",
        "SELECT lo_unlink(body) FROM files; DELETE FROM files;",
        since="SELECT lo_from_bytea(0, 'theirs');",
        refused="large objects have been written to since",
    ),
    Situation(
        "renames",
        "CREATE TABLE b (id serial PRIMARY KEY, old_name text);"
        "INSERT INTO b (old_name) SELECT 'r' || g FROM generate_series(1, 9) g;"
        "CREATE VIEW w AS SELECT old_name FROM b;",
        "ALTER TABLE b RENAME COLUMN old_name TO new_name; ALTER TABLE b RENAME TO c;"
        "ALTER SEQUENCE b_id_seq RENAME TO c_seq;",
    ),
    Situation(
        "schema and odd names renamed",
        'CREATE SCHEMA s; CREATE TABLE s."a.b ""c" (id int PRIMARY KEY, "x y" int CHECK ("x y" > 0));'
        'INSERT INTO s."a.b ""c" VALUES (1, 2); CREATE FUNCTION s.f(int) RETURNS int LANGUAGE sql AS \'SELECT $1\';',
        'ALTER TABLE s."a.b ""c" RENAME "x y" TO "z.z"; ALTER TABLE s."a.b ""c" RENAME TO "d e";'
        "ALTER FUNCTION s.f(int) RENAME TO g;"
        'ALTER SCHEMA s RENAME TO "S 2";',
    ),
    Situation(
        "renamed and changed",
        T + "CREATE SCHEMA other;",
        "ALTER TABLE t RENAME TO u; ALTER TABLE u SET SCHEMA other; ALTER TABLE other.u RENAME v TO w;"
        "UPDATE other.u SET w = 'x';"
        "ALTER TABLE other.u ALTER w SET DEFAULT 'd'; ALTER TABLE other.u DROP COLUMN n;",
    ),
    Situation(
        "table dropped and made again",
        T,
        "DROP TABLE t; CREATE TABLE t (id int PRIMARY KEY);",
        no="drops public.t and makes another of the same name",
    ),
    Situation(
        "domain changed",
        "CREATE DOMAIN d AS int DEFAULT 3 CHECK (VALUE > 0); CREATE TABLE t (id int PRIMARY KEY, x d); "
        "INSERT INTO t VALUES (1, 5);",
        "ALTER DOMAIN d DROP DEFAULT; ALTER DOMAIN d DROP CONSTRAINT d_check;",
    ),
    Situation(
        "materialized view",
        T + "CREATE MATERIALIZED VIEW mv AS SELECT sum(n) FROM t;",
        "DROP MATERIALIZED VIEW mv; CREATE MATERIALIZED VIEW mv AS SELECT count(*) FROM t;",
    ),
)
