"""A real state database behind the engine, and somebody who writes to it."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from psycopg.rows import dict_row

from bot.adapters.journal import Pool, PostgresJournal
from bot.domain.approvals import Choice, Vote
from bot.domain.runs import Run
from bot.domain.signing import Keyring
from bot.engine.approvals.signatures import sign_request, sign_run, sign_vote
from bot.engine.operations import Operations
from bot.planning.kinds import build_checklist
from bot.ports import Request
from tests.engine.story import Story
from tests.fakes.directory import LEAD_A, LEAD_B, ONCALL
from tests.fakes.keyring import KEYRING
from tests.fakes.world import CHANNEL, World


class RealWorld(World):
    """A world whose journal is in PostgreSQL."""

    def __init__(self, scratch: Path, pool: Pool) -> None:
        super().__init__(scratch)
        self.journal: Any = PostgresJournal(pool, self.clock, KEYRING)

    def run(self) -> Run:
        run: Run = self.journal.runs.newest()[0]
        return run


@dataclass
class Attack:
    """What somebody with the state database's password can do."""

    story: Story
    pool: Pool

    @property
    def world(self) -> World:
        return self.story.world

    def sql(self, query: str, *values: Any) -> list[dict[str, Any]]:
        """Write to the state database as its owner, the log's trigger out of the way."""
        with self.pool.connection() as conn:
            conn.execute("SET LOCAL session_replication_role = replica")
            cursor = conn.cursor(row_factory=dict_row).execute(query.encode(), values)
            return cursor.fetchall() if cursor.description else []

    def ask(self) -> Run:
        self.story.ask()
        return self.world.run()

    def vote(self, *users: str, choice: str = "approve") -> None:
        """Genuine votes by reaction, and no start: nobody works off the runs."""
        for user in users:
            self.story.do(self.world.vote(user, choice))
            self.world.queue.runs.clear()

    def approved(self) -> Run:
        """A run that people have approved, right before it starts."""
        run = self.ask()
        for user in (LEAD_A, LEAD_B):
            self.world.submit(self.story.process, self.world.vote(user))
            Operations(self.world.services(self.story.process)).handle(self.world.queue.requests.pop())
        self.world.queue.runs.clear()
        return run

    def request(self, kind: str, payload: Mapping[str, Any], keyring: Keyring | None = None, at: str = "now()") -> str:
        """Insert a request that nobody has made."""
        stored = Request("forged-1", kind, {"user_id": ONCALL, "channel": CHANNEL, "response_url": "", **payload})
        if keyring is not None:
            stored = sign_request(keyring, stored, self.world.clock.now())
        query = f"""INSERT INTO backstop.requests (id, kind, payload, accepted_at, taken_at, signature)
                    VALUES (%s, %s, %s, {at} - interval '1 hour', %s, %s)"""
        self.sql(query, stored.id, stored.kind, json.dumps(dict(stored.payload)), stored.taken_at, stored.signature)
        return stored.id

    def ballots(self, run: Run, *users: str, how: str = "reaction", keyring: Keyring | None = None) -> None:
        """Insert votes that nobody has given."""
        for user in users:
            vote = Vote(user, Choice.APPROVE, run.plan.digest, how, run.created_at, channel=CHANNEL, ts="card:x")
            if keyring is not None:
                vote = sign_vote(keyring, run.id, vote)
            query = """INSERT INTO backstop.votes (run_id, user_id, choice, digest, how, at, channel, ts, signature)
                       VALUES (%s, %s, 'approve', %s, %s, %s, %s, %s, %s)"""
            self.sql(query, run.id, user, vote.digest, how, vote.at, CHANNEL, vote.ts, vote.signature)

    def approve(self, run: Run, state: str = "approved", done: int = 0) -> None:
        """Set a run to a state by hand, with a checklist of which so many steps are done."""
        self.sql("UPDATE backstop.runs SET state = %s WHERE id = %s", state, run.id)
        self.sql("DELETE FROM backstop.steps WHERE work_id = %s", run.id)
        for step in build_checklist(run.plan.kind):
            query = """INSERT INTO backstop.steps (work_kind, work_id, key, position, title, state, attempts)
                       VALUES ('run', %s, %s, %s, %s, %s, %s)"""
            is_done = step.position < done
            state_of_step = "done" if is_done else "waiting"
            self.sql(query, run.id, step.key, step.position, step.title, state_of_step, int(is_done))

    def copy_run(self, run: Run, run_id: str = "rforge", keyring: Keyring | None = None) -> Run:
        """Insert a run row with another id, made of a genuine one that has ended."""
        copied = replace(run, id=run_id)
        signature = sign_run(keyring, copied).signature if keyring else run.signature
        self.sql("UPDATE backstop.runs SET state = 'cancelled' WHERE id = %s", run.id)
        query = """INSERT INTO backstop.runs (id, state, signature, environment, plan, digest, requester, reason,
                                              channel, created_at, expires_at, drill, request_id)
                   SELECT %s, 'pending', %s, environment, plan, digest, requester, reason, channel,
                          created_at, expires_at, drill, request_id FROM backstop.runs WHERE id = %s"""
        self.sql(query, run_id, signature, run.id)
        return copied

    def event(self, run: Run, actor: str, event: str, details: Mapping[str, Any]) -> None:
        """Append to the log as the bot would."""
        self.world.journal.audit.append(run.id, actor, event, details)

    def unlog(self, run: Run, event: str) -> None:
        """Delete events from the log."""
        self.sql("DELETE FROM backstop.audit WHERE run_id = %s AND event = %s", run.id, event)

    def go(self) -> None:
        """Let the bot find it, and do what it does."""
        self.story.sweep()


Forge = Callable[[Attack], object]


def lay_log(attack: Attack, run: Run) -> None:
    """Write the whole log of an approved run, as the bot would have."""
    attack.event(run, run.requester, "requested", {"digest": run.plan.digest})
    for user in (LEAD_A, LEAD_B):
        details = {"choice": "approve", "how": "reaction", "digest": run.plan.digest}
        attack.event(run, user, "voted", details)
    attack.event(run, "backstop", "approved", {"digest": run.plan.digest})


def with_everything(attack: Attack, keyring: Keyring = KEYRING) -> None:
    """Forge all of it: run, votes and log, signed."""
    run = attack.copy_run(attack.ask(), keyring=keyring)
    attack.ballots(run, LEAD_A, LEAD_B, keyring=keyring)
    lay_log(attack, run)
    attack.approve(run)
