"""JSON cases in, Plan out: every refusal whole, every plan whole."""

import json
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import pytest

from bot.domain.plans import ChainPlan
from bot.errors import PermanentError
from bot.planning.facts import RollbackRequest
from bot.planning.kinds import read_request
from tests.planning.case import plan_of

DEFAULTS = {field.name: field.default for field in fields(ChainPlan)}
REFUSALS = {
    "already-undone",
    "another-run-active",
    "app-incompatible",
    "app-not-in-history",
    "app-version-unreadable",
    "database-closed",
    "drill-too-old",
    "environment-frozen",
    "missing-rights",
    "no-compatible-app",
    "no-down-script",
    "unknown-migration",
    "wrong-name",
}
CASES = sorted((Path(__file__).parent / "cases").glob("*.json"))


def read(path: Path) -> dict[str, Any]:
    case: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return case


def outcome_of(case: dict[str, Any]) -> dict[str, Any]:
    """What the planner makes of it, in JSON's types."""
    try:
        plan = plan_of(case)
    except PermanentError as error:
        return {"refused": {"reference": error.reference, "message": error.message, "hint": error.hint}}
    assert plan.place is not None
    assert plan.place.bucket == plan.saves_to
    plan = replace(plan, place=None)  # so that the cases' digests are those of what is done, wherever
    request = read_request(plan)
    assert isinstance(request, RollbackRequest)
    assert request.migration == case["request"]["migration"]
    stated = {"kind": plan.kind} | {name: value for name, value in asdict(plan).items() if value != DEFAULTS.get(name)}
    outcome: dict[str, Any] = json.loads(json.dumps({"plan": {"digest": plan.digest, **stated}}, default=str))
    return outcome


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_case(path: Path) -> None:
    case = read(path)
    assert outcome_of(case) == case["expect"]


def test_every_refusal_of_a_chain_has_a_case() -> None:
    refused = {case["expect"]["refused"]["reference"] for case in map(read, CASES) if "refused" in case["expect"]}
    assert refused == REFUSALS


def test_the_same_facts_give_the_same_plan() -> None:
    for case in map(read, CASES):
        assert outcome_of(case) == outcome_of(case)
