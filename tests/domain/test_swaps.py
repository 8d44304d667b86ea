"""Plans that swap databases: what their digest covers, and that older plans can still be read."""

from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import TypeAdapter

from bot.domain.plans import Plan, PlanKind, PlannedLoss, PlannedRestore
from bot.planning.facts import RestoreRequest, UndoRequest
from bot.planning.rollback import wish_of
from tests.domain.test_plans import PLAN

COMES = PlannedRestore(
    "prod_a_20260101_000000", "k", "v", "s", datetime(2026, 1, 1, tzinfo=UTC), "", (), True, "in", "out", 60.0
)
RESTORE = replace(PLAN, kind=PlanKind.RESTORE, restore=COMES)


@pytest.mark.parametrize(
    "change", [{"key": "x"}, {"version_id": "x"}, {"sha256": "x"}, {"etag": "x"}, {"incoming": "x"}, {"outgoing": "x"}]
)
def test_the_digest_covers_bundle_and_names(change: dict[str, Any]) -> None:
    moved = replace(RESTORE, restore=replace(COMES, **change))
    assert moved.digest != RESTORE.digest
    assert len(RESTORE.differences(moved)) == 1


def test_the_digest_leaves_rows_out() -> None:
    assert replace(RESTORE, restore=replace(COMES, losses=(PlannedLoss("t", 2, 1),))).digest == RESTORE.digest


def test_a_plan_from_before_there_were_swaps_can_be_read_and_has_its_digest() -> None:
    plans = TypeAdapter(Plan)
    old = {name: value for name, value in asdict(PLAN).items() if name not in {"restore", "undoes"}}
    assert plans.validate_python(old) == PLAN
    assert "bundle" not in PLAN.approved_facts()
    assert plans.validate_json(plans.dump_json(RESTORE)) == RESTORE


def test_a_plan_from_before_there_were_etags_can_be_read_and_has_its_digest() -> None:
    plans = TypeAdapter(Plan)
    old = plans.dump_python(RESTORE)
    del old["restore"]["etag"]
    assert plans.validate_python(old) == RESTORE
    assert RESTORE.approved_facts()["bundle"] == [COMES.backup, "k", "v", "s"]


def test_what_was_asked_for_is_read_back() -> None:
    assert wish_of(RESTORE) == RestoreRequest("prod", COMES.backup, None, RESTORE.asked_for)
    undo = replace(RESTORE, kind=PlanKind.UNDO, undoes="rk3f9a")
    assert wish_of(undo) == UndoRequest("prod", "rk3f9a", undo.asked_for)
