"""Stores runs: one open run per environment, one owner per run."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from psycopg import Connection
from psycopg.rows import DictRow

from bot.adapters.journal import mapping
from bot.adapters.journal.audit import AuditedTable
from bot.adapters.journal.connections import connection
from bot.adapters.journal.leases import (
    LEASES,
    check_owner,
    clear_steps,
    lease_lost,
    release_lease,
    take_lease,
)
from bot.adapters.journal.votes import BALLOTS, approve
from bot.domain.approvals import Vote
from bot.domain.runs import NEXT, Lease, Run, RunState, Step, TransitionError, WorkKind
from bot.errors import PermanentError, TemporaryError
from bot.ports import AuditEntry

_BY_OTHER_WAYS = frozenset({RunState.PENDING, RunState.APPROVED, RunState.RUNNING})
"""States a run comes to by `open_run`, `replan`, `approve`, `resume` or `take`, never by `end`."""

_OPENING_ATTEMPTS = 3


class Runs(AuditedTable):
    """A `bot.ports.journal.Runs`."""

    def open(self, run: Run, entry: AuditEntry | None = None) -> None:
        """Create a pending run.

        Raises:
            PermanentError: ``another-run-active`` names the open run of that environment, who asked, since when.
            TemporaryError: ``environment-contended`` when open runs come and go faster than they can be named.
        """
        for _ in range(_OPENING_ATTEMPTS):
            with connection(self._pool) as conn:
                if conn.execute(self._queries["open_run"], mapping.run_row(run)).fetchone() is not None:
                    self._append(conn, run.id, entry)
                    return
            other = self.active(run.environment)
            if other is not None:  # else it has ended since
                raise _another_run_active(other)
        raise TemporaryError("environment-contended", f"Others are starting and ending runs on {run.environment}.")

    def find(self, run_id: str) -> Run | None:
        """Read a run with its steps."""
        row = self._one("run", run_id=run_id)
        return mapping.read_run(row) if row else None

    def newest(self, environment: str | None = None, limit: int = 10) -> Sequence[Run]:
        """Newest first."""
        return [mapping.read_run(row) for row in self._all("runs", environment=environment, limit=limit)]

    def open_follow_ups(self, environment: str | None = None) -> Sequence[Run]:
        """List runs with an open follow-up, however old they are, and however many."""
        return [mapping.read_run(row) for row in self._all("open_follow_ups", environment=environment)]

    def count(self) -> Mapping[str, int]:
        """Count runs in each state that has any."""
        return {row["state"]: row["runs"] for row in self._all("count_runs")}

    def active(self, environment: str) -> Run | None:
        """The run that holds the environment."""
        row = self._one("active_run", environment=environment)
        return mapping.read_run(row) if row else None

    def approve(self, run_id: str, digest: str, steps: Sequence[Step], entry: AuditEntry | None = None) -> bool:
        """PENDING → APPROVED without votes, with its checklist; False when someone else was first, the digest is no
        longer the plan's, or the request's time is over.
        """
        with connection(self._pool) as conn:
            if not approve(conn, run_id, digest, steps):
                return False
            self._append(conn, run_id, entry)
        return True

    def end(
        self,
        run_id: str,
        state: RunState,
        problem: str = "",
        *,
        expect: frozenset[RunState],
        fencing_token: int | None = None,
        entry: AuditEntry | None = None,
    ) -> bool:
        """Move to a closed or parked state if it is in one of `expect`; False otherwise.

        Args:
            run_id: which run.
            state: where to.
            problem: why.
            expect: states it may be in; those that cannot lead to `state` are left out.
            fencing_token: the owner's, so that one who was replaced cannot end the run; None for anyone else.
            entry: for the audit log.

        Raises:
            PermanentError: ``fenced-off``.
            TransitionError: no state of `expect` can lead to `state`, or `end` is not the way there.
        """
        legal = [before.value for before in expect if state in NEXT.get(before, ()) and state not in _BY_OTHER_WAYS]
        if not legal:
            raise TransitionError(f"a run cannot end as {state} from {', '.join(sorted(expect))}")
        values = {"id": run_id, "state": state.value, "problem": problem.replace("\0", ""), "expect": legal}
        with connection(self._pool) as conn:
            before = _locked_state(conn, run_id)
            if fencing_token is not None:
                check_owner(conn, Lease(WorkKind.RUN, run_id, fencing_token))
            if conn.execute(LEASES["end_run"], values).fetchone() is None:
                return False
            # Ended from outside while it runs, its owner must not write any more.
            release_lease(
                conn, WorkKind.RUN, run_id, invalidate_token=fencing_token is None and before is RunState.RUNNING
            )
            self._append(conn, run_id, entry)
        return True

    def replan(
        self,
        lease: Lease,
        asked: Run,
        entries: Mapping[str, AuditEntry] | None = None,
        entry: AuditEntry | None = None,
    ) -> bool:
        """RUNNING → PENDING with a new plan. Its steps are deleted, and every vote that was for another digest or is
        one of those that `entries` are about. False, and nothing changed, when somebody has asked to stop it.

        Raises:
            PermanentError: ``fenced-off``.
        """
        run_id, row = lease.id, mapping.plan_row(asked.plan)
        signed = {"expires_at": asked.expires_at, "signature": asked.signature}
        with connection(self._pool) as conn:
            run = conn.execute(LEASES["lock_run"], {"id": run_id}).fetchone()
            check_owner(conn, lease)
            if run is None or run["state"] != RunState.RUNNING:
                raise lease_lost(lease)
            if run["cancel_requested_by"]:
                return False
            conn.execute(LEASES["replan_run"], {"id": run_id, **signed, **row})
            release_lease(conn, WorkKind.RUN, run_id)
            clear_steps(conn, WorkKind.RUN, run_id)
            conn.execute(BALLOTS["clear_stale_votes"], {"run_id": run_id, "digest": row["digest"]})
            for user_id in entries or {}:
                conn.execute(BALLOTS["clear_vote"], {"run_id": run_id, "user_id": user_id})
            for line in (entry, *(entries or {}).values()):
                self._append(conn, run_id, line)
        return True

    def resume(self, run_id: str, entry: AuditEntry | None = None) -> bool:
        """PARKED → APPROVED, so that an owner takes it up; False when it is not parked."""
        with connection(self._pool) as conn:
            resumed = conn.execute(self._queries["resume_run"], {"run_id": run_id}).fetchone() is not None
            self._append(conn, run_id, entry if resumed else None)
        return resumed

    def adopt(self, run: Run, votes: Sequence[Vote], entry: AuditEntry) -> None:
        """Store the signatures that the run, its steps and its votes now have."""
        with connection(self._pool) as conn:
            conn.execute(self._queries["sign_run"], {"run_id": run.id, "signature": run.signature})
            for step in run.steps:
                values = {"run_id": run.id, "key": step.key, "signature": step.signature}
                conn.execute(self._queries["sign_step"], values)
            for vote in votes:
                values = {"run_id": run.id, "user_id": vote.user_id, "signature": vote.signature}
                conn.execute(self._queries["sign_vote"], values)
            self._append(conn, run.id, entry)

    def request_cancel(self, run_id: str, user_id: str) -> None:
        """Ask the owner to stop at the next safe place; the first request is remembered."""
        self._do("request_cancel", run_id=run_id, user_id=user_id)

    def now(self) -> datetime:
        """The server's time, in UTC."""
        return mapping.utc((self._one("now") or {})["now"])

    def expired(self) -> Sequence[str]:
        """Ids of pending runs past their time, by the server's clock."""
        return [row["id"] for row in self._all("expired_runs")]

    def take(self, run_id: str, owner: str, lease_s: float) -> Run | None:
        """Become the owner: a new fencing token, state RUNNING, a lease. None when another owner's lease still runs or
        the run is neither approved nor running.
        """
        with connection(self._pool) as conn:
            if _locked_state(conn, run_id) not in {RunState.APPROVED, RunState.RUNNING}:
                return None
            if take_lease(conn, WorkKind.RUN, run_id, owner, lease_s) is None:
                return None
            conn.execute(LEASES["start_run"], {"id": run_id})
            row = conn.execute(self._queries["run"], {"run_id": run_id}).fetchone()
        return mapping.read_run(row) if row else None

    def unowned(self) -> Sequence[str]:
        """List ids of approved runs, and of running ones whose lease has ended."""
        with connection(self._pool) as conn:
            return [row["id"] for row in conn.execute(LEASES["unowned_runs"])]


def _another_run_active(other: Run) -> PermanentError:
    return PermanentError(
        "another-run-active",
        f"{other.environment} already has a run: {other.id}, {other.state}, asked for by "
        f"{mapping.person(other.requester)} at {mapping.moment(other.created_at)}.",
        f"`/rollback status` shows it; `/rollback cancel {other.id}` stops it.",
    )


def _locked_state(conn: Connection[DictRow], run_id: str) -> RunState | None:
    """Hold a run's row until the transaction ends: nobody takes or ends it meanwhile."""
    row = conn.execute(LEASES["lock_run"], {"id": run_id}).fetchone()
    return RunState(row["state"]) if row else None
