"""Maps the domain's values to rows, and back."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from psycopg.rows import DictRow
from pydantic import TypeAdapter

from bot.domain.approvals import Vote
from bot.domain.drills import Drill
from bot.domain.plans import PLANS, Plan, PlanKind
from bot.domain.runs import Progress, Run, Step
from bot.ports import AuditEvent, Request

_PLANS = {kind: TypeAdapter(plan) for kind, plan in PLANS.items()}
_PLAN_VERSION = 2
_PLAN_NAMES = {"wished_app": "requested_app", "regrowth": "source"}
"""What version 1 of a stored plan called some fields. It had every field for every kind of plan."""
_RUN = TypeAdapter(Run)
_STEP = TypeAdapter(Step)
_VOTE = TypeAdapter(Vote)
_PROGRESS = TypeAdapter(Progress)
_REQUEST = TypeAdapter(Request)
_EVENT = TypeAdapter(AuditEvent)
_DRILL = TypeAdapter(Drill)


def to_json(value: Mapping[str, Any] | list[Any]) -> str:
    """Write JSON as text: non-ASCII escaped, no NaN; raises ValueError or TypeError for anything JSON has not."""
    return json.dumps(value, allow_nan=False)


def run_row(run: Run) -> dict[str, Any]:
    """A new run's columns."""
    return {
        "id": run.id,
        "environment": run.environment,
        "requester": run.requester,
        "reason": run.reason.replace("\0", ""),  # PostgreSQL's text has no NUL
        "channel": run.channel,
        "created_at": run.created_at,
        "expires_at": run.expires_at,
        "drill": run.drill,
        "request_id": run.request_id,
        "signature": run.signature,
        **plan_row(run.plan),
    }


def plan_row(plan: Plan) -> dict[str, Any]:
    """Write a plan's columns."""
    fields = _PLANS[plan.kind].dump_python(plan, mode="json")
    return {"plan": to_json({"version": _PLAN_VERSION, "kind": plan.kind.value, **fields}), "digest": plan.digest}


def read_plan(stored: Mapping[str, Any]) -> Plan:
    """Read a plan of any version: journals keep those of old releases."""
    # Fields that a kind does not have were empty in version 1, and are left out.
    fields = {_PLAN_NAMES.get(name, name): value for name, value in stored.items()}
    return _PLANS[PlanKind(stored["kind"])].validate_python(fields)


def step_row(step: Step) -> dict[str, Any]:
    """A new step's columns."""
    return {
        "key": step.key,
        "position": step.position,
        "title": step.title,
        "state": step.state.value,
        "detail": step.detail,
        "data": to_json(dict(step.data)),
    }


def progress_row(progress: Progress) -> str:
    """Progress as its column's JSON."""
    return _PROGRESS.dump_json(progress).decode()


def vote_row(vote: Vote) -> dict[str, Any]:
    """A vote's columns."""
    return {
        "user_id": vote.user_id,
        "choice": vote.choice.value,
        "digest": vote.digest,
        "how": vote.how,
        "at": vote.at,
        "event_ts": vote.event_ts,
        "channel": vote.channel,
        "ts": vote.ts,
        "request_id": vote.request_id,
        "signature": vote.signature,
    }


def read_step(row: Mapping[str, Any]) -> Step:
    """Read a step."""
    return _STEP.validate_python(_in_utc(row))


def read_run(row: DictRow) -> Run:
    """Read a run with its steps."""
    steps = tuple(read_step(step) for step in row["steps"])
    return _RUN.validate_python(_in_utc(row) | {"steps": steps, "plan": read_plan(row["plan"])})


def read_vote(row: DictRow) -> Vote:
    """Read a vote."""
    return _VOTE.validate_python(_in_utc(row))


def read_request(row: DictRow) -> Request:
    """Read a request."""
    return _REQUEST.validate_python(_in_utc(row))


def read_event(row: DictRow) -> AuditEvent:
    """Read an audit event."""
    return _EVENT.validate_python(_in_utc(row))


def read_drill(row: DictRow) -> Drill:
    """Read a drill with its steps."""
    steps = tuple(read_step(step) for step in row["steps"])
    return _DRILL.validate_python(_in_utc(row) | {"steps": steps})


def utc(at: datetime) -> datetime:
    """Give a time as the driver read it in UTC."""
    return at.astimezone(UTC)


def _in_utc(row: Mapping[str, Any]) -> dict[str, Any]:
    """Times in UTC, whether the driver read them or they came inside JSON (then every ``…_at`` is one)."""
    return {key: _utc(value) if key == "at" or key.endswith("_at") else value for key, value in row.items()}


def _utc(value: datetime | str | None) -> datetime | None:
    if value is None:
        return None
    return (datetime.fromisoformat(value) if isinstance(value, str) else value).astimezone(UTC)


def person(user_id: str) -> str:
    """Name a person in a sentence: a Slack id as a mention, anyone else as they are."""
    return f"<@{user_id}>" if user_id[:1] in {"U", "W"} and user_id.isalnum() else user_id


def moment(at: datetime) -> str:
    """Write a time in a sentence, to the minute, UTC."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
