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
)
