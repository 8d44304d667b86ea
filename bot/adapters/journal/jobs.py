"""Stores which jobs are under way, and their steps."""

from collections.abc import Sequence

from bot.adapters.journal.connections import Table, connection
from bot.adapters.journal.leases import LEASES, add_steps, list_steps, take_lease
from bot.domain.jobs import JobHolder, JobKind
from bot.domain.runs import Lease, Step, WorkKind


class Jobs(Table):
    """A `bot.ports.journal.Jobs`.

    Nothing has to be released: a holder whose request is finished, however it ended, holds nothing any more, and one
    whose process died is handled again by the sweep.
    """

    _queries = LEASES

    def hold(self, environment: str, kind: JobKind, request_id: str, user_id: str) -> JobHolder:
        """Reserve a job; see `bot.ports.journal.Jobs.hold`."""
        values = {"environment": environment, "kind": kind.value, "request_id": request_id, "user_id": user_id}
        with connection(self._pool) as conn:
            row = conn.execute(self._queries["hold_job"], values).fetchone()
            while row is None:  # a statement of its own, so that it sees who has just been first
                row = conn.execute(self._queries["job_holder"], values).fetchone()
        return JobHolder(row["request_id"], row["user_id"], row["since"])

    def take(self, request_id: str, steps: Sequence[Step], owner: str, lease_s: float) -> Lease | None:
        """Become the owner; see `bot.ports.journal.Jobs.take`."""
        with connection(self._pool) as conn:
            lease = take_lease(conn, WorkKind.JOB, request_id, owner, lease_s)
            if lease is not None and not list_steps(conn, WorkKind.JOB, request_id):
                add_steps(conn, WorkKind.JOB, request_id, steps)
        return lease

    def steps(self, request_id: str) -> Sequence[Step]:
        """Read a job's steps."""
        with connection(self._pool) as conn:
            return list_steps(conn, WorkKind.JOB, request_id)
