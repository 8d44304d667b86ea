"""Writing to the state database is no consent: nothing starts, whatever rows are forged, and each is named."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from bot.adapters.journal import Pool, migrate, open_pool
from bot.domain.runs import RunState
from bot.domain.signing import KEY_BYTES, Keyring
from bot.planning import checklist
from bot.sandbox.postgres import PostgresServer
from tests.attacks.forgeries import Attack, Forge, RealWorld, with_everything
from tests.engine.story import Story, traffic_faults
from tests.fakes.directory import LEAD_A, LEAD_B, LEAD_C, ONCALL
from tests.fakes.keyring import KEYRING, STRANGERS
from tests.fakes.world import CHANNEL

DATABASE = "consent_attacks"
ELSEWHERE = Keyring({"elsewhere": b"e" * KEY_BYTES})
FORGED_REQUEST, FORGED, MISMATCH = "forged-request", "consent-forged", "consent-mismatch"
ASK = {"environment": "prod", "migration": "027", "app": "", "reason": "", "asked_for": "/rollback prod 027"}


@pytest.fixture(scope="module")
def state(postgres: PostgresServer) -> Iterator[Pool]:
    with psycopg.connect(postgres.superuser_dsn, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {DATABASE}".encode())
    dsn = postgres.dsn("postgres", DATABASE)
    migrate(dsn)
    with open_pool(dsn) as pool:
        yield pool


@pytest.fixture
def attack(state: Pool, tmp_path: Path) -> Attack:
    tables = "requests, request_attempts, jobs, leases, runs, steps, votes, retractions, freezes, outbox, audit"
    attack = Attack(Story(RealWorld(tmp_path, state)), state)
    for table in tables.split(", "):
        attack.sql(f"DELETE FROM backstop.{table}" if table != "runs" else "TRUNCATE backstop.runs CASCADE")
    return attack


# Requests


def inserted(attack: Attack) -> None:
    attack.request("rollback", ASK)


def inserted_in_the_name_of_the_schedule(attack: Attack) -> None:
    attack.request("drill", {"drill_id": "d12345", "start_at": "2026-03-01T12:00:00+00:00"})


def inserted_votes(attack: Attack) -> None:
    run = attack.ask()
    words = {"ts": "1.1", "choice": "approve", "how": "button", "withdraw": False, "run_id": run.id}
    attack.request("vote", {**words, "digest": run.plan.short_digest, "user_id": LEAD_A, "event_ts": "1.1"})


def signed_by_a_stranger(attack: Attack) -> None:
    attack.request("rollback", ASK, STRANGERS)


def signed_with_another_key(attack: Attack) -> None:
    attack.request("rollback", ASK, ELSEWHERE)


def unhandled(attack: Attack) -> str:
    """A genuine request for a freeze that nobody has handled yet."""
    attack.world.submit(attack.story.process, attack.world.request("freeze", environment="prod", reason="launch"))
    attack.world.queue.requests.clear()
    attack.sql("UPDATE backstop.requests SET accepted_at = accepted_at - interval '1 hour'")
    return "freeze-1"


def another_person(attack: Attack) -> None:
    unhandled(attack)
    attack.sql("UPDATE backstop.requests SET payload = replace(payload::text, %s, %s)::json", ONCALL, LEAD_A)


def another_kind(attack: Attack) -> None:
    unhandled(attack)
    attack.sql("UPDATE backstop.requests SET kind = 'unfreeze'")


def another_id(attack: Attack) -> None:
    unhandled(attack)
    attack.sql("UPDATE backstop.requests SET id = 'freeze-2'")


def made_young(attack: Attack) -> None:
    unhandled(attack)
    attack.sql("UPDATE backstop.requests SET taken_at = taken_at + interval '1 day'")


def set_back(attack: Attack) -> None:
    attack.story.do(attack.world.request("freeze", environment="prod", reason="launch"))
    attack.story.do(attack.world.request("unfreeze", environment="prod"))
    attack.story.do(attack.world.request("freeze", environment="prod", reason="an incident"))
    query = "UPDATE backstop.requests SET finished_at = NULL, accepted_at = now() - interval '1 hour' WHERE kind = %s"
    attack.sql(query, "unfreeze")


def kept_for_days(attack: Attack) -> None:
    unhandled(attack)
    attack.world.clock.sleep(13 * 3600)


# Votes


def inserted_ballots(attack: Attack) -> None:
    run = attack.ask()
    attack.ballots(run, LEAD_A, LEAD_B)


def ballots_and_state(attack: Attack) -> None:
    run = attack.ask()
    attack.ballots(run, LEAD_A, LEAD_B)
    attack.approve(run)


def ballots_state_and_log(attack: Attack) -> None:
    run = attack.ask()
    attack.ballots(run, LEAD_A, LEAD_B)
    for user in (LEAD_A, LEAD_B):
        attack.event(run, user, "voted", {"choice": "approve", "how": "reaction", "digest": run.plan.digest})
    attack.event(run, "backstop", "approved", {"digest": run.plan.digest})
    attack.approve(run)


def ballots_by_a_stranger(attack: Attack) -> None:
    run = attack.ask()
    attack.ballots(run, LEAD_A, LEAD_B, keyring=STRANGERS)
    attack.approve(run)


def a_second_person_made_of_the_first(attack: Attack) -> None:
    run = attack.ask()
    attack.vote(LEAD_A)
    columns = "choice, digest, how, at, event_ts, channel, ts, request_id, signature"
    attack.sql(
        f"INSERT INTO backstop.votes (run_id, user_id, {columns}) SELECT run_id, %s, {columns} FROM backstop.votes",
        LEAD_B,
    )
    attack.approve(run)


def a_rejection_turned(attack: Attack) -> None:
    run = attack.ask()
    attack.vote(LEAD_A)
    attack.vote(LEAD_B, choice="reject")
    attack.sql("UPDATE backstop.votes SET choice = 'approve'")
    attack.approve(run)


def a_rejection_deleted(attack: Attack) -> None:
    run = attack.approved()
    attack.story.do(attack.world.vote(LEAD_C, "reject"))
    attack.sql("DELETE FROM backstop.votes WHERE user_id = %s", LEAD_C)
    attack.approve(run)


def ballots_of_another_run(attack: Attack) -> None:
    first = attack.approved()
    attack.story.do(attack.world.request("cancel", run_id=first.id))
    attack.world.clock.sleep(60)
    second = attack.ask()
    attack.sql("UPDATE backstop.votes SET run_id = %s", second.id)
    attack.approve(second)


def ballots_for_another_plan(attack: Attack) -> None:
    run = attack.approved()
    attack.sql("UPDATE backstop.votes SET digest = %s", "0" * 64)
    attack.approve(run)


def a_withdrawn_ballot_put_back(attack: Attack) -> None:
    run = attack.approved()
    columns = "run_id, user_id, choice, digest, how, at, event_ts, channel, ts, request_id, signature"
    attack.sql(f"CREATE TABLE kept AS SELECT {columns} FROM backstop.votes WHERE user_id = %s", LEAD_A)
    attack.story.do(attack.world.vote(LEAD_A, withdraw=True))
    attack.sql("DELETE FROM backstop.retractions")
    attack.sql(f"INSERT INTO backstop.votes ({columns}) SELECT {columns} FROM kept")
    attack.sql("DROP TABLE kept")
    attack.approve(run)


def the_request_of_a_withdrawn_ballot_set_back(attack: Attack) -> None:
    attack.ask()
    attack.vote(LEAD_A)
    attack.story.do(attack.world.vote(LEAD_A, withdraw=True))
    attack.sql("DELETE FROM backstop.retractions")
    attack.sql(
        "UPDATE backstop.requests SET finished_at = NULL, accepted_at = now() - interval '1 hour' "
        "WHERE kind = 'vote' AND payload ->> 'withdraw' = 'false'"
    )


# Runs


def approved_by_hand(attack: Attack) -> None:
    attack.approve(attack.ask())


def running_by_hand(attack: Attack) -> None:
    attack.approve(attack.ask(), "running")


def begun_by_hand(attack: Attack) -> None:
    attack.approve(attack.ask(), "running", done=6)


def parked_by_hand(attack: Attack) -> None:
    run = attack.ask()
    attack.approve(run, "parked", done=6)
    attack.story.do(attack.world.request("resume", ONCALL, run_id=run.id))


def a_copy(attack: Attack) -> None:
    run = attack.copy_run(attack.approved())
    attack.sql("UPDATE backstop.votes SET run_id = %s", run.id)
    attack.approve(run)


def a_pending_copy(attack: Attack) -> None:
    attack.copy_run(attack.ask())


def another_plan(attack: Attack) -> None:
    attack.approved()
    attack.sql("""UPDATE backstop.runs SET plan = jsonb_set(plan, '{to_app}', '"v1.1.4"')""")


def another_text_of_the_plan(attack: Attack) -> None:
    attack.approved()
    attack.sql("""UPDATE backstop.runs SET plan = jsonb_set(plan, '{warnings}', '["all is well"]')""")


def another_requester(attack: Attack) -> None:
    attack.approved()
    attack.sql("UPDATE backstop.runs SET requester = %s", LEAD_C)


def a_drill_that_needs_no_votes(attack: Attack) -> None:
    run = attack.ask()
    attack.sql("UPDATE backstop.runs SET drill = 'd12345'")
    attack.approve(run)


def more_time(attack: Attack) -> None:
    attack.approved()
    attack.sql("UPDATE backstop.runs SET expires_at = expires_at + interval '1 day'")


def a_cancelled_one_approved(attack: Attack) -> None:
    run = attack.approved()
    attack.story.do(attack.world.request("cancel", run_id=run.id))
    attack.approve(run)


def a_rejected_one_approved(attack: Attack) -> None:
    run = attack.ask()
    attack.vote(LEAD_A)
    attack.story.do(attack.world.vote(LEAD_B, "reject"))
    attack.approve(run)


# Steps


def a_step_skipped(attack: Attack) -> None:
    attack.approved()
    attack.sql("UPDATE backstop.steps SET state = 'done' WHERE key = %s", checklist.BACKUP)


def a_step_removed(attack: Attack) -> None:
    attack.approved()
    attack.sql("DELETE FROM backstop.steps WHERE key = %s", checklist.BACKUP)


def a_step_with_a_memory(attack: Attack) -> None:
    attack.approved()
    attack.sql(
        """UPDATE backstop.steps SET data = '{"bundle": "s3://elsewhere/evil"}' WHERE key = %s""", checklist.BACKUP
    )


def a_signature_of_another_step(attack: Attack) -> None:
    attack.approved()
    attack.sql("UPDATE backstop.steps SET state = 'done', signature = (SELECT signature FROM backstop.runs)")


# The log


def without_its_request_in_the_log(attack: Attack) -> None:
    attack.unlog(attack.approved(), "requested")


def without_its_votes_in_the_log(attack: Attack) -> None:
    attack.unlog(attack.approved(), "voted")


def without_its_approval_in_the_log(attack: Attack) -> None:
    attack.unlog(attack.approved(), "approved")


def a_line_changed_in_the_log(attack: Attack) -> None:
    run = attack.approved()
    attack.sql(
        "UPDATE backstop.audit SET details = replace(details::text, 'reason', 'because')::json "
        "WHERE run_id = %s AND event = 'requested'",
        run.id,
    )


def a_line_put_into_the_log_without_the_key(attack: Attack) -> None:
    run = attack.approved()
    attack.sql(
        "INSERT INTO backstop.audit SELECT max(sequence) + 1, now(), %s, 'backstop', 'step', '{}', max(digest), "
        "repeat('a', 64) FROM backstop.audit",
        run.id,
    )


FORGERIES: list[tuple[Forge, str]] = [
    *((forge, FORGED_REQUEST) for forge in (
        inserted, inserted_in_the_name_of_the_schedule, inserted_votes, signed_by_a_stranger,
        signed_with_another_key, another_person, another_kind, another_id, made_young, set_back,
    )),
    (kept_for_days, "request-too-old"),
    *((forge, FORGED) for forge in (
        a_line_changed_in_the_log, a_line_put_into_the_log_without_the_key,
        inserted_ballots, ballots_and_state, ballots_state_and_log, ballots_by_a_stranger,
        a_second_person_made_of_the_first, a_rejection_turned, ballots_of_another_run, ballots_for_another_plan,
        begun_by_hand, parked_by_hand, a_copy, a_pending_copy, another_plan, another_text_of_the_plan,
        another_requester, a_drill_that_needs_no_votes, more_time, a_step_skipped, a_step_with_a_memory,
        a_signature_of_another_step,
    )),
    *((forge, MISMATCH) for forge in (
        a_rejection_deleted, a_withdrawn_ballot_put_back, approved_by_hand, running_by_hand, a_cancelled_one_approved,
        a_rejected_one_approved, a_step_removed, without_its_request_in_the_log, without_its_votes_in_the_log,
        without_its_approval_in_the_log,
    )),
    (the_request_of_a_withdrawn_ballot_set_back, ""),
]  # fmt: skip
TOUCHING = ("stop-traffic", "fence", "chain", "backup")
"""Steps that nobody may have done; what the forger wrote into the rows himself is no deed."""


def named(attack: Attack) -> set[str]:
    """Every reference by which the bot has said that it was refused."""
    rows = attack.sql("SELECT problem FROM backstop.requests UNION SELECT problem FROM backstop.runs")
    problems = [str(row["problem"]) for row in rows]
    texts = itertools.chain(problems, attack.world.announcer.alarms.values())
    return {text.partition(":")[0] for text in texts if text}


def deeds(attack: Attack) -> list[str]:
    """What the world shows that must not be: a backup, traffic that was touched, a migration that is gone."""
    world = attack.world
    started = [row["event"] for row in attack.sql("SELECT event FROM backstop.audit") if row["event"] == "run-started"]
    return traffic_faults(world, "v1.3.0") + [str(key) for key in world.store.backups] + started


@pytest.mark.parametrize(("forge", "reference"), FORGERIES, ids=[forge.__name__ for forge, _ in FORGERIES])
def test_a_forgery_starts_nothing_and_is_named(attack: Attack, forge: Forge, reference: str) -> None:
    forge(attack)
    attack.go()
    assert deeds(attack) == []
    assert reference in named(attack) | {""}
    states = [RunState(row["state"]) for row in attack.sql("SELECT state FROM backstop.runs")]
    assert not {RunState.APPROVED, RunState.RUNNING, RunState.SUCCEEDED} & set(states)
    attack.go()
    assert deeds(attack) == []


def test_there_are_enough() -> None:
    assert len(FORGERIES) >= 40


def test_what_people_have_approved_still_runs(attack: Attack) -> None:
    attack.approved()
    attack.go()
    assert attack.world.run().state is RunState.SUCCEEDED
    assert traffic_faults(attack.world, "v1.2.3") == []
    assert not named(attack) & {FORGED_REQUEST, FORGED, MISMATCH}


def test_with_the_key_the_reactions_are_still_asked_for(attack: Attack) -> None:
    """Run, votes and log are forged and signed: Slack does not know the reactions."""
    with_everything(attack)
    attack.go()
    assert attack.world.store.backups == []
    assert traffic_faults(attack.world, "v1.3.0") == []
    (change,) = attack.world.announcer.changes
    assert change[2] == tuple(f"<@{user}> has no longer reacted with approval" for user in (LEAD_A, LEAD_B))
    assert attack.sql("SELECT state FROM backstop.runs WHERE id = 'rforge'") == [{"state": "pending"}]


def test_with_the_key_of_somebody_else_nothing_is(attack: Attack) -> None:
    with_everything(attack, STRANGERS)
    attack.go()
    assert (deeds(attack), FORGED in named(attack)) == ([], True)


def test_with_the_key_votes_as_requests_are_counted_and_refuted(attack: Attack) -> None:
    run = attack.ask()
    ts = f"request:{run.id}:{run.plan.short_digest}"
    for user in (LEAD_A, LEAD_B):
        words = {"ts": ts, "choice": "approve", "how": "reaction", "withdraw": False, "event_ts": "1.1"}
        attack.request("vote", {"user_id": user, "channel": CHANNEL, **words}, KEYRING)
        attack.go()
        attack.sql("DELETE FROM backstop.requests WHERE id = 'forged-1'")
    assert "approved" in {row["event"] for row in attack.sql("SELECT event FROM backstop.audit")}
    assert attack.world.store.backups == []
    assert attack.world.run().state is RunState.PENDING
