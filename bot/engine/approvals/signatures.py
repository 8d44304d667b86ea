"""Signs what Slack delivered and what follows from it, and checks the signatures where it is used.

The state database keeps requests, runs, their steps and votes; it does not hold the key. A row that somebody else has
inserted, changed or copied there does not verify.
"""

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, Field, fields, is_dataclass, replace
from datetime import UTC, datetime
from enum import Enum
from functools import lru_cache
from typing import Any

from bot.domain.approvals import Vote
from bot.domain.plans import Plan
from bot.domain.runs import Run, Step, StepState
from bot.domain.signing import Keyring, Purpose, SignatureState
from bot.ports import Request


def sign_request(keyring: Keyring, request: Request, taken_at: datetime) -> Request:
    """Sign a request, before it is persisted."""
    taken = replace(request, taken_at=taken_at)
    return replace(taken, signature=keyring.sign(Purpose.REQUEST, _request_fields(taken)))


def check_request(keyring: Keyring, request: Request) -> SignatureState:
    """Check a persisted request."""
    return keyring.check(Purpose.REQUEST, _request_fields(request), request.signature)


def sign_run(keyring: Keyring, run: Run) -> Run:
    """Sign a run: what was asked for, by whom, until when, and the whole plan."""
    return replace(run, signature=keyring.sign(Purpose.RUN, _run_fields(run)))


def check_run(keyring: Keyring, run: Run) -> SignatureState:
    """Check a run, without its steps."""
    return keyring.check(Purpose.RUN, _run_fields(run), run.signature)


def sign_vote(keyring: Keyring, run_id: str, vote: Vote) -> Vote:
    """Sign a vote on a run."""
    return replace(vote, signature=keyring.sign(Purpose.VOTE, _vote_fields(run_id, vote)))


def check_vote(keyring: Keyring, run_id: str, vote: Vote) -> SignatureState:
    """Check a vote on a run."""
    return keyring.check(Purpose.VOTE, _vote_fields(run_id, vote), vote.signature)


def verified(keyring: Keyring, run_id: str, votes: Sequence[Vote]) -> list[Vote]:
    """Leave out the votes that do not verify."""
    return [vote for vote in votes if check_vote(keyring, run_id, vote) is SignatureState.VALID]


def sign_step(keyring: Keyring, run: Run, step: Step) -> str:
    """Sign a step's state and data, within the run's checklist."""
    return keyring.sign(Purpose.STEP, _step_fields(run, step))


def is_step_genuine(keyring: Keyring, run: Run, step: Step) -> bool:
    """Tell if a step is as the run's owner recorded it. One that nobody has begun needs no signature."""
    if not step.signature:
        return step.state is StepState.WAITING and not step.attempts and not step.data
    return keyring.is_valid(Purpose.STEP, _step_fields(run, step), step.signature)


def _request_fields(request: Request) -> dict[str, Any]:
    return {
        "id": request.id,
        "kind": request.kind,
        "payload": dict(request.payload),
        "taken_at": _moment(request.taken_at),
    }


def _run_fields(run: Run) -> dict[str, Any]:
    return {
        "id": run.id,
        "environment": run.environment,
        "digest": run.plan.digest,
        "plan": _canonical_plan(run.plan),
        "requester": run.requester,
        "reason": run.reason.replace("\0", ""),  # as it is stored
        "channel": run.channel,
        "created_at": _moment(run.created_at),
        "expires_at": _moment(run.expires_at),
        "drill": run.drill,
        "request": run.request_id,
    }


@lru_cache(maxsize=64)
def _canonical_plan(plan: Plan) -> Any:
    # A run's row is checked after every step, and its plan is by far the largest part of it.
    return canonical(plan)


def _vote_fields(run_id: str, vote: Vote) -> dict[str, Any]:
    return {
        "run": run_id,
        "user": vote.user_id,
        "choice": vote.choice.value,
        "digest": vote.digest,
        "how": vote.how,
        "at": _moment(vote.at),
        "event_ts": f"{vote.event_ts:.6f}",
        "channel": vote.channel,
        "ts": vote.ts,
        "request": vote.request_id,
    }


def _step_fields(run: Run, step: Step) -> dict[str, Any]:
    # The run's signature stands for its plan; the keys, in order, for the checklist: a step that is gone, or that came
    # in between, is noticed at every other one.
    return {
        "run": run.id,
        "of": run.signature,
        "steps": [step.key for step in run.steps],
        "key": step.key,
        "state": step.state.value,
        "attempts": step.attempts,
        "data": canonical(step.data),
    }


def _moment(at: datetime | None) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds") if at else ""


def canonical(value: Any) -> Any:
    """Write a value in JSON's types. Fields that have their default are left out, as a later version's new ones are."""
    if is_dataclass(value) and not isinstance(value, type):
        given = ((field, getattr(value, field.name)) for field in fields(value))
        return {field.name: canonical(item) for field, item in given if not _is_default(field, item)}
    if isinstance(value, Mapping):
        return {str(key): canonical(item) for key, item in value.items()}
    if isinstance(value, set | frozenset):
        return sorted(canonical(item) for item in value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [canonical(item) for item in value]
    return _scalar(value)


def _scalar(value: object) -> str | int | float | None:
    if isinstance(value, datetime):
        return _moment(value)
    if isinstance(value, float) and value.is_integer():  # the database returns 5 for 5.0
        return int(value)
    plain = value.value if isinstance(value, Enum) else value
    return plain if plain is None or isinstance(plain, str | bool | int | float) else str(plain)


def _is_default(field: Field[Any], value: object) -> bool:
    if field.default is not MISSING:
        return bool(value == field.default)
    return field.default_factory is not MISSING and bool(value == field.default_factory())
