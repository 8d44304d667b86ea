"""The last approval, the start and a rejection at one moment, on the real journal: each race has one outcome."""

import random
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from bot.adapters.journal import PostgresJournal
from bot.domain.approvals import Choice, Vote
from bot.domain.runs import Run, RunState, StepState
from bot.engine.approvals.signatures import sign_run, sign_vote
from bot.engine.approvals.voting import vote
from bot.engine.context import Services
from bot.engine.requests import CastVote, read, read_audience
from bot.errors import BotError
from bot.planning.checklist import RECHECK
from tests.adapters.samples import COUNT, NOON, PLAN, make_run
from tests.fakes.directory import LEAD_A, LEAD_B, LEAD_C
from tests.fakes.keyring import KEYRING
from tests.fakes.process import Process
from tests.fakes.world import World

RACES = 1000
MAX_DELAY_S = 0.012
"""About as long as an approval and a start take here, so that rejections come before, between and after."""


@dataclass
class Race:
    """Two replicas with one journal: one handles the last approval and starts the run, one the rejection."""

    world: World
    services: Services
    together: threading.Barrier

    def cast(self, run: Run, user: str, choice: str) -> str:
        """Handle a button; returns the refusal's reference."""
        stored = self.world.ballot(user, run.id, run.plan.short_digest, choice)
        request = read(stored)
        assert isinstance(request, CastVote)
        try:
            vote(self.services, read_audience(stored), request)
        except BotError as error:
            return error.reference
        return "counted"

    def approve_and_start(self, run: Run) -> bool:
        """Do what the runner does until the re-check is over; True when it would go on from there."""
        journal = self.services.journal
        self.together.wait()
        self.cast(run, LEAD_B, "approve")
        taken = journal.runs.take(run.id, "bot:1", 30)
        if taken is None:
            return False
        journal.leases.record_step(taken.lease, RECHECK, StepState.RUNNING)
        journal.leases.record_step(taken.lease, RECHECK, StepState.DONE)
        now = journal.runs.find(run.id)
        return now is not None and now.state is RunState.RUNNING and not now.cancel_requested_by

    def reject(self, run: Run, delay_s: float) -> str:
        self.together.wait()
        threading.Event().wait(delay_s)
        return self.cast(run, LEAD_C, "reject")


def judge(run: Run, told: str, *, started: bool) -> str:
    """Name the outcome of a race; a contradiction is named as one."""
    if told == "counted" and not started and run.state is RunState.REJECTED:
        return "rejected"
    if told == "counted" and not started and run.cancel_requested_by == LEAD_C:
        return "stopped before the end of its re-check"
    if told == "vote-closed" and started and run.state is RunState.RUNNING:
        return "started"
    return f"contradiction: run {run.state}, rejection {told}, started {started}"


def test_of_a_last_approval_a_start_and_a_rejection_at_once_one_wins(journal: PostgresJournal, tmp_path: Path) -> None:
    world = World(tmp_path)
    race = Race(world, replace(world.services(Process("first")), journal=journal), threading.Barrier(2))
    outcomes: Counter[str] = Counter()
    dice = random.Random(26)  # noqa: S311 -- the same delays with every run
    with ThreadPoolExecutor(2) as threads:
        for number in range(RACES):
            run = sign_run(KEYRING, make_run(f"r{number:05}"))
            journal.runs.open(run)
            first = sign_vote(KEYRING, run.id, Vote(LEAD_A, Choice.APPROVE, PLAN.digest, "button", NOON))
            journal.votes.cast(run.id, first, COUNT)
            start = threads.submit(race.approve_and_start, run)
            told = threads.submit(race.reject, run, dice.uniform(0, MAX_DELAY_S)).result()
            started, ended = start.result(), journal.runs.find(run.id)
            assert ended is not None
            outcomes[judge(ended, told, started=started)] += 1
            if ended.state is not RunState.REJECTED:
                assert journal.runs.end(run.id, RunState.FAILED, expect=frozenset({ended.state}))
    assert set(outcomes) == {"rejected", "stopped before the end of its re-check", "started"}
