"""An expression has one form, whether or not a dump and reload has rewritten it."""

import pytest

from bot.adapters.database.expressions import normalise_expression


@pytest.mark.parametrize(
    ("first", "after_a_reload"),
    [
        (
            "(status)::text = ANY ((ARRAY['new'::character varying, 'o, (ld'::character varying])::text[])",
            "(status)::text = ANY (ARRAY[('new'::character varying)::text, ('o, (ld'::character varying)::text])",
        ),
        ("f((ARRAY[code, lower(a, b)])::text[])", "f(ARRAY[(code)::text, (lower(a, b))::text])"),
        ("CHECK ((((x >= 1) AND (x <= 2)) AND (y > 0)))", "CHECK (((x >= 1) AND (x <= 2) AND (y > 0)))"),
        ("(((x < 1) OR (x > 2)) OR fine)", "((x < 1) OR (x > 2) OR fine)"),
        ("((fine AND (x > 2)) AND good)", "(fine AND (x > 2) AND good)"),
    ],
)
def test_what_a_reload_writes_another_way_has_one_form(first: str, after_a_reload: str) -> None:
    assert normalise_expression(first) == after_a_reload
    assert normalise_expression(after_a_reload) == after_a_reload


@pytest.mark.parametrize(
    "text",
    [
        "((q > 0) OR ((p > 0) AND (r > 0)))",
        "(((q > 0) OR (p > 0)) AND (r > 0))",
        "((NOT (a AND b)) AND c)",
        "(NOT (a AND b) AND c)",
        "((a AND b) IS TRUE)",
        "(f(a AND b) AND c)",
        "(('(x AND y) AND z'::text || 'it''s') = \"odd ( name\")",
        "(q * (p - 1))",
        "(ARRAY[1, 2])[1]",
        "unmatched ( and ]",
        "",
    ],
)
def test_everything_else_stays(text: str) -> None:
    assert normalise_expression(text) == text
