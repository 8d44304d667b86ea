"""The main job's plan and run, as the planner makes them for `/rollback prod 027`, and a way to read blocks."""

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.domain.approvals import Choice, Vote
from bot.domain.environments import ApprovalPolicy, BackupTarget, Environment, SmokeChecks, Workloads
from bot.domain.planned import (
    Estimate,
    PlannedDrop,
    PlannedLock,
    PlannedRows,
    PlannedScript,
    PlannedService,
    PlannedWorkload,
)
from bot.domain.plans import ChainPlan, P, Plan
from bot.domain.runs import Progress, Run, RunState, Step, StepState
from bot.planning.kinds import build_checklist
from bot.views.kit.blocks import View

ASKED = datetime(2026, 2, 11, 3, 0, tzinfo=UTC)
DAY = timedelta(days=1)
FLAGS, LOG = "public.feature_flags", "public.feature_flag_audit_log"
TRIGGER = f"trigger_update_feature_flags_updated_at on {FLAGS}"
PLAN = ChainPlan(
    environment="prod",
    asked_for="/rollback prod 027",
    from_schema=27,
    to_schema=26,
    from_app="v1.3.0",
    to_app="v1.2.3",
    scripts=(PlannedScript(27, "027_feature_flags", "ab" * 32, "Removes feature flag functionality.", 4),),
    remaining=tuple(range(1, 27)),
    drops=(
        PlannedDrop("function", "public.update_feature_flags_updated_at()", named=True),
        PlannedDrop("table", FLAGS, named=True),
        PlannedDrop("type", FLAGS, named=True, part_of=FLAGS),
        PlannedDrop("table column", f"{FLAGS}.id", named=True, part_of=FLAGS),
        PlannedDrop("table column", f"{FLAGS}.key", named=True, part_of=FLAGS),
        PlannedDrop("table constraint", f"feature_flags_pkey on {FLAGS}", named=True, part_of=FLAGS),
        PlannedDrop("index", "public.feature_flags_pkey", named=True, part_of=FLAGS),
        PlannedDrop("index", "public.feature_flags_key_key", named=True, part_of=FLAGS),
        PlannedDrop("trigger", TRIGGER, named=True, part_of=FLAGS),
        PlannedDrop("table", LOG, named=True),
        PlannedDrop("view", "public.active_flags", named=False),
        PlannedDrop("rule", '"_RETURN" on public.active_flags', named=False, part_of="public.active_flags"),
        PlannedDrop("table constraint", "p_flag_fkey on public.patients", named=False, part_of="public.patients"),
    ),
    rows=(
        PlannedRows(LOG, 1162, 262_144, "dropped"),
        PlannedRows(FLAGS, 42, 65_536, "dropped"),
    ),
    locks=(PlannedLock("public.patients", "AccessExclusiveLock"),),
    workloads=(
        PlannedWorkload("physioflow-api", "u1", "registry.example/api:v1.3.0", "registry.example/api:v1.2.3", 3, 4),
        PlannedWorkload("physioflow-web", "u2", "registry.example/web:v1.3.0", "registry.example/web:v1.2.3", 2, 4),
    ),
    services=(PlannedService("physioflow-api", "s1", (("app", "api"),)),),
    schema_fingerprint="f" * 64,
    expected_fingerprint="e" * 64,
    saves_to="physioflow-backups-prod",
    requested_app="",
    estimate=Estimate(total_s=95, downtime_s=41),
    warnings=("These functions stay and name something that goes: public.is_enabled(text).",),
)
RUN = Run(
    id="rk3f9a",
    environment="prod",
    plan=PLAN,
    state=RunState.PENDING,
    requester="U0ONCALL",
    reason="flags break booking",
    channel="C0INCIDENT",
    created_at=ASKED,
    expires_at=ASKED + timedelta(minutes=30),
)
VOTES = (
    Vote("U0LEADA", Choice.APPROVE, PLAN.digest, "reaction", ASKED + timedelta(minutes=1)),
    Vote("U0LEADB", Choice.APPROVE, PLAN.digest, "button", ASKED + timedelta(minutes=2)),
)
PROD = Environment(
    "prod",
    production=True,
    incident_channel="C0INCIDENT",
    workloads=Workloads("physioflow-prod", ("physioflow-api",), ("physioflow-api",), "physioflow-api"),
    backups=BackupTarget("physioflow-backups-prod"),
    approval=ApprovalPolicy(2, ("usergroup:S0LEADS",)),
    smoke=SmokeChecks(),
)


def recast(plan: Plan, wanted: type[P], **changes: object) -> P:
    """A plan of another kind, with everything that the two have in common."""
    own = {field.name for field in fields(wanted)}
    common = {field.name: getattr(plan, field.name) for field in fields(plan) if field.name in own}
    return wanted(**{**common, **changes})


def running(upto: str, state: StepState = StepState.RUNNING, progress: Progress | None = None) -> Run:
    """The run with every step before `upto` done in 2 s each, and that one in `state`."""
    steps: list[Step] = []
    begun = ASKED + timedelta(minutes=3)
    for step in build_checklist(PLAN.kind):
        at = begun + timedelta(seconds=2 * step.position)
        if any(done.key == upto for done in steps):
            steps.append(step)
        elif step.key == upto:
            ended = None if state is StepState.RUNNING else at + timedelta(seconds=1)
            steps.append(replace(step, state=state, started_at=at, ended_at=ended, attempts=1, progress=progress))
        else:
            ended = at + timedelta(seconds=2)
            steps.append(replace(step, state=StepState.DONE, started_at=at, ended_at=ended, attempts=1))
    return replace(RUN, state=RunState.RUNNING, started_at=begun, steps=tuple(steps))


def read(view: View) -> str:
    """All that a person reads in a message, a line each; buttons in brackets."""
    return "\n".join(line for block in view.blocks for line in _lines(block))


def buttons(view: View) -> dict[str, str]:
    """Action ids and values of a message's buttons."""
    rows = [block["elements"] for block in view.blocks if block["type"] == "actions"]
    return {element["action_id"]: element["value"] for row in rows for element in row if "value" in element}


def _lines(block: dict[str, Any]) -> list[str]:
    if block["type"] == "actions":
        return [" ".join(f"[{_face(element)}]" for element in block["elements"])]
    if block["type"] == "context":
        return [element["text"] for element in block["elements"]]
    return [block["text"]["text"]] if "text" in block else []


def _face(element: dict[str, Any]) -> str:
    """What a button says, or a menu's entries."""
    options = element.get("options", ())
    return str(element["text"]["text"]) if "text" in element else " | ".join(o["text"]["text"] for o in options)
