"""Votes: one a person, while pending."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from bot.adapters.journal import PostgresJournal
from bot.domain.approvals import Choice, Retracted, Retraction, Vote
from bot.domain.runs import RunState, Step, StepState
from bot.errors import PermanentError
from bot.planning.checklist import RECHECK
from bot.ports import AuditEntry
from tests.adapters.samples import COUNT, NOON, PLAN, STEPS, asked_again, lease, make_run
from tests.fakes.clock import FakeClock
from tests.fakes.journal import FakeJournal


def vote(
    user_id: str, choice: Choice = Choice.APPROVE, after_s: int = 0, digest: str = PLAN.digest, how: str = "reaction"
) -> Vote:
    return Vote(user_id, choice, digest, how, NOON + timedelta(seconds=after_s), Decimal(after_s))


def taken_back(after_s: int, choice: Choice = Choice.APPROVE, digest: str = PLAN.short_digest) -> Retraction:
    return Retraction("U1", choice, digest, Decimal(after_s))


@pytest.fixture(params=["real", "fake"])
def pending(request: pytest.FixtureRequest) -> PostgresJournal | FakeJournal:
    """A journal with a pending run, and the fake that the engine's tests use in its place."""
    journal: PostgresJournal | FakeJournal
    journal = FakeJournal(FakeClock()) if request.param == "fake" else request.getfixturevalue("journal")
    journal.runs.open(make_run())
    return journal


def test_votes_come_back_oldest_first(pending: PostgresJournal) -> None:
    pending.votes.cast("raaaaa", vote("U2", after_s=2), COUNT)
    pending.votes.cast("raaaaa", vote("U1", after_s=1), COUNT)
    assert pending.votes.current("raaaaa") == [vote("U1", after_s=1), vote("U2", after_s=2)]


def test_a_person_has_one_vote_the_last(pending: PostgresJournal) -> None:
    pending.votes.cast("raaaaa", vote("U1"), COUNT)
    pending.votes.cast("raaaaa", vote("U1", Choice.REJECT, 5), COUNT)
    assert pending.votes.current("raaaaa") == [vote("U1", Choice.REJECT, 5)]


def test_a_reaction_is_taken_back_a_button_is_not(pending: PostgresJournal) -> None:
    pending.votes.cast("raaaaa", vote("U1", how="button"), COUNT)
    assert pending.votes.withdraw("raaaaa", taken_back(1)) is Retracted.NOTHING
    pending.votes.cast("raaaaa", vote("U1", after_s=2), COUNT)
    assert pending.votes.withdraw("raaaaa", taken_back(3)) is Retracted.DONE
    assert pending.votes.withdraw("raaaaa", taken_back(3)) is Retracted.NOTHING
    assert pending.votes.current("raaaaa") == []


def test_a_vote_that_was_taken_back_before_it_came_is_not_cast(pending: PostgresJournal) -> None:
    assert pending.votes.withdraw("raaaaa", taken_back(2)) is Retracted.NOTHING
    assert not pending.votes.cast("raaaaa", vote("U1", after_s=1), COUNT)
    assert pending.votes.current("raaaaa") == []
    assert pending.votes.cast("raaaaa", vote("U2", after_s=1), COUNT)
    assert pending.votes.cast("raaaaa", vote("U1", after_s=3), COUNT)
    assert pending.votes.withdraw("raaaaa", taken_back(2)) is Retracted.NOTHING  # it comes once more, and is old
    assert pending.votes.current("raaaaa") == [vote("U2", after_s=1), vote("U1", after_s=3)]


def test_a_vote_and_its_removal_at_once_leave_none(journal: PostgresJournal) -> None:
    journal.runs.open(make_run())
    with ThreadPoolExecutor(2) as threads:
        for second in range(0, 40, 2):
            cast = threads.submit(journal.votes.cast, "raaaaa", vote("U1", after_s=second), COUNT)
            removed = threads.submit(journal.votes.withdraw, "raaaaa", taken_back(second + 1))
            assert (cast.result(), removed.result()) in {(RunState.PENDING, Retracted.DONE), (None, Retracted.NOTHING)}
            assert journal.votes.current("raaaaa") == []


def test_what_was_taken_back_last_counts_whatever_comes_last(pending: PostgresJournal) -> None:
    pending.votes.withdraw("raaaaa", taken_back(4))
    pending.votes.withdraw("raaaaa", taken_back(2))
    assert not pending.votes.cast("raaaaa", vote("U1", after_s=3), COUNT)


def test_a_click_is_not_undone_by_an_earlier_reaction_that_was_taken_back(pending: PostgresJournal) -> None:
    pending.votes.withdraw("raaaaa", taken_back(4))
    assert pending.votes.cast("raaaaa", vote("U1", after_s=3, how="button"), COUNT)


def test_a_retraction_is_about_one_choice_and_one_plan(pending: PostgresJournal) -> None:
    pending.votes.cast("raaaaa", vote("U1"), COUNT)
    assert pending.votes.withdraw("raaaaa", taken_back(1, Choice.REJECT)) is Retracted.NOTHING
    assert pending.votes.withdraw("raaaaa", taken_back(1, digest="0" * 12)) is Retracted.NOTHING
    assert pending.votes.current("raaaaa") == [vote("U1")]


def test_an_older_approval_does_not_replace_a_newer_vote_a_rejection_always_does(pending: PostgresJournal) -> None:
    assert pending.votes.cast("raaaaa", vote("U1", after_s=5), COUNT)
    assert not pending.votes.cast("raaaaa", vote("U1", after_s=4), COUNT)
    assert pending.votes.cast("raaaaa", vote("U1", Choice.REJECT, 3), COUNT)
    assert pending.votes.current("raaaaa") == [vote("U1", Choice.REJECT, 3)]


def test_no_vote_is_cast_for_another_plan_than_the_run_has(pending: PostgresJournal) -> None:
    with pytest.raises(PermanentError, match="vote-stale"):
        pending.votes.cast("raaaaa", vote("U1", digest="0" * 64), COUNT)
    assert pending.votes.current("raaaaa") == []


def test_the_log_says_what_was_done_and_only_that(pending: PostgresJournal) -> None:
    voted, gone = AuditEntry("U1", "voted", {}), AuditEntry("U1", "vote-withdrawn", {})
    pending.votes.cast("raaaaa", vote("U1", after_s=1), COUNT, voted)
    pending.votes.cast("raaaaa", vote("U1", after_s=1), COUNT, voted)  # its handler died, and another one does it again
    pending.votes.withdraw("raaaaa", taken_back(2), gone)
    pending.votes.withdraw("raaaaa", taken_back(2), gone)
    pending.votes.cast("raaaaa", vote("U1", after_s=1), COUNT, voted)
    assert [event.event for event in pending.audit.events("raaaaa")] == ["voted", "vote-withdrawn"]


def test_a_vote_can_be_taken_back_until_the_plan_is_checked_again(pending: PostgresJournal) -> None:
    pending.votes.cast("raaaaa", vote("U1"), COUNT)
    assert pending.runs.approve("raaaaa", PLAN.digest, (Step(RECHECK, 0, "Re-check the plan"),))
    run = pending.runs.take("raaaaa", "bot:1", 30)
    assert run is not None
    assert pending.votes.withdraw("raaaaa", taken_back(1)) is Retracted.DONE
    pending.runs.replan(run.lease, asked_again(PLAN))
    pending.votes.cast("raaaaa", vote("U1", after_s=2), COUNT)
    assert pending.runs.approve("raaaaa", PLAN.digest, (Step(RECHECK, 0, "Re-check the plan"),))
    run = pending.runs.take("raaaaa", "bot:1", 30)
    assert run is not None
    pending.leases.record_step(lease(run.fencing_token), RECHECK, StepState.RUNNING)
    assert pending.votes.withdraw("raaaaa", taken_back(3)) is Retracted.TOO_LATE
    assert pending.votes.current("raaaaa") == [vote("U1", after_s=2)]
    pending.runs.end("raaaaa", RunState.FAILED, expect=frozenset({RunState.RUNNING}), fencing_token=run.fencing_token)
    assert pending.votes.withdraw("raaaaa", taken_back(3)) is Retracted.NOTHING


def test_no_vote_is_cast_or_taken_back_once_the_run_is_approved(pending: PostgresJournal) -> None:
    pending.votes.cast("raaaaa", vote("U1"), COUNT)
    assert pending.runs.approve("raaaaa", PLAN.digest, STEPS)
    with pytest.raises(PermanentError, match="not-pending"):
        pending.votes.cast("raaaaa", vote("U2"), COUNT)
    assert pending.votes.withdraw("raaaaa", taken_back(1)) is Retracted.TOO_LATE
    assert pending.votes.current("raaaaa") == [vote("U1")]


def test_a_new_plan_takes_the_old_one_s_votes_with_it_even_if_it_comes_back(pending: PostgresJournal) -> None:
    moved = replace(PLAN, schema_fingerprint="99" * 32)
    pending.votes.cast("raaaaa", vote("U1"), COUNT)
    assert pending.runs.approve("raaaaa", PLAN.digest, STEPS)
    assert pending.runs.take("raaaaa", "bot:1", 30) is not None
    pending.runs.replan(lease(1), asked_again(moved))
    assert pending.votes.current("raaaaa") == []


def test_an_unchanged_plan_keeps_its_votes(pending: PostgresJournal) -> None:
    pending.votes.cast("raaaaa", vote("U1"), COUNT)
    assert pending.runs.approve("raaaaa", PLAN.digest, STEPS)
    assert pending.runs.take("raaaaa", "bot:1", 30) is not None
    pending.runs.replan(lease(1), asked_again(PLAN))
    assert pending.votes.current("raaaaa") == [vote("U1")]


def test_votes_that_no_longer_count_go_with_the_replan(pending: PostgresJournal) -> None:
    pending.votes.cast("raaaaa", vote("U1"), COUNT)
    pending.votes.cast("raaaaa", vote("U2", how="button"), COUNT)
    assert pending.runs.approve("raaaaa", PLAN.digest, STEPS)
    assert pending.runs.take("raaaaa", "bot:1", 30) is not None
    entry = AuditEntry("backstop", "vote-withdrawn", {"user": "U2"})
    pending.runs.replan(lease(), asked_again(PLAN), {"U2": entry})
    assert pending.votes.current("raaaaa") == [vote("U1")]
    assert [event.details for event in pending.audit.events("raaaaa")] == [{"user": "U2"}]
