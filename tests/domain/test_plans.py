"""The digest covers what is done and to what; nothing else moves it."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from bot.domain.planned import (
    Estimate,
    PlannedChange,
    PlannedDrop,
    PlannedLoss,
    PlannedProof,
    PlannedRename,
    PlannedScript,
)
from bot.domain.workloads import Leftover
from tests.domain.plans import COMES, DROPS, PLAN, RESTORE, ROWS, SERVICES, WORK

MOVES: dict[str, tuple[dict[str, Any], str]] = {
    "environment": ({"environment": "dev"}, "environment: prod → dev"),
    "schema": ({"from_schema": 28}, "schema: 27 25 → 28 25"),
    "app": ({"to_app": "v1.2.4"}, "app: v1.3.0 v1.2.3 → v1.3.0 v1.2.4"),
    "script": (
        {"scripts": (PlannedScript(27, "027_flags", "cc", "x", 2), PLAN.scripts[1])},
        "scripts: no longer 27 aa; now 27 cc",
    ),
    "remaining": ({"remaining": (25,)}, "remaining: no longer 24"),
    "drop": ({"drops": (*DROPS, PlannedDrop("index", "public.i", named=False))}, "drops: now index public.i"),
    "rows": ({"rows": ROWS[:1]}, "rows: no longer public.settings changed"),
    "reason": (
        {"rows": (replace(ROWS[0], reason="changed"), ROWS[1])},
        "rows: no longer public.flags dropped; now public.flags changed",
    ),
    "replicas": (
        {"workloads": (replace(WORK[0], replicas=4), WORK[1])},
        "workloads: no longer api uid-1 api:v1.3.0 api:v1.2.3 3; now api uid-1 api:v1.3.0 api:v1.2.3 4",
    ),
    "made anew": (
        {"workloads": (replace(WORK[0], uid="uid-9"), WORK[1])},
        "workloads: no longer api uid-1 api:v1.3.0 api:v1.2.3 3; now api uid-9 api:v1.3.0 api:v1.2.3 3",
    ),
    "selector": (
        {"services": (replace(SERVICES[0], selector=(("app", "api"),)), SERVICES[1])},
        "services: no longer api uid-3 app=api tier=x; now api uid-3 app=api",
    ),
    "left behind": ({"left": (Leftover("deployment", "api", "rdead1"),)}, "left: now deployment api rdead1"),
    "fingerprint": ({"schema_fingerprint": "12" * 32}, f"schema fingerprint: {'cd' * 32} → {'12' * 32}"),
}


STILL: dict[str, dict[str, Any]] = {
    "what drills have proven": {"proven": PlannedProof(datetime(2026, 2, 11, tzinfo=UTC))},
    "what was typed": {"asked_for": "/rollback prod 26"},
    "row counts": {"rows": tuple(replace(row, rows=row.rows + 1) for row in ROWS)},
    "sizes": {"rows": tuple(replace(row, size_bytes=0) for row in ROWS)},
    "estimate": {"estimate": Estimate(1.0, 1.0)},
    "warnings": {"warnings": ()},
    "locks": {"locks": ()},
    "order of drops": {"drops": DROPS[::-1]},
    "order of rows": {"rows": ROWS[::-1]},
    "order of workloads": {"workloads": WORK[::-1]},
    "order of services": {"services": SERVICES[::-1]},
    "impact text": {"scripts": tuple(replace(script, impact="z") for script in PLAN.scripts)},
    "revision number": {"workloads": tuple(replace(work, revision=9) for work in WORK)},
}


@pytest.mark.parametrize("what", MOVES)
def test_what_moves_the_digest_is_named(what: str) -> None:
    changes, line = MOVES[what]
    moved = replace(PLAN, **changes)
    assert moved.digest != PLAN.digest
    assert PLAN.differences(moved) == (line,)


@pytest.mark.parametrize("what", STILL)
def test_what_must_not_void_votes(what: str) -> None:
    same = replace(PLAN, **STILL[what])
    assert same.digest == PLAN.digest
    assert PLAN.differences(same) == ()


def test_what_was_left_and_is_no_longer_is_named() -> None:
    left = replace(PLAN, left=(Leftover("service", "api", "rdead1"),))
    assert left.differences(PLAN) == ("left: no longer service api rdead1",)


def test_the_digest_is_pinned() -> None:
    """Votes in the journal are for it: a change of its making voids them all."""
    assert PLAN.digest == "4e30735ee9f38918055e3240122fad30b104412fee2150181564f35e22ada91a"
    assert PLAN.short_digest == PLAN.digest[:12]


def test_changes_app() -> None:
    assert PLAN.changes_app
    assert not replace(PLAN, to_app="v1.3.0").changes_app


@pytest.mark.parametrize(
    "change", [{"key": "x"}, {"version_id": "x"}, {"sha256": "x"}, {"etag": "x"}, {"incoming": "x"}, {"outgoing": "x"}]
)
def test_the_digest_covers_bundle_and_names(change: dict[str, Any]) -> None:
    moved = replace(RESTORE, restore=replace(COMES, **change))
    assert moved.digest != RESTORE.digest
    assert len(RESTORE.differences(moved)) == 1


def test_the_digest_leaves_rows_out() -> None:
    assert replace(RESTORE, restore=replace(COMES, losses=(PlannedLoss("t", 2, 1),))).digest == RESTORE.digest


def test_what_changes_and_is_renamed_is_voted_for_where_the_plan_says_how() -> None:
    old = replace(PLAN, changes=(PlannedChange("view", "public.v", "1"),))
    changed = replace(PLAN, changes=(PlannedChange("view", "public.v", "1", "changed"),))
    other = replace(PLAN, changes=(PlannedChange("view", "public.v", "2", "changed"),))
    renamed = replace(PLAN, renames=(PlannedRename("table", "public.a", "public.b", 9),))
    fuller = replace(PLAN, renames=(PlannedRename("table", "public.a", "public.b", 10),))

    assert old.digest == PLAN.digest
    assert len({PLAN.digest, changed.digest, other.digest, renamed.digest}) == 4
    assert renamed.digest == fuller.digest
    assert PLAN.differences(renamed) == ("renames: now table public.a public.b",)
