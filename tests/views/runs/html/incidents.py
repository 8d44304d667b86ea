"""Runs that have ended, with the audit events they left: one that went well, one that waits for people, one with
everything nasty in it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from bot.domain.backups import Export, SavedTable
from bot.domain.planned import PlannedLoss, PlannedRecreation, PlannedRestore
from bot.domain.plans import RestorePlan, UndoRollbackPlan, UndoSwapPlan
from bot.domain.runs import Run, RunState, Step, StepState
from bot.planning.kinds import build_checklist
from bot.ports import AuditEvent
from tests.views.samples import ASKED, FLAGS, LOG, PLAN, RUN, recast

BEGUN = ASKED + timedelta(minutes=3)
TOOK_S = {"backup": 1.4, "stop-traffic": 6.2, "export": 0.8, "start-app": 14.5, "load": 64.0}
EXPORT = Export(
    "rk3f9a",
    "exports/rk3f9a/",
    (
        SavedTable(FLAGS, "exports/rk3f9a/public.feature_flags.csv.gz", 42, 900, "a1" * 32, ("id", "key")),
        SavedTable(LOG, "exports/rk3f9a/public.feature_flag_audit_log.csv.gz", 1162, 81_920, "b2" * 32, ("id",)),
    ),
)
DETAILS = {
    "notify": "in this channel",
    "recheck": f"unchanged, {PLAN.short_digest}; 2 votes stand",
    "backup": "prod_pre-rollback-027-rk3f9a_20260211_030304, 0.3 MB",
    "stop-traffic": "5 pods stopped, 2 services held",
    "export": "1,204 rows of 2 tables, read back and counted",
    "chain": "027 undone, 26 migrations remain",
    "smoke": "2 of 2 passed",
    "follow-up": "close it with /rollback close rk3f9a LINK",
}
Details = Mapping[str, Any]


@dataclass(frozen=True)
class Incident:
    """What a report is made of."""

    run: Run
    events: Sequence[AuditEvent]
    export: Export | None = None


def walked(run: Run, upto: str, last: StepState = StepState.DONE, problem: str = "") -> Run:
    """The run with its checklist done to a step, that one in `last`."""
    steps: list[Step] = []
    at, reached = BEGUN, True
    for step in build_checklist(run.plan.kind):
        if not reached:
            steps.append(step)
            continue
        ended = at + timedelta(seconds=TOOK_S.get(step.key, 0.2))
        state = last if step.key == upto else StepState.DONE
        detail = problem if step.key == upto and problem else DETAILS.get(step.key, "")
        steps.append(replace(step, state=state, detail=detail, started_at=at, ended_at=ended, attempts=1))
        at, reached = ended, step.key != upto
    return replace(run, started_at=BEGUN, steps=tuple(steps))


def log(run: Run, *told: tuple[str, str, Details]) -> list[AuditEvent]:
    """Audit events from (actor, event, details), then one for each step that has ended."""
    digests = [f"{number:064x}" for number in range(90)]
    at = ASKED
    events: list[AuditEvent] = []
    for actor, name, details in told:
        events.append(AuditEvent(len(events) + 7, at, run.id, actor, name, details, "", digests[len(events)]))
        at += timedelta(seconds=31)
    for step in run.steps:
        if step.ended_at is not None and step.state in {StepState.DONE, StepState.FAILED}:
            name = "step" if step.state is StepState.DONE else "step-failed"
            details = {"key": step.key, "state": step.state.value, "detail": step.detail}
            number = len(events)
            events.append(AuditEvent(number + 7, step.ended_at, run.id, "backstop", name, details, "", digests[number]))
    return events


ASKING: tuple[tuple[str, str, Details], ...] = (
    ("U0ONCALL", "requested", {"asked_for": "/rollback prod 027", "digest": PLAN.digest, "name": "an"}),
    ("U0LEADA", "voted", {"choice": "approve", "how": "reaction", "digest": PLAN.digest, "name": "binh"}),
    ("U0ENG", "vote-refused", {"reason": "you are not one of this environment's approvers.", "how": "reaction",
                               "bot": False, "name": "dung"}),
    ("U0LEADB", "voted", {"choice": "approve", "how": "button", "digest": PLAN.digest, "name": "chi"}),
    ("backstop", "approved", {"digest": PLAN.digest, "quorum": 2}),
)  # fmt: skip
_DONE = replace(
    walked(RUN, "follow-up", StepState.OPEN), state=RunState.SUCCEEDED, ended_at=BEGUN + timedelta(seconds=26)
)
WENT_WELL = Incident(
    replace(
        _DONE,
        steps=tuple(
            replace(step, data={"backup": DETAILS["backup"].split(",")[0], "key": "prod_pre.tar.gz"})
            if step.key == "backup"
            else step
            for step in _DONE.steps
        ),
    ),
    [
        *log(_DONE, *ASKING),
        *log(
            replace(_DONE, steps=()),
            (
                "U0LEADA",
                "documented",
                {
                    "wrong": "The flag check ran on every request.\nThe booking page timed out under load.",
                    "change": "Cache the flags; load-test the booking page before each release.",
                    "name": "binh",
                },
            ),
        ),
    ],
    EXPORT,
)

CAME = PlannedRestore(
    backup="prod_nightly_20260211_020000", key="prod_nightly_20260211_020000.tar.gz", version_id="v1", sha256="cd" * 32,
    created_at=ASKED - timedelta(hours=1), verified="restored and compared, 6 h ago",
    losses=(PlannedLoss("public.appointments", 18_204, 18_112), PlannedLoss("public.waitlist", 12, 0, gone=True),
            PlannedLoss("public.notifications", 90, 96)),
    compared=True, incoming="physioflow_prod_backstop_side_rk3f9a", outgoing="physioflow_prod_backstop_kept_rk3f9a",
    keep_s=604_800,
)  # fmt: skip
RESTORE = recast(PLAN, RestorePlan, asked_for="/rollback prod latest", restore=CAME)
_PROBLEM = (
    "smoke-failed: GET /health of physioflow-api answered 503 after 2 min. The log of the pod may say more. "
    "cancelled by <@U0LEADA>"
)
_STOPPED = replace(
    walked(replace(RUN, plan=RESTORE), "smoke", StepState.FAILED, "smoke-failed: GET /health answered 503"),
    state=RunState.PARKED,
    problem=_PROBLEM,
)
PARKED = Incident(
    replace(
        _STOPPED,
        steps=tuple(
            replace(step, data={"odd": ["3 rows of public.invoices break their foreign key"], "not_copied": []})
            if step.key == "verify-side"
            else step
            for step in _STOPPED.steps
        ),
    ),
    log(
        _STOPPED,
        *ASKING,
        ("backstop", "plan-changed", {"old": "0" * 64, "new": PLAN.digest, "differences": ["app: v1.3.0 → v1.2.3"]}),
        ("backstop", "escalated", {
            "problem": _PROBLEM, "backup": f"the database from before is kept as {CAME.outgoing}",
            "recovery": ["archiver: last 0/9A3F000", "restore point before-rk3f9a at 0/9A40128"],
            "logs": {"postgres-0": "LOG:  checkpoint starting\n(2 lines left out)\nFATAL:  terminating"},
        }),
    ),
)  # fmt: skip
RECREATED = Incident(
    replace(
        walked(
            replace(
                RUN,
                plan=recast(
                    PLAN,
                    UndoRollbackPlan,
                    asked_for="/rollback undo rk3f9a",
                    undoes="rk3f9a",
                    source=PlannedRecreation("prod_pre", "k.tar.gz", "v", "ef" * 32, ASKED, "exports/rk3f9a/"),
                ),
            ),
            "follow-up",
        ),
        state=RunState.SUCCEEDED,
        ended_at=BEGUN + timedelta(seconds=26),
    ),
    log(RUN, *ASKING, ("U0LEADB", "follow-up-closed", {"link": "https://example.org/fix/7"})),
)
UNDONE = Incident(
    replace(
        walked(
            replace(RUN, plan=recast(RESTORE, UndoSwapPlan, undoes="rk3f9a")),
            "smoke",
            StepState.FAILED,
            "no",
        ),
        state=RunState.FAILED,
        problem="smoke-failed: no",
    ),
    [],
)

EVIL = "<script>alert(1)</script>\"'><img src=//evil.example onerror=alert(2)>{{7*7}}{% raw %}javascript:alert(3)\u202e"
LONG = "public." + "a_very_long_identifier_" * 12
_EVIL_PLAN = replace(
    PLAN,
    environment=EVIL,
    asked_for=EVIL,
    from_app=EVIL,
    drops=tuple(replace(drop, identity=EVIL if drop.named else LONG) for drop in PLAN.drops),
    rows=tuple(replace(row, table=LONG) for row in PLAN.rows),
    warnings=(EVIL, LONG),
)
_EVIL_RUN = replace(
    WENT_WELL.run, plan=_EVIL_PLAN, environment=EVIL, reason=EVIL * 3, problem=f"{EVIL} {LONG}", requester=EVIL,
    state=RunState.FAILED,
    steps=tuple(replace(step, detail=EVIL, title=LONG) for step in WENT_WELL.run.steps),
)  # fmt: skip
HOSTILE = Incident(
    _EVIL_RUN,
    log(
        _EVIL_RUN,
        ("U0LEADA", "voted", {"choice": EVIL, "how": EVIL, "digest": EVIL, "name": EVIL}),
        ("U0LEADA", "documented", {"wrong": f"{EVIL}\n{LONG}", "change": EVIL, "name": EVIL}),
        ("U0LEADB", "follow-up-closed", {"link": f"javascript:alert(1)//{EVIL}"}),
        ("backstop", "escalated", {"problem": EVIL, "logs": {EVIL: EVIL}, "recovery": [EVIL], "backup": EVIL}),
        (EVIL, EVIL, {EVIL: EVIL, "list": [EVIL], "map": {EVIL: EVIL}}),
    ),
    replace(EXPORT, tables=tuple(replace(table, table=EVIL, key=LONG) for table in EXPORT.tables)),
)
ALL = {
    "went-well": WENT_WELL,
    "parked": PARKED,
    "recreated": RECREATED,
    "undone": UNDONE,
    "hostile": HOSTILE,
}
