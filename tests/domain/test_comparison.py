"""One database at two moments: objects are the same by the server's number, whatever they are called."""

from dataclasses import replace

from bot.domain.catalogue import Catalogue, DatabaseObject
from bot.domain.comparison import Comparison, compare

TABLE = DatabaseObject("table", "public.a", definition="1", number="10", kept_as="f1", oid="10", own="2200.a")
COLUMN = DatabaseObject("table column", "public.a.n", "public.a", "1", "10.1", "int", oid="10.1", own="n")
INDEX = DatabaseObject("index", "public.a_n", "public.a", "1", oid="11", own="2200.a_n")
FUNCTION = DatabaseObject("function", "public.f()", definition="1", oid="function 12", own="2200.f")
SEQUENCE = DatabaseObject("sequence", "public.s", definition="1", number="13", kept_as="f2", oid="13", own="2200.s")
EVERYTHING = TABLE, COLUMN, INDEX, FUNCTION, SEQUENCE
RENAMED = (
    replace(TABLE, identity="public.b", own="2200.b"),
    replace(COLUMN, identity="public.b.n", part_of="public.b"),
    replace(INDEX, part_of="public.b"),
)


def difference(*after: DatabaseObject) -> Comparison:
    return compare(Catalogue(frozenset(EVERYTHING), "x"), Catalogue(frozenset(after), "y"))


def test_nothing_differs() -> None:
    assert difference(*EVERYTHING) == Comparison((), (), (), ())


def test_a_renamed_table_takes_its_parts_along() -> None:
    found = difference(*RENAMED, FUNCTION, SEQUENCE)

    assert (found.gone, found.new, found.remade) == ((), (), ())
    assert [(was.identity, now.identity) for was, now in found.renamed] == [("public.a", "public.b")]
    assert found.former_names == {"public.b": "public.a", "public.b.n": "public.a.n"}
    assert found.rewritten == frozenset()


def test_a_table_made_under_the_name_of_a_renamed_one_is_new() -> None:
    other = replace(TABLE, number="20", oid="20")
    found = difference(*RENAMED, FUNCTION, SEQUENCE, other)

    assert (found.gone, found.new, found.remade) == ((), (other,), ())


def test_two_that_change_names_are_both_renamed() -> None:
    function, other = replace(FUNCTION, identity="public.g()", own="2200.g"), replace(FUNCTION, oid="function 20")
    before = Catalogue(frozenset({FUNCTION, replace(other, identity="public.g()", own="2200.g")}), "x")
    found = compare(before, Catalogue(frozenset({function, other}), "y"))

    assert sorted((was.identity, now.identity) for was, now in found.renamed) == [
        ("public.f()", "public.g()"),
        ("public.g()", "public.f()"),
    ]
    assert found.gone == found.new == ()


def test_a_table_dropped_and_made_again_is_gone_a_function_is_another() -> None:
    table = replace(TABLE, number="20", oid="20")
    function = replace(FUNCTION, oid="function 20", definition="2")
    found = difference(table, COLUMN, INDEX, function, SEQUENCE)

    assert found.gone == found.remade == (TABLE,)
    assert found.new == (table,)
    assert found.kept == ((FUNCTION, function),)


def test_rewritten_tables_and_sequences_that_were_set() -> None:
    found = difference(replace(TABLE, kept_as="f9"), COLUMN, INDEX, FUNCTION, replace(SEQUENCE, kept_as="f8"))

    assert found.rewritten == {"public.a"}
    assert [item.identity for item in found.restarted] == ["public.s"]


def test_a_schema_s_new_name_is_one_rename() -> None:
    schema = DatabaseObject("schema", "old", oid="schema 5", own="old")
    inside = DatabaseObject("view", "old.v", oid="30", own="5.v")
    before = Catalogue(frozenset({schema, inside}), "x")
    after = Catalogue(frozenset({replace(schema, identity="new", own="new"), replace(inside, identity="new.v")}), "y")

    assert [(was.identity, now.identity) for was, now in compare(before, after).renamed] == [("old", "new")]
