"""Stores votes: one per person, while the run is pending."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from psycopg import Connection
from psycopg.rows import DictRow

from bot.adapters.journal import mapping
from bot.adapters.journal.audit import append
from bot.adapters.journal.connections import Table, connection
from bot.adapters.named_queries import load
from bot.domain.approvals import Retracted, Retraction, Vote
from bot.domain.runs import OPEN, RunState
from bot.errors import PermanentError
from bot.planning.checklist import RECHECK
from bot.ports import AuditEntry

BALLOTS = load("sql.journal", "votes.sql")


class Votes(Table):
    """A `bot.ports.journal.Votes`."""

    def cast(self, run_id: str, vote: Vote, entry: AuditEntry | None = None) -> bool:
        """Record a vote; the same person's earlier one is replaced. False when they did something newer since.

        Raises:
            PermanentError: ``not-pending`` when the run takes no votes any more; ``vote-stale``.
        """
        values = {"run_id": run_id, **mapping.vote_row(vote)}
        with connection(self._pool) as conn:
            _check_open(conn, run_id, vote.digest)
            if conn.execute(BALLOTS["newer_than_vote"], values).fetchone() is not None:
                return False
            recorded = conn.execute(BALLOTS["cast_vote"], values).fetchone() is not None
            append(conn, run_id, entry if recorded else None)
        return True

    def withdraw(self, run_id: str, retraction: Retraction, entry: AuditEntry | None = None) -> Retracted:
        """Take a person's vote by reaction back, and remember that; see `bot.ports.journal.Votes.withdraw`."""
        # decision 26: the retraction is remembered in any case, because an older vote may arrive later
        values = {"run_id": run_id, "until": RECHECK, **asdict(retraction)}
        with connection(self._pool) as conn:
            run = conn.execute(BALLOTS["lock_run"], values).fetchone()
            if run is None:
                return Retracted.NOTHING
            conn.execute(BALLOTS["note_retraction"], values)
            came_of_it = _judge(conn, RunState(run["state"]), values)
            if came_of_it is Retracted.DONE:
                conn.execute(BALLOTS["clear_vote"], values)
                append(conn, run_id, entry)
        return came_of_it

    def current(self, run_id: str) -> Sequence[Vote]:
        """Votes now, oldest first."""
        with connection(self._pool) as conn:
            return [mapping.read_vote(row) for row in conn.execute(BALLOTS["votes"], {"run_id": run_id})]


def _check_open(conn: Connection[DictRow], run_id: str, digest: str) -> None:
    """Hold the run's row if it takes votes for that plan."""
    run = conn.execute(BALLOTS["lock_run"], {"run_id": run_id}).fetchone()
    if run is None or run["state"] != RunState.PENDING:
        raise PermanentError(
            "not-pending",
            f"Run {run_id} takes no votes: it is no longer waiting for approval.",
            "`/rollback status` shows where it is.",
        )
    if run["digest"] != digest:
        raise PermanentError(
            "vote-stale",
            f"The plan of run {run_id} has just become another one; your vote was not counted for it.",
            "Read the newest request in the thread and vote there.",
        )


def _judge(conn: Connection[DictRow], state: RunState, values: dict[str, Any]) -> Retracted:
    vote = conn.execute(BALLOTS["retracted_vote"], values).fetchone()
    if vote is None or state not in OPEN:
        return Retracted.NOTHING
    return Retracted.DONE if state is RunState.PENDING or vote["counted_again"] else Retracted.TOO_LATE
