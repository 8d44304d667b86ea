"""Rows and log agree over everything that people and the bot do, and each row that was forged shows."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import pytest

from bot.domain.audit import AuditEvent, FreezeRecord, Records, RunRecord, VoteRecord
from bot.engine.audit.agreement import AgreementCheck
from bot.engine.audit.findings import Findings

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
Line = tuple[str, str, dict[str, Any]]
REQUESTED: Line = ("U1", "requested", {"digest": "d1"})
CHANGED: Line = ("backstop", "plan-changed", {"old": "d1", "new": "d2"})
CHANGED_BACK: Line = ("backstop", "plan-changed", {"old": "d2", "new": "d1"})
STARTED: Line = ("backstop", "run-started", {"digest": "d1"})


def voted(user: str, choice: str = "approve", digest: str = "d1") -> Line:
    return (user, "voted", {"choice": choice, "digest": digest})


def approved(digest: str = "d1", **details: Any) -> Line:
    return ("backstop", "approved", {"digest": digest, "quorum": 2, **details})


def ended(state: str) -> Line:
    return ("backstop", "run-ended", {"state": state})


APPROVED = [REQUESTED, voted("U2"), voted("U3"), approved()]
TWO = [("U2", "approve", "d1"), ("U3", "approve", "d1")]


def run(state: str, digest: str = "d1", drill: str = "") -> RunRecord:
    return RunRecord("r1", "prod", state, "U1", digest, drill)


def faults(
    lines: Iterable[Line],
    *runs: RunRecord,
    votes: Iterable[tuple[str, str, str]] = (),
    freezes: Iterable[FreezeRecord] = (),
    head: int = 999,
) -> list[str]:
    rows = tuple(VoteRecord("r1", *vote) for vote in votes)
    check, findings = AgreementCheck(Records(head, NOON, runs, rows, tuple(freezes))), Findings()
    for number, (actor, event, details) in enumerate(lines, 1):
        run_id = "" if "environment" in details else "r1"
        check.add(AuditEvent(number, NOON, run_id, actor, event, details, "", ""))
    check.report(findings)
    return findings.faults


@pytest.mark.parametrize(
    ("lines", "row", "votes"),
    [
        ([REQUESTED], run("pending"), []),
        ([REQUESTED, voted("U2")], run("pending"), TWO[:1]),
        ([REQUESTED, voted("U2", "reject"), voted("U2")], run("pending"), TWO[:1]),
        ([REQUESTED, voted("U2"), ("U2", "vote-withdrawn", {"digest": "d1"})], run("pending"), []),
        (
            [*APPROVED, STARTED, ("backstop", "vote-withdrawn", {"user": "U2", "digest": "d1"})],
            run("pending"),
            TWO[1:],
        ),
        (APPROVED, run("approved"), TWO),
        ([*APPROVED, STARTED], run("running"), TWO),
        ([*APPROVED, STARTED, ended("succeeded")], run("succeeded"), TWO),
        ([*APPROVED, STARTED, ended("parked")], run("parked"), TWO),
        ([*APPROVED, STARTED, ended("parked"), ("U1", "resumed", {})], run("approved"), TWO),
        ([*APPROVED, STARTED, ended("failed"), ("backstop", "run-taken-up", {})], run("running"), TWO),
        ([*APPROVED, STARTED, CHANGED], run("pending", "d2"), []),
        ([*APPROVED, STARTED, CHANGED, ended("cancelled")], run("cancelled"), TWO),
        ([*APPROVED, STARTED, CHANGED, CHANGED_BACK, voted("U2")], run("pending"), TWO[:1]),
        ([REQUESTED, voted("U2", "reject"), ended("rejected")], run("rejected"), [("U2", "reject", "d1")]),
        ([REQUESTED, ended("expired")], run("expired"), []),
        ([REQUESTED, ("U1", "cancel-requested", {})], run("cancelled"), []),
        ([REQUESTED, approved(drill="x"), STARTED], run("running", drill="x"), []),
        ([REQUESTED], run("cancelled", drill="x"), []),
    ],
)
def test_what_happens_agrees(lines: list[Line], row: RunRecord, votes: list[tuple[str, str, str]]) -> None:
    assert faults(lines, row, votes=votes) == []


@pytest.mark.parametrize(
    ("lines", "row", "votes", "fault"),
    [
        ([], run("pending"), [], "no event says that somebody requested it"),
        ([REQUESTED], run("approved"), [], "its row says approved, and no event approves that plan"),
        ([REQUESTED], run("running"), TWO, "the vote of U2 has no event"),
        ([REQUESTED, approved()], run("approved"), TWO, "the log has 0 of the 2 votes for its plan"),
        (
            [REQUESTED, voted("U2"), voted("U3", digest="d0"), approved()],
            run("approved"),
            TWO,
            "the log has 1 of the 2 votes",
        ),
        ([REQUESTED, STARTED, ended("succeeded")], run("succeeded"), [], "it started in event 2 without an approval"),
        ([*APPROVED, STARTED, CHANGED], run("approved", "d2"), [], "no event approves that plan"),
        ([*APPROVED, STARTED, CHANGED], run("approved"), TWO, "its row has plan d1, the log has d2"),
        ([*APPROVED], run("succeeded"), TWO, "its row says succeeded, and no event ends it"),
        ([*APPROVED, STARTED, ended("failed")], run("succeeded"), TWO, "its row says succeeded, the log says failed"),
        ([*APPROVED, STARTED, ended("failed")], run("running"), TWO, "its row says running, event 6 says failed"),
        ([REQUESTED], run("cancelled"), [], "its row says cancelled, and no event ends it"),
        ([REQUESTED, voted("U2", "reject")], run("pending"), TWO[:1], "the vote of U2 is not the one of event 2"),
        ([REQUESTED, voted("U2")], run("pending"), [], "the vote of U2 in event 2 has no row"),
        ([("U9", "requested", {"digest": "d1"})], run("pending"), [], "says U1 requested it, event 1 says U9"),
    ],
)
def test_what_was_forged_does_not(
    lines: list[Line], row: RunRecord, votes: list[tuple[str, str, str]], fault: str
) -> None:
    assert any(f"Run r1 and the log disagree: {fault}" in f or fault in f for f in faults(lines, row, votes=votes))


def test_rows_and_runs_that_are_gone() -> None:
    assert faults([REQUESTED]) == ["Run r1, requested in event 1, has no row: it was deleted."]
    assert faults([], votes=TWO) == ["Votes for run r1 have no run."]


def test_what_was_logged_after_the_rows_were_read_is_left_out() -> None:
    assert faults([*APPROVED, STARTED], run("pending"), head=1) == []


def test_freezes() -> None:
    frozen: Line = ("U1", "frozen", {"environment": "prod", "reason": "a\0b"})
    thawed: Line = ("U2", "unfrozen", {"environment": "prod"})
    row = FreezeRecord("prod", "U1", "ab")
    assert faults([frozen], freezes=[row]) == []
    assert faults([frozen, thawed]) == []
    assert faults([frozen, thawed], freezes=[row]) == [
        "The freeze of prod by U1 is not in the log: its row was forged."
    ]
    assert faults([frozen]) == ["prod was frozen in event 1, and its freeze is gone without an event."]
