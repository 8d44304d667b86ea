"""Writes rows into the bot's state database that look like consent; nothing may start, and each is named."""

import itertools
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from psycopg.types.json import Jsonb

from bot.adapters.clock import SystemClock
from bot.adapters.journal import PostgresJournal, open_pool
from bot.domain.approvals import Choice, Vote
from bot.domain.runs import Run, RunState
from bot.domain.signing import Keyring
from bot.engine.approvals.signatures import sign_request, sign_run, sign_vote
from bot.planning.kinds import build_checklist
from bot.ports import Request
from bot.sandbox.people import all_text
from bot.sandbox.scenarios.before import check_serving, check_untouched, observe
from bot.sandbox.story import APPROVE, Story, texts

LEADS = ("U0LEADA", "U0LEADB")
PARTS = ("request", "run", "votes", "log")
"""What is forged, in every combination."""
CLOSED = ("void", "failed", "cancelled", "rejected", "expired", "parked", "pending")
SETTLE_S = 5.0


class Forger:
    """Somebody with the state database's password, and perhaps the bot's key."""

    def __init__(self, story: Story, genuine: Run, keyring: Keyring | None) -> None:
        self.story = story
        self.genuine = genuine
        self.keyring = keyring
        self.run = genuine
        self.request_ts = str(story.request()["ts"])

    def sql(self, query: str, *values: Any) -> None:
        """Write past the bot, and past the trigger that guards the log."""
        with self.story.sandbox.state.connect() as connection:
            connection.execute("SET session_replication_role = replica")
            connection.execute(query.encode(), values)

    def forge_run(self, run_id: str) -> None:
        """Insert a run that says it is approved, with its checklist."""
        run = replace(self.genuine, id=run_id, state=RunState.APPROVED, steps=())
        run = sign_run(self.keyring, run) if self.keyring else run
        self.run = run
        self.sql(
            """INSERT INTO backstop.runs (id, environment, plan, digest, state, requester, reason, channel, created_at,
                                          expires_at, drill, request_id, signature)
               SELECT %s, environment, plan, digest, 'pending', requester, reason, channel, created_at, expires_at,
                      drill, request_id, %s FROM backstop.runs WHERE id = %s""",
            run_id, run.signature, self.genuine.id,
        )  # fmt: skip

    def approve(self) -> None:
        """Give the run the state and the checklist of an approved one; last, because the bot looks every 2 s."""
        for step in build_checklist(self.run.plan.kind):
            self.sql(
                """INSERT INTO backstop.steps (work_kind, work_id, key, position, title, state)
                   VALUES ('run', %s, %s, %s, %s, 'waiting') ON CONFLICT DO NOTHING""",
                self.run.id, step.key, step.position, step.title,
            )  # fmt: skip
        self.sql("UPDATE backstop.runs SET state = 'approved' WHERE id = %s AND state = 'pending'", self.run.id)

    def forge_votes(self) -> None:
        """Insert both leads' reactions."""
        for user in LEADS:
            at, digest = self.run.created_at, self.run.plan.digest
            vote = Vote(user, Choice.APPROVE, digest, "reaction", at, channel=self.run.channel, ts="1.000001")
            vote = sign_vote(self.keyring, self.run.id, vote) if self.keyring else vote
            self.sql(
                """INSERT INTO backstop.votes (run_id, user_id, choice, digest, how, at, channel, ts, signature)
                   VALUES (%s, %s, 'approve', %s, 'reaction', %s, %s, %s, %s) ON CONFLICT DO NOTHING""",
                self.run.id, user, digest, at, vote.channel, vote.ts, vote.signature,
            )  # fmt: skip

    def forge_requests(self, number: int) -> None:
        """Insert both leads' clicks, as Slack would have delivered them."""
        for user in LEADS:
            payload = {
                "user_id": user, "channel": self.run.channel, "response_url": "", "ts": self.request_ts,
                "choice": "approve", "how": "reaction", "withdraw": False, "version": 2, "event_ts": "1.000001",
            }  # fmt: skip
            stored = Request(f"event:forged-{number}-{user}", "vote", payload)
            stored = sign_request(self.keyring, stored, SystemClock().now()) if self.keyring else stored
            self.sql(
                """INSERT INTO backstop.requests (id, kind, payload, accepted_at, taken_at, signature)
                   VALUES (%s, 'vote', %s, now() - interval '1 minute', %s, %s)""",
                stored.id, json.dumps(payload), stored.taken_at, stored.signature,
            )  # fmt: skip

    def forge_log(self) -> None:
        """Append what the bot would have logged."""
        run, digest = self.run, self.run.plan.digest
        lines: Sequence[tuple[str, str, dict[str, Any]]] = [
            (run.requester, "requested", {"digest": digest}),
            *((user, "voted", {"choice": "approve", "how": "reaction", "digest": digest}) for user in LEADS),
            ("backstop", "approved", {"digest": digest}),
        ]
        for actor, event, details in lines:
            self.sql(
                """INSERT INTO backstop.audit (sequence, at, run_id, actor, event, details, previous, digest)
                   SELECT max(sequence) + 1, now(), %s, %s, %s, %s, max(digest), md5(random()::text)
                   FROM backstop.audit""",
                run.id, actor, event, Jsonb(details),
            )  # fmt: skip


def forged_rows(story: Story) -> None:
    """Forged requests, runs, votes, log and messages, with and without the key: nothing starts, each is named."""
    before = observe(story)
    genuine = _genuine(story)
    for number, (keyed, parts) in enumerate(itertools.product((False, True), _combinations())):
        _play(story, genuine, parts, number, keyring=Keyring.parse(story.sandbox.signing_keys) if keyed else None)
    _messages(story)
    check_untouched(story, before)
    _reaction_taken_off(story)
    check_untouched(story, before)
    story.command(story.cast.oncall, "/rollback prod 027")
    story.wait(lambda: story.state() == "pending", "a run that people have asked for")
    story.approve()
    story.wait_state("succeeded", "failed", "parked")
    problem = story.journal("SELECT problem FROM backstop.runs WHERE id = %s", story.run_id())[0][0]
    story.checks.equal("what people have approved runs", (story.state(), problem), ("succeeded", ""))
    check_serving(story, before, "v1.2.3")


def _combinations() -> list[tuple[str, ...]]:
    return [parts for size in range(1, len(PARTS) + 1) for parts in itertools.combinations(PARTS, size)]


def _genuine(story: Story) -> Run:
    """A run that somebody has asked for and withdrawn, to copy."""
    story.command(story.cast.oncall, "/rollback prod 027")
    story.request()
    run_id = story.run_id()
    story.command(story.cast.oncall, f"/rollback cancel {run_id}")
    story.wait_state("cancelled")
    return _read(story, run_id)


def _read(story: Story, run_id: str) -> Run:
    with open_pool(story.sandbox.sample.state_dsn, max_size=2) as pool:
        run = PostgresJournal(pool, SystemClock(), Keyring.parse(story.sandbox.signing_keys)).runs.find(run_id)
    if run is None:
        raise AssertionError(run_id)
    return run


def _play(story: Story, genuine: Run, parts: tuple[str, ...], number: int, keyring: Keyring | None) -> None:
    """Forge these parts, and see that the bot does nothing but say so."""
    forger = Forger(story, genuine, keyring)
    name = f"{' + '.join(parts)}{', signed with the key' if keyring else ''}"
    if "run" in parts:
        forger.forge_run(f"rf{number:04}")
    if "votes" in parts:
        forger.forge_votes()
    if "log" in parts:
        forger.forge_log()
    if "request" in parts:
        forger.forge_requests(number)
    if "run" in parts:
        forger.approve()
    else:
        _set(forger, "approved")
    story.wait(lambda: _is_dealt_with(story, forger.run.id, number), f"the bot to deal with: {name}", 60.0)
    started = story.journal("SELECT count(*) FROM backstop.steps WHERE key = 'backup' AND attempts > 0")[0][0]
    story.checks.equal(f"{name}: nothing is started", started, 0)
    if keyring is None:
        problem = story.journal("SELECT problem FROM backstop.runs WHERE id = %s", forger.run.id)[0][0]
        named = problem.startswith(("consent-forged", "consent-mismatch"))
        story.checks.that(f"{name}: it is named", named, problem[:200])
    _set(forger, "cancelled")


def _set(forger: Forger, state: str) -> None:
    forger.sql("UPDATE backstop.runs SET state = %s WHERE id = %s", state, forger.run.id)
    forger.sql("DELETE FROM backstop.leases WHERE work_id = %s", forger.run.id)


def _is_dealt_with(story: Story, run_id: str, number: int) -> bool:
    state = story.journal("SELECT state FROM backstop.runs WHERE id = %s", run_id)[0][0]
    waiting = "SELECT count(*) FROM backstop.requests WHERE finished_at IS NULL AND id LIKE %s"
    return state in CLOSED and story.journal(waiting, f"event:forged-{number}-%")[0][0] == 0


def _messages(story: Story) -> None:
    """Insert and change messages; Slack must see none of it."""
    forger = Forger(story, _read(story, story.run_id()), None)
    forgeries: list[Callable[[], None]] = [
        lambda: forger.sql(
            """INSERT INTO backstop.outbox (key, channel, thread_key, run_id, user_id, response_url, text, blocks)
               VALUES ('note:forged', %s, '', '', '', '', 'FORGED: press Approve', '[]')""", story.channel),
        lambda: forger.sql(
            """UPDATE backstop.outbox SET text = 'FORGED: press Approve', revision = revision + 1
               WHERE key LIKE 'request:%%'"""),
        lambda: forger.sql(
            """INSERT INTO backstop.outbox (key, channel, thread_key, run_id, user_id, response_url, text, blocks,
                                            signature, address_signature)
               SELECT 'note:copied', 'C0DEV', '', run_id, '', '', 'FORGED: copied', blocks, signature,
                      address_signature FROM backstop.outbox WHERE key LIKE 'card:%%' LIMIT 1"""),
    ]  # fmt: skip
    for forge in forgeries:
        forge()
    unsent = """SELECT count(*) FROM backstop.outbox AS o WHERE sent_revision < revision AND problem = ''
                AND (thread_key = '' OR EXISTS (SELECT FROM backstop.outbox AS p WHERE p.key = o.thread_key))"""
    story.wait(lambda: story.journal(unsent)[0][0] == 0, "the outbox to be empty")
    given_up = story.journal("SELECT count(*) FROM backstop.outbox WHERE problem LIKE 'forged-message%%'")[0][0]
    story.checks.that("forged messages are given up and named", given_up >= len(forgeries), given_up)
    said = texts(story.messages()) + texts(story.thread()) + texts(story.slack.messages("C0DEV"))
    story.checks.that("nobody sees them in Slack", "FORGED" not in said)
    alarms = [all_text(message) for message in story.messages() if "🚨" in all_text(message)]
    story.checks.says("the channel has the alarm, with whom to call", "\n".join(alarms), "consent-", "Call:")


def _reaction_taken_off(story: Story) -> None:
    """A reaction goes and the event is lost: Slack is asked before anything starts."""
    earlier = story.run_id()
    story.command(story.cast.oncall, "/rollback prod 027")
    story.wait(lambda: story.run_id() != earlier, "a new run's card")
    story.approve(story.cast.lead_a)
    counted = "SELECT count(*) FROM backstop.votes WHERE run_id = %s"
    story.wait(lambda: story.journal(counted, story.run_id())[0][0] == 1, "the first vote")
    story.slack.fault(kind="drop", times=1)  # the next event is lost
    story.cast.lead_a.reacts(story.request(), APPROVE, remove=True)
    story.approve(story.cast.lead_b)
    story.thread_says("has no longer reacted with approval")
    story.checks.equal("the run waits for another vote", story.state(), "pending")
    story.command(story.cast.oncall, f"/rollback cancel {story.run_id()}")
    story.wait_state("cancelled")
