"""Restores while others use the database: impatient clients, a monitoring tool, replication, a transaction."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import LiteralString

import psycopg
from psycopg import sql

from bot.sandbox.scenarios.kills import step_runs
from bot.sandbox.scenarios.restore import WRITTEN, check_closed, clear, times
from bot.sandbox.scenarios.restore_checks import ask, check_ended, check_failed, prepare
from bot.sandbox.scenarios.traffic import KEPT_OUT_S, Crowd, Prober
from bot.sandbox.story import Story, texts

CLIENTS = 20
SLOT = "reports"
STOP_TIMEOUT_S = 10.0
WATCHED: LiteralString = "SELECT count(*) FROM pg_stat_activity"
PREPARED = "clinic-sync"
BOOKING: LiteralString = """
INSERT INTO appointments (clinic_id, patient_id, therapist_id, starts_at)
SELECT clinic_id, patient_id, therapist_id, starts_at FROM appointments LIMIT 1
"""


def crowd(story: Story) -> None:
    """The swap succeeds despite twenty clients that reconnect at once, a monitoring tool and a slot in use."""
    then = prepare(story)
    watcher, replica = _login(story, "watcher", "IN ROLE pg_monitor"), _login(story, "replica", "REPLICATION")
    with _consumer(story, replica), Crowd([Prober(watcher, WATCHED)]) as watching:
        plan = ask(story)
        story.checks.says("the plan names the slot and what becomes of it", plan, f"{SLOT} (in use)", "set up again")
        story.approve()
        story.wait(step_runs(story, "stop-traffic"), "traffic being stopped", 60.0)
        with Crowd([Prober(story.sandbox.sample.app_dsns["prod"]) for _ in range(CLIENTS)]) as clients:
            story.wait_state("succeeded", "failed", "parked")
        _check_crowd(story, clients, watching)
        kept = f"{story.database.name}_backstop_kept_{story.run_id()}"
        slots = "SELECT database FROM pg_replication_slots WHERE slot_name = %s"
        story.checks.equal("the slot is with the kept database", story.database.ask(slots, SLOT), [(kept,)])
    story.checks.says("the thread says so", texts(story.thread()), f"slot {SLOT}", "stays with the replaced database")
    check_ended(story, then)


def prepared_transaction(story: Story) -> None:
    """A prepared transaction: the plan and the refusal name it, the app goes on, and it can still be committed."""
    then, pods = prepare(story), _pods(story)
    with _prepared(story):
        plan = ask(story)
        story.checks.says("the plan names it", plan, PREPARED, "the run stops before the app is stopped")
        story.approve()
        check_failed(story, then, "prepared-transaction")
        _check_never_stopped(story, pods)
        story.checks.says("the refusal names it, and the way out", texts(story.thread()), PREPARED, "COMMIT PREPARED")
        rows = story.database.count(WRITTEN)
        with story.database.connect() as conn:
            conn.execute(f"COMMIT PREPARED '{PREPARED}'".encode())
        story.checks.equal("it has lost nothing", story.database.count(WRITTEN), rows + 1)
    clear(story, then)


def superuser_session(story: Story) -> None:
    """The bot cannot end a superuser's session: the plan and the refusal name it, and the app goes on."""
    then, pods = prepare(story), _pods(story)
    with story.database.connect(application_name="nightly-report") as session:
        pid = str(session.info.backend_pid)
        plan = ask(story)
        story.checks.says(
            "the plan names who is in the way", plan, "nightly-report", pid, "superusers", "before the app is stopped"
        )
        story.approve()
        check_failed(story, then, "session-cannot-be-ended")
        _check_never_stopped(story, pods)
        story.checks.equal("it was left alone", session.execute("SELECT 1").fetchall(), [(1,)])
    story.checks.says("the refusal names it", texts(story.thread()), "nightly-report", pid)
    clear(story, then)


def _pods(story: Story) -> set[str]:
    return set(story.slack.state()["namespaces"][story.namespace]["pods"])


def _check_never_stopped(story: Story, pods: set[str]) -> None:
    story.checks.equal("the app's pods are the same: it was never stopped", _pods(story), pods)
    story.checks.says("the thread says so", texts(story.thread()), "The app was not stopped")


def _login(story: Story, role: str, options: LiteralString) -> str:
    """Make a role that can connect, with any other attributes, and return its DSN."""
    server = story.sandbox.postgres
    with story.database.connect() as conn:
        if not conn.execute("SELECT FROM pg_roles WHERE rolname = %s", (role,)).fetchall():
            statement = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {} {}")
            conn.execute(statement.format(sql.Identifier(role), sql.Literal(server.password), sql.SQL(options)))
        grant = sql.SQL("GRANT CONNECT ON DATABASE {} TO {}")
        conn.execute(grant.format(sql.Identifier(story.database.name), sql.Identifier(role)))
    return server.dsn(role, story.database.name)


@contextmanager
def _consumer(story: Story, dsn: str) -> Iterator[None]:
    """Make a logical replication slot, and have somebody consume it as long as the block lasts."""
    story.database.ask("SELECT pg_create_logical_replication_slot(%s, 'test_decoding')", SLOT)
    command = [str(story.sandbox.postgres.bin_dir / "pg_recvlogical"), f"--dbname={dsn}", f"--slot={SLOT}"]
    consumer = subprocess.Popen([*command, "--start", "--file=-"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603 -- our own server's tool
    try:
        active = "SELECT active FROM pg_replication_slots WHERE slot_name = %s"
        story.wait(lambda: story.database.ask(active, SLOT) == [(True,)], "the slot to be in use")
        yield
    finally:
        consumer.terminate()
        consumer.wait(STOP_TIMEOUT_S)


def _check_crowd(story: Story, clients: Crowd, watching: Crowd) -> None:
    swapped_at = times(story, "swap")[1]
    back = sum(prober.successes(swapped_at, None) > 0 for prober in clients.probers)
    story.checks.equal("all clients are in the restored database", back, CLIENTS)
    gap_s = clients.longest_gap_s
    story.screen.note(f"the longest any of {CLIENTS} clients was without an answer: {gap_s * 1000:.0f} ms")
    check_closed(story)
    story.checks.that(f"none was kept out for {KEPT_OUT_S:.0f} s", gap_s < KEPT_OUT_S, gap_s)
    seen = watching.probers[0].successes(swapped_at, None)
    story.checks.that("the monitoring tool is in it too", seen > 0, seen)


@contextmanager
def _prepared(story: Story) -> Iterator[None]:
    """Have a booking prepared for commit by somebody who is gone; one that is left at the end is rolled back."""
    with story.database.connect() as conn:
        conn.execute("BEGIN")
        conn.execute(BOOKING)
        conn.execute(f"PREPARE TRANSACTION '{PREPARED}'".encode())
    try:
        yield
    finally:
        with story.database.connect() as conn, suppress(psycopg.errors.UndefinedObject):  # committed
            conn.execute(f"ROLLBACK PREPARED '{PREPARED}'".encode())
