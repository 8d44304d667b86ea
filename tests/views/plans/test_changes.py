"""What comes, what changes and what is renamed, in the request and in one line."""

from dataclasses import replace

from bot.domain.planned import PlannedChange, PlannedRename
from bot.views.plans import changes
from bot.views.plans.rollback import describe, impact
from tests.views.samples import PLAN

NEW = (
    PlannedChange("table", "public.new", "1", "created"),
    PlannedChange("table column", "public.new.id", "2", "created", ("integer",), (), "public.new"),
    PlannedChange("index", "public.new_pkey", "3", "created", (), (), "public.new"),
    PlannedChange("table column", "public.a.n", "4", "changed", ("may be NULL", "loses its DEFAULT 1"), (), "public.a"),
    PlannedChange("table column", "public.a.o", "4", "follows", (), (), "public.a"),
)
LOUD = PlannedChange("table", "public.a", "5", "changed", ("PUBLIC may now SELECT",), ("PUBLIC may now SELECT: …",))
RENAMES = PlannedRename("table", "public.b", 'public."c.d"', 9), PlannedRename("view", "public.v", "public.w")


def test_new_parts_are_counted_with_their_table_and_what_follows_is_left_out() -> None:
    assert changes.describe(NEW).split("\n") == [
        "*What comes and what changes* – 1 new, 1 changed",
        "• new table `public.new` with 1 column, 1 index",
        "• column `public.a.n`: may be NULL; loses its DEFAULT 1",
    ]


def test_alarms_are_marked_and_counted() -> None:
    text = changes.describe((LOUD, *NEW))

    assert text.startswith(
        "*What comes and what changes* – 1 new, 2 changed; ⚠ 1 of them widens rights or brings code\n"
    )
    assert "⚠ table `public.a`: PUBLIC may now SELECT" in text


def test_nothing_is_said_and_an_old_plan_says_nothing() -> None:
    assert changes.describe(()) == "*What comes and what changes* – nothing."
    assert changes.describe(None) == ""
    assert changes.describe((PlannedChange("table", "public.a", "x"),)) == ""
    assert changes.impact((PlannedChange("table", "public.a", "x"),), ()) == ""


def test_renames_keep_their_rows() -> None:
    assert changes.describe_renames(RENAMES).split("\n") == [
        "*What gets another name* – 1 table, 1 view",
        '• table `public.b` → `public."c.d"`; its 9 rows stay',
        "• view `public.v` → `public.w`",
    ]
    assert changes.describe_renames(()) == ""


def test_the_plan_has_both_and_counts_them_in_one_line() -> None:
    plan = replace(PLAN, changes=(LOUD, *NEW), renames=RENAMES)

    assert impact(plan).endswith("go, 2 objects are renamed, 3 objects come or change")
    assert sum("gets another name" in part or "comes and what changes" in part for part in describe(plan, "")) == 2
