"""Runs: one open run an environment, one owner a run."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from bot.adapters.journal import mapping
from bot.adapters.journal.audit import append
from bot.adapters.journal.connections import connection
from bot.adapters.journal.leases import fenced_off
from bot.adapters.journal.table import Table
from bot.adapters.journal.votes import BALLOTS
from bot.domain.plans import Plan
from bot.domain.runs import NEXT, Run, RunState, Step, TransitionError
from bot.errors import PermanentError, TemporaryError
from bot.ports import AuditEntry

_BY_OTHER_WAYS = frozenset({RunState.PENDING, RunState.APPROVED, RunState.RUNNING})
"""States a run comes to by `open_run`, `replan`, `approve`, `resume` or `take`, never by `end`."""

_OPENING_ATTEMPTS = 3


class Runs(Table):
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
                    append(conn, run.id, entry)
                    return
            other = self.active(run.environment)
            if other is not None:  # else it has ended since
                raise _another_run_active(other)
        raise TemporaryError("environment-contended", f"Others are starting and ending runs on {run.environment}.")

    def find(self, run_id: str) -> Run | None:
        """Read a run with its steps."""
        row = self._one("run", run_id=run_id)
        return mapping.run_of(row) if row else None

    def newest(self, environment: str | None = None, limit: int = 10) -> Sequence[Run]:
        """Newest first."""
        return [mapping.run_of(row) for row in self._all("runs", environment=environment, limit=limit)]

    def open_follow_ups(self, environment: str | None = None) -> Sequence[Run]:
        """See `bot.ports.journal.Runs.open_follow_ups`. However old they are, and however many."""
        return [mapping.run_of(row) for row in self._all("open_follow_ups", environment=environment)]

    def count(self) -> Mapping[str, int]:
        """How many runs there are in each state that has any."""
        return {row["state"]: row["runs"] for row in self._all("count_runs")}

    def active(self, environment: str) -> Run | None:
        """The run that holds the environment."""
        row = self._one("active_run", environment=environment)
        return self.find(row["id"]) if row else None

    def approve(self, run_id: str, digest: str, steps: Sequence[Step], entry: AuditEntry | None = None) -> bool:
        """PENDING → APPROVED in one conditional update, with its checklist; False when someone else was first,
        the digest is no longer the plan's, or the request's time is over.
        """
        values = {"run_id": run_id, "digest": digest, "now": self._clock.now()}
        with connection(self._pool) as conn:
            if conn.execute(self._queries["approve_run"], values).fetchone() is None:
                return False
            conn.execute(self._queries["clear_steps"], {"run_id": run_id})
            conn.cursor().executemany(
                self._queries["add_step"], [{"run_id": run_id, **mapping.step_row(step)} for step in steps]
            )
            append(conn, run_id, entry)
        return True

    def end(
        self,
        run_id: str,
        state: RunState,
        problem: str = "",
        *,
        expect: frozenset[RunState],
        fence: int | None = None,
        entry: AuditEntry | None = None,
    ) -> bool:
        """Move to a closed or parked state if it is in one of `expect`; False otherwise.

        Args:
            run_id: which run.
            state: where to.
            problem: why.
            expect: states it may be in; those that cannot lead to `state` are left out.
            fence: the owner's, so that one who was replaced cannot end the run; None for anyone else.
            entry: for the audit log.

        Raises:
            PermanentError: ``fenced-off``.
            TransitionError: no state of `expect` can lead to `state`, or `end` is not the way there.
        """
        legal = [before.value for before in expect if state in NEXT.get(before, ()) and state not in _BY_OTHER_WAYS]
        if not legal:
            raise TransitionError(f"a run cannot end as {state} from {', '.join(sorted(expect))}")
        values = {"run_id": run_id, "state": state.value, "problem": problem.replace("\0", "")}
        with connection(self._pool) as conn:
            ended = conn.execute(self._queries["end_run"], values | {"expect": legal, "fence": fence}).fetchone()
            if ended is None and fence is not None:
                now = conn.execute(self._queries["fence_of"], values).fetchone()
                if now is None or now["fence"] != fence:
                    raise fenced_off(run_id)
            if ended is not None:
                append(conn, run_id, entry)
        return ended is not None

    def replan(
        self, run_id: str, plan: Plan, expires_at: datetime, fence: int, entries: Mapping[str, AuditEntry] | None = None
    ) -> None:
        """RUNNING → PENDING with a new plan; its steps are gone, and every vote that was for another digest or is
        one of those that `entries` are about.

        Raises:
            PermanentError: ``fenced-off``.
        """
        values = {"run_id": run_id, "expires_at": expires_at, "fence": fence, **mapping.plan_row(plan)}
        with connection(self._pool) as conn:
            if conn.execute(self._queries["replan_run"], values).fetchone() is None:
                raise fenced_off(run_id)
            conn.execute(self._queries["clear_steps"], values)
            conn.execute(BALLOTS["clear_stale_votes"], values)
            for user_id, entry in (entries or {}).items():
                conn.execute(BALLOTS["clear_vote"], {"run_id": run_id, "user_id": user_id})
                append(conn, run_id, entry)

    def resume(self, run_id: str, entry: AuditEntry | None = None) -> bool:
        """PARKED → APPROVED, so that an owner takes it up; False when it is not parked."""
        with connection(self._pool) as conn:
            resumed = conn.execute(self._queries["resume_run"], {"run_id": run_id}).fetchone() is not None
            append(conn, run_id, entry if resumed else None)
        return resumed

    def request_cancel(self, run_id: str, user_id: str) -> None:
        """Ask the owner to stop at the next safe place; whoever asked first is remembered."""
        self._do("request_cancel", run_id=run_id, user_id=user_id)

    def expired(self) -> Sequence[str]:
        """Ids of pending runs past their time."""
        return [row["id"] for row in self._all("expired_runs", now=self._clock.now())]

    def take(self, run_id: str, owner: str, lease_s: float) -> Run | None:
        """Become the owner: fence + 1, state RUNNING, lease. None when another owner's lease still runs or the run
        is neither approved nor running.
        """
        with connection(self._pool) as conn:
            values = {"run_id": run_id, "owner": owner, "lease_s": lease_s}
            if conn.execute(self._queries["take_run"], values).fetchone() is None:
                return None
            row = conn.execute(self._queries["run"], values).fetchone()
        return mapping.run_of(row) if row else None

    def unowned(self) -> Sequence[str]:
        """Ids of approved runs, and of running ones whose lease has ended."""
        return [row["id"] for row in self._all("unowned_runs")]


def _another_run_active(other: Run) -> PermanentError:
    return PermanentError(
        "another-run-active",
        f"{other.environment} already has a run: {other.id}, {other.state}, asked for by "
        f"{mapping.person(other.requester)} at {mapping.moment(other.created_at)}.",
        f"`/rollback status` shows it; `/rollback cancel {other.id}` stops it.",
    )
