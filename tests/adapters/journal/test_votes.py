"""Votes: one a person, while pending."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.adapters.journal import PostgresJournal
from bot.domain.approvals import Choice, Vote
from bot.errors import PermanentError
from tests.adapters.samples import NOON, PLAN, STEPS, make_run


def vote(user_id: str, choice: Choice = Choice.APPROVE, after_s: int = 0, digest: str = PLAN.digest) -> Vote:
    return Vote(user_id, choice, digest, "reaction", NOON + timedelta(seconds=after_s))


@pytest.fixture
def pending(journal: PostgresJournal) -> PostgresJournal:
    journal.open_run(make_run())
    return journal


def test_votes_come_back_oldest_first(pending: PostgresJournal) -> None:
    pending.cast("raaaaa", vote("U2", after_s=2))
    pending.cast("raaaaa", vote("U1", after_s=1))
    assert pending.votes("raaaaa") == [vote("U1", after_s=1), vote("U2", after_s=2)]


def test_a_person_has_one_vote_the_last(pending: PostgresJournal) -> None:
    pending.cast("raaaaa", vote("U1"))
    pending.cast("raaaaa", vote("U1", Choice.REJECT, 5))
    assert pending.votes("raaaaa") == [vote("U1", Choice.REJECT, 5)]


def test_a_vote_is_taken_back_the_way_it_was_cast(pending: PostgresJournal) -> None:
    pending.cast("raaaaa", vote("U1"))
    assert not pending.withdraw("raaaaa", "U1", "button")
    assert pending.withdraw("raaaaa", "U1", "reaction")
    assert not pending.withdraw("raaaaa", "U1", "reaction")
    assert pending.votes("raaaaa") == []


def test_no_vote_is_cast_or_taken_back_once_the_run_is_approved(pending: PostgresJournal) -> None:
    pending.cast("raaaaa", vote("U1"))
    assert pending.approve("raaaaa", PLAN.digest, STEPS)
    with pytest.raises(PermanentError, match="not-pending"):
        pending.cast("raaaaa", vote("U2"))
    assert not pending.withdraw("raaaaa", "U1", "reaction")
    assert pending.votes("raaaaa") == [vote("U1")]


def test_a_new_plan_takes_the_old_one_s_votes_with_it_even_if_it_comes_back(pending: PostgresJournal) -> None:
    moved = replace(PLAN, schema_fingerprint="99" * 32)
    pending.cast("raaaaa", vote("U1"))
    assert pending.approve("raaaaa", PLAN.digest, STEPS)
    assert pending.take("raaaaa", "bot:1", 30) is not None
    pending.replan("raaaaa", moved, NOON + timedelta(hours=1), 1)
    assert pending.votes("raaaaa") == []


def test_an_unchanged_plan_keeps_its_votes(pending: PostgresJournal) -> None:
    pending.cast("raaaaa", vote("U1"))
    assert pending.approve("raaaaa", PLAN.digest, STEPS)
    assert pending.take("raaaaa", "bot:1", 30) is not None
    pending.replan("raaaaa", PLAN, NOON + timedelta(hours=1), 1)
    assert pending.votes("raaaaa") == [vote("U1")]
