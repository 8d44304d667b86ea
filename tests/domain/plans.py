"""A rollback's plan and a restore's, to be changed."""

from datetime import UTC, datetime

from bot.domain.planned import (
    Estimate,
    PlannedDrop,
    PlannedLock,
    PlannedRestore,
    PlannedRows,
    PlannedScript,
    PlannedService,
    PlannedWorkload,
)
from bot.domain.plans import ChainPlan, RestorePlan
from tests.views.samples import recast

DROPS = (PlannedDrop("table", "public.flags", named=True), PlannedDrop("view", "public.v", named=False))
ROWS = (PlannedRows("public.flags", 42, 8192, "dropped"), PlannedRows("public.settings", 5, 10, "changed"))
WORK = (
    PlannedWorkload("api", "uid-1", "api:v1.3.0", "api:v1.2.3", 3, 4),
    PlannedWorkload("web", "uid-2", "web:v1.3.0", "web:v1.2.3", 2, 4),
)
SERVICES = (PlannedService("api", "uid-3", (("app", "api"), ("tier", "x"))), PlannedService("web", "uid-4", ()))
PLAN = ChainPlan(
    environment="prod",
    asked_for="/rollback prod 026",
    from_schema=27,
    to_schema=25,
    from_app="v1.3.0",
    to_app="v1.2.3",
    scripts=(PlannedScript(27, "027_flags", "aa", "x", 2), PlannedScript(26, "026_b", "bb", "y", 1)),
    remaining=(24, 25),
    drops=DROPS,
    rows=ROWS,
    locks=(PlannedLock("public.patients", "AccessExclusiveLock"),),
    workloads=WORK,
    services=SERVICES,
    schema_fingerprint="cd" * 32,
    expected_fingerprint="ef" * 32,
    saves_to="bucket",
    requested_app="",
    estimate=Estimate(90.0, 30.0),
    warnings=("Look.",),
)
COMES = PlannedRestore(
    "prod_a_20260101_000000", "k", "v", "s", datetime(2026, 1, 1, tzinfo=UTC), "", (), True, "in", "out", 60.0
)
RESTORE = recast(PLAN, RestorePlan, restore=COMES)
