"""What the Home tab asks the journal: who has come, what is open, whether anything has changed."""

from dataclasses import replace
from datetime import timedelta

from bot.adapters.journal import PostgresJournal
from bot.adapters.journal.connections import Pool
from bot.domain.approvals import Choice, Retraction, Vote
from bot.domain.jobs import JobKind
from bot.domain.runs import Progress, RunState, StepState
from bot.ports import Request
from tests.adapters.samples import COUNT, NOON, PLAN, STEPS, asked_again, lease, make_run

WEEK_S = 7 * 86_400.0


def visit(user: str, number: int) -> Request:
    return Request(f"event:{number}", "home", {"user_id": user, "channel": "D1", "response_url": ""})


def test_visitors_are_those_who_opened_it_recently(journal: PostgresJournal, pool: Pool) -> None:
    for number, user in enumerate(("U2", "U1", "U2", "U3")):
        journal.requests.accept(visit(user, number))
    journal.requests.accept(Request("slash:1", "status", {"user_id": "U4"}))
    with pool.connection() as conn:
        conn.execute("UPDATE backstop.requests SET accepted_at = accepted_at - interval '8 days' WHERE id = 'event:3'")
    assert journal.activity.visitors(WEEK_S) == ["U1", "U2"]
    assert journal.activity.visitors(9 * 86_400.0) == ["U1", "U2", "U3"]


def test_visitors_of_either(either: PostgresJournal) -> None:
    assert either.activity.visitors(WEEK_S) == []
    either.requests.accept(visit("U1", 1))
    either.requests.accept(visit("U1", 2))
    assert either.activity.visitors(WEEK_S) == ["U1"]


def test_the_pulse_changes_with_everything_that_is_shown(either: PostgresJournal) -> None:
    seen = [either.activity.pulse()]

    def changed() -> None:
        now = either.activity.pulse()
        assert now == either.activity.pulse()
        assert now not in seen
        seen.append(now)

    either.runs.open(make_run())
    changed()
    either.votes.cast("raaaaa", Vote("U1", Choice.APPROVE, PLAN.digest, "reaction", NOON), COUNT)
    changed()
    either.votes.withdraw("raaaaa", Retraction("U1", Choice.APPROVE, PLAN.short_digest))
    assert either.activity.pulse() == seen[1]
    either.runs.approve("raaaaa", PLAN.digest, STEPS)
    changed()
    run = either.runs.take("raaaaa", "bot:1", 30)
    assert run is not None
    changed()
    either.leases.record_step(lease(run.fencing_token), STEPS[0].key, StepState.RUNNING)
    changed()
    either.leases.record_progress(lease(run.fencing_token), STEPS[0].key, Progress(1, 2, "bytes"))
    assert either.activity.pulse() == seen[-1]
    either.leases.record_step(lease(run.fencing_token), STEPS[1].key, StepState.OPEN)
    changed()
    either.runs.end("raaaaa", RunState.SUCCEEDED, expect=frozenset({RunState.RUNNING}))
    changed()
    either.freezes.freeze("prod", "U1", "why")
    changed()
    either.freezes.freeze("prod", "U1", "something else")
    changed()
    either.requests.accept(Request("slash:1", "take", {"user_id": "U1"}))
    either.jobs.hold("prod", JobKind.TAKE, "slash:1", "U1")
    changed()
    with either.requests.claim("slash:1") as claim:
        assert claim is not None
        claim.finish()
    changed()


def test_a_replan_changes_the_pulse(journal: PostgresJournal) -> None:
    journal.runs.open(make_run())
    journal.runs.approve("raaaaa", PLAN.digest, STEPS)
    run = journal.runs.take("raaaaa", "bot:1", 30)
    assert run is not None
    before = journal.activity.pulse()
    moved = replace(PLAN, schema_fingerprint="99" * 32)
    journal.runs.replan(run.lease, asked_again(moved))
    assert journal.activity.pulse() != before


def test_follow_ups_are_runs_with_a_step_left_to_people(either: PostgresJournal) -> None:
    for number, run_id in enumerate(("raaaaa", "rbbbbb", "rccccc")):
        either.runs.open(make_run(run_id, created_at=NOON + timedelta(minutes=number)))
        either.runs.approve(run_id, PLAN.digest, STEPS)
        run = either.runs.take(run_id, "bot:1", 30)
        assert run is not None
        state = StepState.DONE if run_id == "rbbbbb" else StepState.OPEN
        either.leases.record_step(run.lease, STEPS[1].key, state)
        either.runs.end(
            run_id, RunState.SUCCEEDED, expect=frozenset({RunState.RUNNING}), fencing_token=run.fencing_token
        )

    found = either.runs.open_follow_ups()

    assert [run.id for run in found] == ["raaaaa", "rccccc"]
    assert [step.state for step in found[0].steps] == [StepState.WAITING, StepState.OPEN]


def test_the_pulse_is_cheap(journal: PostgresJournal, pool: Pool) -> None:
    """It is asked every two seconds by every replica: thousands of old runs must not matter."""
    with pool.connection() as conn:
        conn.execute("SET LOCAL enable_seqscan = off")
        plan = conn.execute("EXPLAIN SELECT work_id FROM backstop.steps WHERE state = 'open'").fetchall()
    assert "steps_open" in str(plan)
    assert journal.activity.pulse()
