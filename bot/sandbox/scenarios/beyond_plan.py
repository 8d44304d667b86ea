"""Plays scripts that do more where there are rows than on the rehearsal's empty copy: COMMIT waits."""

import contextlib
from collections.abc import Iterator

from bot.sandbox.people import all_text
from bot.sandbox.scenarios.before import Before, check_serving, check_untouched, observe
from bot.sandbox.scenarios.reports import check_report
from bot.sandbox.story import Story

OWNER = "SET ROLE physioflow_prod"
TENANTS = ("tenant_1", "tenant_2", "tenant_3")
TENANT_ROWS = 100
MAKE_TENANTS = """
CREATE TABLE tenants (name text PRIMARY KEY);
INSERT INTO tenants SELECT 'tenant_' || n FROM generate_series(1, 3) n;
DO $$ DECLARE one text; BEGIN FOR one IN SELECT name FROM tenants LOOP
  EXECUTE format('CREATE SCHEMA %I', one);
  EXECUTE format('CREATE TABLE %I.bookings (id serial PRIMARY KEY, note text)', one);
  EXECUTE format('INSERT INTO %I.bookings (note) SELECT ''x'' FROM generate_series(1, 100)', one);
END LOOP; END $$
"""
DROP_IN_A_LOOP = """
DO $$ DECLARE one text; BEGIN FOR one IN SELECT name FROM tenants LOOP
  EXECUTE format('DROP TABLE %I.bookings', one);
END LOOP; END $$;
"""
DROP_BY_NAME = "".join(f"DROP TABLE {tenant}.bookings;\n" for tenant in TENANTS)

STOCK = ("product", "orders", "history")
MAKE_STOCK = """
CREATE TABLE product (id int PRIMARY KEY, stock int);
INSERT INTO product SELECT n, 100 FROM generate_series(1, 10) n;
CREATE TABLE orders (id int PRIMARY KEY, product int REFERENCES product, amount int, kind text);
INSERT INTO orders SELECT n, 1 + n % 10, 3, (ARRAY['promo', 'std'])[1 + n % 2] FROM generate_series(1, 100) n;
CREATE TABLE history (id int PRIMARY KEY, order_id int, note text);
INSERT INTO history SELECT n, n, 'note ' || n FROM generate_series(1, 100) n;
CREATE FUNCTION restock() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  UPDATE product SET stock = stock + OLD.amount WHERE id = OLD.product;
  DELETE FROM history WHERE order_id = OLD.id;
  RETURN OLD;
END $$;
CREATE TRIGGER restock AFTER DELETE ON orders FOR EACH ROW EXECUTE FUNCTION restock()
"""
DELETE_PROMOS = "DELETE FROM orders WHERE kind = 'promo';\n"
NAME_THE_OTHERS = "LOCK TABLE product, history IN ROW EXCLUSIVE MODE;\n"
CONTENT = "SELECT count(*), coalesce(sum(hashtextextended(t::text, 0)), 0)::text FROM {} t"


def tenants(story: Story) -> None:
    """A loop over rows would drop tables that the request does not name: COMMIT waits; named in the script, they go."""
    checks, tables = story.checks, [f"{tenant}.bookings" for tenant in TENANTS]
    with _prepared(story, MAKE_TENANTS) as before:
        prints = _prints(story, tables)
        _write(story, DROP_IN_A_LOOP)
        _stops(story, "DO blocks: 027_feature_flags", *(f"table {table} would have gone" for table in tables))
        checks.equal("every tenant's rows are there", _prints(story, tables), prints)
        check_untouched(story, before)
        _write(story, DROP_BY_NAME)
        _succeeds(story, before, *tables, f"{TENANT_ROWS} rows")
        checks.equal("named in the script, they are gone", [t for t in tables if story.database.exists(t)], [])
        _takes_back(story, before)
        checks.equal("taken back, every tenant's rows are there again", _prints(story, tables), prints)


def triggers(story: Story) -> None:
    """A trigger would change rows that the request does not name, or a check would be false: COMMIT waits."""
    checks = story.checks
    with _prepared(story, MAKE_STOCK) as before:
        prints = _prints(story, STOCK)
        _write(story, DELETE_PROMOS)
        _stops(story, "restock on public.orders", "public.product: 50 rows updated", "public.history: 50 rows deleted")
        checks.equal("every row is as it was", _prints(story, STOCK), prints)
        check_untouched(story, before)
        _write(story, DELETE_PROMOS, verify="NOT EXISTS (SELECT FROM orders)")
        _stops(story, "restock on public.orders", "These checks would be false", "NOT EXISTS (SELECT FROM orders)")
        checks.equal("with a check that is false, too", _prints(story, STOCK), prints)
        check_untouched(story, before)
        _write(story, NAME_THE_OTHERS + DELETE_PROMOS)
        _succeeds(story, before, "product", "orders", "history")
        checks.equal("the trigger has done its part", story.database.ask("SELECT sum(stock) FROM product")[0][0], 1150)
        saved = [key for key in story.bucket.list_keys("exports/") if story.run_id() in key]
        checks.that("the rows from before are saved", all(any(name in key for key in saved) for name in STOCK), saved)
        _takes_back(story, before)
        checks.equal(
            "taken back, each table has the rows it had, those of the trigger too", _prints(story, STOCK), prints
        )


@contextlib.contextmanager
def _prepared(story: Story, setup: str) -> Iterator[Before]:
    """Make what the story needs in production, and put the down script back at the end."""
    path = story.sandbox.down_dir / "027_feature_flags.sql"
    original = path.read_text()
    with story.database.connect() as session:
        session.execute(OWNER.encode())
        session.execute(setup.encode())
    try:
        yield observe(story)
    finally:
        path.write_text(original)


def _write(story: Story, statements: str, verify: str = "true") -> None:
    header = "-- migration: 027_feature_flags\n-- adds: x\n-- impact: No x.\n-- data-loss: none\n"
    text = f"{header}-- verify: {verify}\n\n{statements}"
    (story.sandbox.down_dir / "027_feature_flags.sql").write_text(text)


def _prints(story: Story, tables: tuple[str, ...] | list[str]) -> dict[str, tuple[int, str]]:
    """Rows and content of each table, by a reckoning of our own."""
    return {table: story.database.ask(CONTENT.format(table))[0] for table in tables}


def _stops(story: Story, warned: str, *words: str) -> None:
    """Ask, vote, and see the run stopped before COMMIT with everything put back."""
    checks = story.checks
    earlier = {story.run_id()} if story.fresh() else set()
    story.command(story.cast.oncall, "/rollback prod 027")
    story.wait(lambda: bool(story.fresh()) and story.run_id() not in earlier, "a new run's card")
    request = all_text(story.request())
    checks.says("the request names what is known only when it runs", request, "known only when they run", warned)
    story.approve()
    story.wait_state("failed", "succeeded", "parked")
    story.settle()
    checks.equal("the run stopped before COMMIT and put everything back", story.state(), "failed")
    problem = story.journal("SELECT problem FROM backstop.runs WHERE id = %s", story.run_id())[0][0]
    checks.says("it says precisely what would have happened", problem, *words, "Nothing was committed")
    checks.says("and so does the card", all_text(story.card()), *words)
    check_report(story, "Failed", problem.partition(":")[0], "put back")


def _succeeds(story: Story, before: Before, *named: str) -> None:
    """Ask again as the message says: the request names everything now, and the run succeeds."""
    earlier = story.run_id()
    story.command(story.cast.oncall, "/rollback prod 027")
    story.wait(lambda: story.run_id() != earlier, "a new run's card")
    story.checks.says("asked for again, the request names it all", all_text(story.request()), *named)
    story.approve()
    story.wait_state("succeeded", "failed", "parked")
    story.settle()
    query = "SELECT problem FROM backstop.runs WHERE id = %s"
    problem = story.journal(query, story.run_id())[0][0]
    story.checks.equal("the run succeeded", (story.state(), problem or ""), ("succeeded", ""))
    check_serving(story, before, "v1.2.3")


def _takes_back(story: Story, before: Before) -> None:
    """See that the request has said that there is a way back; go it."""
    checks, run_id = story.checks, story.run_id()
    checks.says("the request has said that it can be taken back", all_text(story.request()), "Can be taken back: yes")
    story.presses_undo(story.cast.oncall)
    story.wait(lambda: story.run_id() != run_id, "the undo's card")
    story.approve()
    story.wait_state("succeeded", "failed", "parked")
    story.settle()
    problem = story.journal("SELECT problem FROM backstop.runs WHERE id = %s", story.run_id())[0][0]
    checks.equal("the undo succeeded", (story.state(), problem or ""), ("succeeded", ""))
    check_serving(story, before, "v1.3.0")
