"""Objects that go: each named, parts counted with the whole, rows explained."""

from dataclasses import replace

from bot.domain.planned import PlannedDrop, PlannedRows
from bot.views.kit.blocks import View
from bot.views.plans import drops, plan
from tests.views.samples import FLAGS, PLAN, read


def test_what_cascade_takes_comes_first_however_long_the_list() -> None:
    named = tuple(PlannedDrop("table", f"public.a_table_{n:03d}", named=True) for n in range(300))
    taken = PlannedDrop("view", "public.z_report", named=False)

    shown = drops.describe((*named, taken)).splitlines()

    assert shown[0] == "*What is dropped* – 300 tables; ⚠ 1 view by CASCADE, which no script names"
    assert shown[1] == "⚠ view `public.z_report` – taken by CASCADE"
    listed = len([line for line in shown if line.startswith("•")])
    assert shown[-1] == f"… and {300 - listed} more"


def test_a_column_of_a_table_that_stays_is_an_object_of_its_own() -> None:
    column = PlannedDrop(
        "table column", "public.schema_migrations.version", named=True, part_of="public.schema_migrations"
    )

    assert drops.describe((column,)).splitlines() == [
        "*What is dropped* – 1 column",
        "• column `public.schema_migrations.version`",
    ]


def test_parts_of_parts_are_counted_with_the_table() -> None:
    table = PlannedDrop("table", FLAGS, named=True)
    sequence = PlannedDrop("sequence", "public.feature_flags_id_seq", named=True, part_of=FLAGS)
    part = PlannedDrop("index", "public.i", named=True, part_of="public.feature_flags_id_seq")

    assert drops.describe((part, sequence, table)).splitlines()[1:] == [f"• table `{FLAGS}` with 1 index, 1 sequence"]


def test_parts_of_each_other_are_shown_rather_than_lost() -> None:
    pair = (PlannedDrop("view", "a", named=True, part_of="b"), PlannedDrop("view", "b", named=True, part_of="a"))

    assert drops.wholes_in(pair) == 2


def test_a_hostile_name_mentions_nobody() -> None:
    shown = drops.describe((PlannedDrop("table", "public.<!channel>`x", named=False),))

    assert "`public.&lt;!channel&gt;'x`" in shown


def test_rows_say_why_they_go() -> None:
    rows = (
        PlannedRows("public.mv", 9, 10, "derived"),
        PlannedRows("public.t.c", 7, 10, "column"),
        PlannedRows("public.s", 1, 10, "changed"),
    )

    shown = read(View("", plan.blocks(replace(PLAN, rows=rows))))

    assert "• `public.t.c` 7 values, 10 B (a column's values; the table stays)" in shown
    assert "• `public.s` a table with 1 row, 10 B, of which scripts change or delete some or all" in shown
    assert "• `public.mv` 9 rows, 10 B (derived: it can be computed again)" in shown


def test_rows_that_may_stay_are_not_counted_among_those_that_go() -> None:
    changed = PlannedRows("public.patients", 400_000, 10, "changed")
    both = replace(PLAN, rows=(*PLAN.rows, changed))
    alone = replace(PLAN, rows=(changed,))

    shown = read(View("", plan.blocks(both)))
    assert "*Rows that go* – 1,204 in all, 327.7 kB; and what scripts change or delete\n" in shown
    assert "*Rows that go* – what scripts change or delete\n" in read(View("", plan.blocks(alone)))
    assert plan.impact(both).startswith(
        "5 objects and 1,204 rows go, and scripts change or delete rows of 1 table; the app is down"
    )


def test_what_is_made_again_is_shown_as_dropped() -> None:
    shown = drops.describe((PlannedDrop("table", "public.visits", named=True, remade=True),))

    assert shown.splitlines()[1] == "• table `public.visits` – another of this name is made"
