"""Leases runs, drills and jobs to one owner each, and checks the owner's fencing token at every write."""

from collections.abc import Mapping, Sequence
from typing import Any

from psycopg import Connection
from psycopg.rows import DictRow

from bot.adapters.journal import mapping
from bot.adapters.journal.connections import Table, connection
from bot.adapters.named_queries import load
from bot.domain.runs import Lease, Progress, Step, StepState, WorkKind
from bot.errors import PermanentError

LEASES = load("sql.journal", "leases.sql")


class Leases(Table):
    """A `bot.ports.journal.Leases`."""

    _queries = LEASES

    def renew(self, lease: Lease, lease_s: float) -> None:
        """Extend the lease.

        Raises:
            PermanentError: ``fenced-off`` when another owner has taken over, or the work has been ended.
        """
        if self._one("renew_lease", **_columns(lease), lease_s=lease_s) is None:
            raise lease_lost(lease)

    def record_step(
        self,
        lease: Lease,
        key: str,
        state: StepState,
        detail: str = "",
        data: Mapping[str, Any] | None = None,
        signature: str = "",
    ) -> None:
        """Record a step's state; times and attempts follow from it. `data` None leaves it as it is.

        RUNNING is a new attempt: attempts + 1 and a new start. DONE, FAILED, UNDONE and SKIPPED end it.

        Raises:
            PermanentError: ``fenced-off``, ``unknown-step``.
        """
        stored = None if data is None else mapping.to_json(dict(data))
        values = {"state": state.value, "detail": _text(detail), "data": stored, "signature": signature}
        self._write("record_step", lease, key, **values)

    def remember(self, lease: Lease, key: str, data: Mapping[str, Any], signature: str = "") -> None:
        """Record what a running step must remember.

        Raises:
            PermanentError: ``fenced-off``, ``unknown-step``.
        """
        self._write("remember", lease, key, data=mapping.to_json(dict(data)), signature=signature)

    def record_progress(self, lease: Lease, key: str, progress: Progress | None, detail: str | None = None) -> None:
        """Record how far a step is.

        Raises:
            PermanentError: ``fenced-off``, ``unknown-step``.
        """
        row = None if progress is None else mapping.progress_row(progress)
        self._write("record_progress", lease, key, progress=row, detail=None if detail is None else _text(detail))

    def _write(self, query: str, lease: Lease, key: str, **values: Any) -> None:
        with connection(self._pool) as conn:
            if conn.execute(self._queries[query], _columns(lease) | {"key": key, **values}).fetchone() is None:
                check_owner(conn, lease)
                raise PermanentError("unknown-step", f"{lease.kind.capitalize()} {lease.id} has no step {key}.")


def _columns(lease: Lease) -> dict[str, Any]:
    return {"kind": lease.kind.value, "id": lease.id, "fencing_token": lease.fencing_token}


def _text(detail: str) -> str:
    return detail.replace("\0", "")  # PostgreSQL's text has no NUL


def take_lease(conn: Connection[DictRow], kind: WorkKind, work_id: str, owner: str, lease_s: float) -> Lease | None:
    """Become the owner in the caller's transaction; None while another owner's lease runs."""
    # decision 32: the caller holds the row of the work already, so that taking and ending it cannot deadlock
    values = {"kind": kind.value, "id": work_id, "owner": owner, "lease_s": lease_s}
    row = conn.execute(LEASES["take_lease"], values).fetchone()
    return Lease(kind, work_id, row["fencing_token"]) if row else None


def release_lease(conn: Connection[DictRow], kind: WorkKind, work_id: str, *, invalidate_token: bool = False) -> None:
    """Leave the work without an owner; `invalidate_token` also refuses whatever its last owner may still write."""
    conn.execute(LEASES["release_lease"], {"kind": kind.value, "id": work_id, "fenced": invalidate_token})


def check_owner(conn: Connection[DictRow], lease: Lease) -> None:
    """Refuse an owner that has been replaced.

    Raises:
        PermanentError: ``fenced-off``.
    """
    row = conn.execute(LEASES["fencing_token"], _columns(lease)).fetchone()
    if (row["fencing_token"] if row else 0) != lease.fencing_token:
        raise lease_lost(lease)


def list_steps(conn: Connection[DictRow], kind: WorkKind, work_id: str) -> list[Step]:
    """Read a checklist."""
    return [mapping.read_step(row) for row in conn.execute(LEASES["steps"], {"kind": kind.value, "id": work_id})]


def add_steps(conn: Connection[DictRow], kind: WorkKind, work_id: str, steps: Sequence[Step]) -> None:
    """Write a checklist where there is none."""
    rows = [{"kind": kind.value, "id": work_id, **mapping.step_row(step)} for step in steps]
    conn.cursor().executemany(LEASES["add_step"], rows)


def clear_steps(conn: Connection[DictRow], kind: WorkKind, work_id: str) -> None:
    """Delete a checklist."""
    conn.execute(LEASES["clear_steps"], {"kind": kind.value, "id": work_id})


def lease_lost(lease: Lease) -> PermanentError:
    """Build the error of an owner that has been replaced."""
    return PermanentError(
        "fenced-off",
        f"This process no longer owns {lease.kind} {lease.id}: another one has taken over, or it was ended.",
        "Nothing to do: its owner goes on.",
    )
