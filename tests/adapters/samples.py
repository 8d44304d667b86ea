"""Values to put in a journal, and a clock that stands still."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from bot.domain.approvals import Decision, Vote, decide, explain_rejection
from bot.domain.planned import (
    Estimate,
    PlannedDrop,
    PlannedLock,
    PlannedRows,
    PlannedScript,
    PlannedService,
    PlannedWorkload,
)
from bot.domain.plans import ChainPlan, Plan
from bot.domain.runs import Lease, Run, RunState, Step, WorkKind
from bot.ports.journal import Count, Verdict

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
NEVER = datetime(2999, 1, 1, tzinfo=UTC)
"""A request of that expiry is open, whatever the state database's clock says."""

PLAN = ChainPlan(
    environment="prod",
    asked_for="027",
    from_schema=27,
    to_schema=26,
    from_app="v1.3.0",
    to_app="v1.2.3",
    scripts=(PlannedScript(27, "027_feature_flags", "ab" * 32, "Removes flags – all of them.", 5),),
    remaining=(24, 25, 26),
    drops=(PlannedDrop("table", "public.feature_flags", named=True),),
    rows=(PlannedRows("public.feature_flags", 12, 8192, "dropped"),),
    locks=(PlannedLock("public.users", "AccessExclusiveLock"),),
    workloads=(PlannedWorkload("physioflow-api", "uid-1", "api:v1.3.0", "api:v1.2.3", 3, 4),),
    services=(PlannedService("physioflow-api", "uid-2", (("app", "physioflow"), ("tier", "api"))),),
    schema_fingerprint="cd" * 32,
    expected_fingerprint="ef" * 32,
    saves_to="s3://backups/exports/",
    requested_app="",
    estimate=Estimate(total_s=42.5, downtime_s=9.25),
    warnings=("A view hangs on it.",),
)

STEPS = (
    Step("recheck-plan", 0, "Re-check the plan"),
    Step("stop-traffic", 1, "Stop incoming traffic", data={"replicas": {"api": 3}}),
)


@dataclass
class StoppedClock:
    """A `bot.ports.Clock` that moves when it is told to."""

    at: datetime = NOON

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()

    def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


def make_run(
    run_id: str = "raaaaa", environment: str = "prod", created_at: datetime = NOON, expires_at: datetime = NEVER
) -> Run:
    return Run(
        id=run_id,
        environment=environment,
        plan=replace(PLAN, environment=environment),
        state=RunState.PENDING,
        requester="U0ONCALL",
        reason="flags broke the calendar",
        channel="C0INCIDENT",
        created_at=created_at,
        expires_at=expires_at,
    )


def asked_again(plan: Plan) -> Run:
    """The run as it is asked for once more, with that plan."""
    return replace(make_run(), plan=plan, signature="test:again")


def lease(fencing_token: int = 1, run_id: str = "raaaaa") -> Lease:
    """An owner's, of the run that tests open."""
    return Lease(WorkKind.RUN, run_id, fencing_token)


def counter(quorum: int = 99) -> Count:
    """Count votes for `PLAN` as the engine does; by default no quorum is reached."""

    def count(votes: Sequence[Vote]) -> Verdict:
        state = DECIDED[decide(votes, PLAN.digest, quorum)]
        problem = explain_rejection(votes, PLAN.digest) if state is RunState.REJECTED else ""
        return Verdict(state, problem, STEPS)

    return count


DECIDED = {
    Decision.WAITING: RunState.PENDING,
    Decision.APPROVED: RunState.APPROVED,
    Decision.REJECTED: RunState.REJECTED,
}
COUNT = counter()
