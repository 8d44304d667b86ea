"""Stores votes, one per person and run, and moves the run by them in the same transaction."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from psycopg import Connection
from psycopg.rows import DictRow

from bot.adapters.journal import mapping
from bot.adapters.journal.audit import AuditedTable
from bot.adapters.journal.connections import connection
from bot.adapters.journal.leases import LEASES, add_steps, clear_steps
from bot.adapters.named_queries import load
from bot.domain.approvals import Choice, Retracted, Retraction, Vote
from bot.domain.runs import OPEN, RunState, Step, WorkKind
from bot.errors import PermanentError
from bot.planning.checklist import RECHECK
from bot.ports import AuditEntry
from bot.ports.journal import Count

BALLOTS = load("sql.journal", "votes.sql")
_RUNS = load("sql.journal", "queries.sql")
_BEFORE_RECHECK = frozenset({RunState.APPROVED, RunState.RUNNING})


class Votes(AuditedTable):
    """A `bot.ports.journal.Votes`."""

    def cast(self, run_id: str, vote: Vote, count: Count, entry: AuditEntry | None = None) -> RunState | None:
        """Record a vote, count all of them and move the run; see `bot.ports.journal.Votes.cast`."""
        values = {"run_id": run_id, **mapping.vote_row(vote)}
        with connection(self._pool) as conn:
            # decision 26: one moment, one outcome. The run's row is held from the check to the change of state.
            state = _check_open(conn, run_id, vote)
            if conn.execute(BALLOTS["newer_than_vote"], values).fetchone() is not None:
                return None
            recorded = conn.execute(BALLOTS["cast_vote"], values).fetchone() is not None
            if state is RunState.RUNNING or (state is RunState.APPROVED and not _is_untouched(conn, run_id)):
                # Its owner puts back what it has prepared, and ends it.
                conn.execute(_RUNS["request_cancel"], {"run_id": run_id, "user_id": vote.user_id})
                after, outcome = RunState(state), None
            else:
                after, outcome = _move(conn, run_id, vote.digest, state, count)
            self._append(conn, run_id, entry if recorded else None)
            self._append(conn, run_id, outcome)
        return after

    def decide(self, run_id: str, digest: str, count: Count) -> RunState | None:
        """Count the votes that stand, and move a pending run with that plan."""
        with connection(self._pool) as conn:
            run = _hold(conn, run_id)
            if run is None or (run["state"], run["digest"], run["expired"]) != (RunState.PENDING, digest, False):
                return None
            after, outcome = _move(conn, run_id, digest, RunState.PENDING, count)
            self._append(conn, run_id, outcome)
        return after

    def withdraw(self, run_id: str, retraction: Retraction, entry: AuditEntry | None = None) -> Retracted:
        """Take a person's vote by reaction back, and remember that; see `bot.ports.journal.Votes.withdraw`."""
        # decision 26: the retraction is remembered in any case, because an older vote may arrive later
        values = {"run_id": run_id, "until": RECHECK, **asdict(retraction)}
        with connection(self._pool) as conn:
            run = _hold(conn, run_id)
            if run is None:
                return Retracted.NOTHING
            conn.execute(BALLOTS["lock_lease"], values)
            conn.execute(BALLOTS["note_retraction"], values)
            came_of_it = _judge(conn, RunState(run["state"]), values)
            if came_of_it is Retracted.DONE:
                conn.execute(BALLOTS["clear_vote"], values)
                self._append(conn, run_id, entry)
        return came_of_it

    def current(self, run_id: str) -> Sequence[Vote]:
        """Votes now, oldest first."""
        with connection(self._pool) as conn:
            return _list(conn, run_id)


def approve(conn: Connection[DictRow], run_id: str, digest: str, steps: Sequence[Step]) -> bool:
    """PENDING → APPROVED with its checklist, in the caller's transaction; False when that is not possible any more."""
    if conn.execute(_RUNS["approve_run"], {"run_id": run_id, "digest": digest}).fetchone() is None:
        return False
    clear_steps(conn, WorkKind.RUN, run_id)
    add_steps(conn, WorkKind.RUN, run_id, steps)
    return True


def _hold(conn: Connection[DictRow], run_id: str) -> DictRow | None:
    """Hold the run's row until the transaction ends."""
    return conn.execute(BALLOTS["lock_run"], {"run_id": run_id}).fetchone()


def _list(conn: Connection[DictRow], run_id: str) -> list[Vote]:
    return [mapping.read_vote(row) for row in conn.execute(BALLOTS["votes"], {"run_id": run_id})]


def _check_open(conn: Connection[DictRow], run_id: str, vote: Vote) -> RunState:
    """Hold the run's row if it takes such a vote for that plan; returns its state."""
    run = _hold(conn, run_id)
    stops = vote.choice is Choice.REJECT and run is not None and run["state"] in _BEFORE_RECHECK
    if run is None or (run["state"] != RunState.PENDING and not stops):
        raise PermanentError(
            "not-pending",
            f"Run {run_id} takes no votes: it is no longer waiting for approval.",
            "`/rollback status` shows where it is.",
        )
    if run["digest"] != vote.digest:
        raise PermanentError(
            "vote-stale",
            f"The plan of run {run_id} has just become another one; your vote was not counted for it.",
            "Read the newest request in the thread and vote there.",
        )
    if stops:
        _check_before_start(conn, run_id)
    elif run["expired"]:
        raise PermanentError(
            "request-expired",
            f"Nobody decided on run {run_id} in time; your vote was not counted.",
            "Ask for it again if it is still needed.",
        )
    return RunState(run["state"])


def _check_before_start(conn: Connection[DictRow], run_id: str) -> None:
    """Hold the lease as well, so that the re-check cannot end before this vote is recorded."""
    conn.execute(BALLOTS["lock_lease"], {"run_id": run_id})
    if not _progress(conn, run_id)["is_recheck_ahead"]:
        raise PermanentError(
            "vote-closed",
            f"Run {run_id} is under way; it was too late to reject it.",
            f"/rollback cancel {run_id} stops it for as long as that is possible.",
        )


def _is_untouched(conn: Connection[DictRow], run_id: str) -> bool:
    return bool(_progress(conn, run_id)["is_untouched"])


def _progress(conn: Connection[DictRow], run_id: str) -> DictRow:
    return conn.execute(BALLOTS["progress"], {"run_id": run_id, "until": RECHECK}).fetchone() or {}


def _move(
    conn: Connection[DictRow], run_id: str, digest: str, before: RunState, count: Count
) -> tuple[RunState, AuditEntry | None]:
    """Count the votes and move the run; returns its state, and the line for the audit log if it has moved."""
    verdict = count(_list(conn, run_id))
    if verdict.state is RunState.REJECTED:
        values = {"id": run_id, "state": verdict.state.value, "problem": verdict.problem, "expect": [before.value]}
        moved = conn.execute(LEASES["end_run"], values).fetchone() is not None
    else:
        moved = verdict.state is RunState.APPROVED and approve(conn, run_id, digest, verdict.steps)
    return (verdict.state, verdict.entry) if moved else (before, None)


def _judge(conn: Connection[DictRow], state: RunState, values: dict[str, Any]) -> Retracted:
    vote = conn.execute(BALLOTS["retracted_vote"], values).fetchone()
    if vote is None or state not in OPEN:
        return Retracted.NOTHING
    return Retracted.DONE if state is RunState.PENDING or vote["counted_again"] else Retracted.TOO_LATE
