"""Catalogues are compared by identity, and facts show no query."""

from bot.domain.catalogue import Catalogue, DatabaseFacts, DatabaseObject, Session
from bot.domain.migrations import AppliedMigration


def test_catalogues_are_compared_by_kind_and_identity() -> None:
    table, view = DatabaseObject("table", "a", definition="1"), DatabaseObject("view", "a", definition="1")
    before = Catalogue(frozenset({table, view}), "x")
    after = Catalogue(frozenset({DatabaseObject("table", "a", definition="2")}), "y")
    assert before.lost_in(after) == (view,)
    assert before.changed_in(after) == (DatabaseObject("table", "a", definition="2"),)
    assert before.relations(["view"]) == {"a"}


def test_the_schema_is_the_newest_migration() -> None:
    facts = DatabaseFacts("db", 180006, 1, (), (), (), can_take_exclusive_access=True, can_create=True)
    assert facts.schema == 0
    applied = (AppliedMigration(27, "027_x"), AppliedMigration(3, "003_y"))
    assert DatabaseFacts("db", 1, 1, applied, (), (), can_take_exclusive_access=True, can_create=True).schema == 27


def test_a_session_never_shows_its_query() -> None:
    assert str(Session(7, "app", "", "10.0.0.1", "idle", 2.6)) == "pid 7 (unnamed, app, idle for 3 s)"
