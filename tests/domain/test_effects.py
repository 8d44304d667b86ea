"""What goes beyond a plan is named, gravest first, and a plan that is true is let pass."""

from dataclasses import replace

import pytest

from bot.domain.catalogue import Catalogue, DatabaseObject
from bot.domain.effects import (
    MAX_NAMED,
    ChainEffect,
    PlannedEffect,
    TableWrites,
    beyond_plan,
    planned_effect,
    stop_before_commit,
)
from bot.domain.planned import PlannedChange, PlannedDrop, PlannedRows
from bot.domain.plans import ChainPlan
from bot.errors import PermanentError
from tests.domain.plans import PLAN

VISITS = DatabaseObject("table", "public.visits", "", "d1", number="1", kept_as="10")
VISITS_ID = DatabaseObject("table column", "public.visits.id", "public.visits", "d2", number="1.1", kept_as="integer")
NOTES = DatabaseObject("table", "public.notes", "", "d3", number="2", kept_as="20")
NOTES_ID = DatabaseObject("table column", "public.notes.id", "public.notes", "d4", number="2.1", kept_as="integer")
VIEW = DatabaseObject("view", "public.report", "", "d5")
BEFORE = (VISITS, VISITS_ID, NOTES, NOTES_ID, VIEW)
PLANNED = PlannedEffect(
    "before", "after", frozenset({("table", "public.visits"), ("table column", "public.visits.id")}), {}, frozenset()
)


def catalogue(*objects: DatabaseObject, fingerprint: str = "other") -> Catalogue:
    return Catalogue(frozenset(objects), fingerprint)


def beyond(*after: DatabaseObject, planned: PlannedEffect = PLANNED, fingerprint: str = "other") -> tuple[str, ...]:
    effect = ChainEffect(catalogue(*BEFORE), catalogue(*after, fingerprint=fingerprint), ())
    return beyond_plan(planned, effect)


def test_a_plan_that_is_true_is_let_pass() -> None:
    assert beyond(NOTES, NOTES_ID, VIEW, fingerprint="after") == ()


def test_what_goes_too_is_named_by_its_whole() -> None:
    assert beyond(VIEW) == ("table public.notes would have gone",)
    assert beyond(NOTES, VIEW) == ("table column public.notes.id would have gone",)


def test_what_stays_although_it_is_to_go_is_named_by_its_whole() -> None:
    assert beyond(*BEFORE) == ("table public.visits would still be there",)


def test_another_of_the_same_name_and_making_is_found_with_the_same_fingerprint() -> None:
    again = replace(NOTES, number="3"), replace(NOTES_ID, number="3.1")
    assert beyond(*again, VIEW, fingerprint="after") == ("table public.notes would have been dropped and made again",)


def test_a_table_that_is_rewritten_is_found_with_the_same_fingerprint() -> None:
    rewritten = replace(NOTES, kept_as="21")
    told = ("public.notes: all rows rewritten or removed",)
    assert beyond(rewritten, NOTES_ID, VIEW, fingerprint="after") == told
    known = replace(PLANNED, written=frozenset({"public.notes"}))
    assert beyond(rewritten, NOTES_ID, VIEW, planned=known, fingerprint="after") == ()


def test_what_is_new_or_another_is_compared_with_the_rehearsal_s() -> None:
    changed, new = replace(VIEW, definition="d6"), DatabaseObject("function", "public.f()", "", "d7")
    rule = DatabaseObject("rule", "r on public.extra", "public.extra", "d8")
    extra = DatabaseObject("table", "public.extra", "", "d9")
    assert beyond(NOTES, NOTES_ID, changed, new, extra, rule) == (
        "function public.f() would have been created",
        "table public.extra would have been created",
        "view public.report would have been changed",
    )
    known = replace(PLANNED, changes={("view", "public.report"): "d6", ("function", "public.f()"): "d0"})
    assert beyond(NOTES, NOTES_ID, changed, new, planned=known) == ("function public.f() would have been created",)
    assert beyond(NOTES, NOTES_ID, VIEW, planned=known) == (
        "function public.f() would not be as rehearsed",
        "view public.report would not be as rehearsed",
    )


def test_a_plan_of_an_old_release_knows_the_fingerprint_alone() -> None:
    old = replace(PLANNED, changes=None)
    assert beyond(NOTES, NOTES_ID, replace(VIEW, definition="d6"), planned=old) == (
        "the catalogue would not be the rehearsed one",
    )
    assert beyond(NOTES, NOTES_ID, VIEW, planned=old, fingerprint="after") == ()


def test_where_nothing_is_predicted_what_goes_and_stays_still_counts() -> None:
    unknown = replace(PLANNED, rehearsed_on="", fingerprint="")
    assert beyond(NOTES, NOTES_ID, replace(VIEW, definition="d6"), planned=unknown) == ()
    assert beyond(VIEW, planned=unknown) == ("table public.notes would have gone",)
    assert beyond(*BEFORE, planned=unknown) == ("table public.visits would still be there",)


def test_rows_are_compared_with_the_tables_that_the_plan_names() -> None:
    writes = (TableWrites("public.notes", deleted=2), TableWrites("public.visits", updated=1))
    now = catalogue(NOTES, NOTES_ID, VIEW, fingerprint="after")
    known = replace(PLANNED, written=frozenset({"public.visits"}))
    assert beyond_plan(known, ChainEffect(catalogue(*BEFORE), now, writes)) == ("public.notes: 2 rows deleted",)


def test_the_approved_effect_is_read_off_the_plan() -> None:
    assert isinstance(PLAN, ChainPlan)
    plan = replace(
        PLAN,
        schema_fingerprint="s",
        expected_fingerprint="e",
        drops=(
            PlannedDrop("table column", "public.visits.id", named=True, part_of="public.visits"),
            PlannedDrop("index", "public.i", named=True, part_of="public.notes"),
        ),
        rows=(
            PlannedRows("public.visits.id", 3, 1, "column"),
            PlannedRows("public.orders", 3, 1, "changed"),
            PlannedRows("public.flags", 3, 1, "dropped"),
        ),
        changes=(PlannedChange("view", "public.report", "d6"),),
    )
    planned = planned_effect(plan)
    assert (planned.rehearsed_on, planned.fingerprint) == ("s", "e")
    assert planned.written == {"public.visits", "public.orders", "public.flags"}
    assert planned.drops == {("table column", "public.visits.id"), ("index", "public.i")}
    assert planned.changes == {("view", "public.report"): "d6"}
    assert planned_effect(replace(plan, changes=None)).changes is None
    assert planned_effect(replace(plan, expected_fingerprint="")).rehearsed_on == ""


def test_a_message_names_the_gravest_and_counts_the_others() -> None:
    with pytest.raises(
        PermanentError, match=r"^beyond-the-plan: .* line 11; and 3 more\. These checks would be false: c"
    ):
        stop_before_commit([f"line {number}" for number in range(MAX_NAMED + 3)], ["c"])
    with pytest.raises(
        PermanentError, match=r"^verify-false: These checks would be false: c\. Nothing was committed\."
    ):
        stop_before_commit([], ["c"])
    stop_before_commit([], [])


RENAMED = DatabaseObject("view", "public.summary", "", "d5", oid="v", own="2200.summary")
NAMED = replace(RENAMED, identity="public.report", own="2200.report")


def renaming(planned: PlannedEffect, *after: DatabaseObject) -> tuple[str, ...]:
    effect = ChainEffect(catalogue(*BEFORE[:-1], NAMED), catalogue(NOTES, NOTES_ID, *after, fingerprint="after"), ())
    return beyond_plan(replace(planned, changes={RENAMED.key: "d5"}), effect)


def test_a_rename_that_the_plan_does_not_name_stops_and_so_does_one_that_is_missing() -> None:
    planned = replace(PLANNED, renames=frozenset({("view", "public.report", "public.summary")}))

    assert renaming(planned, RENAMED) == ()
    assert renaming(replace(PLANNED, renames=frozenset()), RENAMED) == (
        "view public.report would have been renamed to public.summary",
    )
    assert "view public.report would not be renamed to public.summary" in renaming(planned, NAMED)


def test_what_no_copy_has_is_compared_by_its_words() -> None:
    publication = DatabaseObject("publication", "p", "", "live", properties='{"pubinsert": true}', oid="p")
    after = replace(publication, definition="other", properties='{"pubinsert": false}')
    effect = ChainEffect(catalogue(*BEFORE, publication), catalogue(NOTES, NOTES_ID, VIEW, after), ())
    planned = replace(PLANNED, fingerprint="other", changes={publication.key: "the copy's"})

    words = {publication.key: ("pubinsert true → false",)}
    assert beyond_plan(replace(planned, words=words), effect) == ()
    assert beyond_plan(replace(planned, words={publication.key: ("pubdelete true → false",)}), effect) == (
        "publication p would have been changed (pubinsert true → false)",
    )


def test_where_nothing_is_predicted_as_a_whole_created_and_changed_objects_still_stop() -> None:
    unknown = replace(PLANNED, rehearsed_on="", fingerprint="")
    granted = replace(VIEW, definition="d6", properties='{"grants": ["PUBLIC=SELECTf"]}')

    assert beyond(NOTES, NOTES_ID, granted, planned=unknown) == (
        "view public.report would have been changed (PUBLIC may now SELECT)",
    )
    assert beyond(NOTES, NOTES_ID, VIEW, replace(VIEW, identity="public.spy"), planned=unknown) == (
        "view public.spy would have been created",
    )
