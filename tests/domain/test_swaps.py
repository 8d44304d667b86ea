"""Plans that swap databases: what their digest covers, and that older plans can still be read."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from bot.domain.planned import PlannedLoss, PlannedRestore
from bot.domain.plans import RestorePlan, UndoSwapPlan
from bot.planning.facts import RestoreRequest, UndoRequest
from bot.planning.kinds import read_request
from tests.domain.test_plans import PLAN
from tests.views.samples import recast

COMES = PlannedRestore(
    "prod_a_20260101_000000", "k", "v", "s", datetime(2026, 1, 1, tzinfo=UTC), "", (), True, "in", "out", 60.0
)
RESTORE = recast(PLAN, RestorePlan, restore=COMES)


@pytest.mark.parametrize(
    "change", [{"key": "x"}, {"version_id": "x"}, {"sha256": "x"}, {"etag": "x"}, {"incoming": "x"}, {"outgoing": "x"}]
)
def test_the_digest_covers_bundle_and_names(change: dict[str, Any]) -> None:
    moved = replace(RESTORE, restore=replace(COMES, **change))
    assert moved.digest != RESTORE.digest
    assert len(RESTORE.differences(moved)) == 1


def test_the_digest_leaves_rows_out() -> None:
    assert replace(RESTORE, restore=replace(COMES, losses=(PlannedLoss("t", 2, 1),))).digest == RESTORE.digest


def test_what_was_asked_for_is_read_back() -> None:
    assert read_request(RESTORE) == RestoreRequest("prod", COMES.backup, None, RESTORE.asked_for)
    undo = recast(RESTORE, UndoSwapPlan, undoes="rk3f9a")
    assert read_request(undo) == UndoRequest("prod", "rk3f9a", undo.asked_for)
