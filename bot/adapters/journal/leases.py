"""Checks at every write of an owner, by its fencing token, that it still is the owner."""

from collections.abc import Mapping
from typing import Any

from psycopg import Connection
from psycopg.rows import DictRow

from bot.adapters.journal import mapping
from bot.adapters.journal.connections import connection
from bot.adapters.journal.table import Table
from bot.domain.runs import Progress, StepState
from bot.errors import PermanentError


class Leases(Table):
    """A `bot.ports.journal.Leases`."""

    def renew(self, run_id: str, fence: int, lease_s: float) -> None:
        """Extend the lease.

        Raises:
            PermanentError: ``fenced-off`` when another owner has taken over, or the run has been ended.
        """
        if self._one("renew_lease", run_id=run_id, fence=fence, lease_s=lease_s) is None:
            raise fenced_off(run_id)

    def record_step(
        self,
        run_id: str,
        fence: int,
        key: str,
        state: StepState,
        detail: str = "",
        data: Mapping[str, Any] | None = None,
    ) -> None:
        """Note a step's state; times and attempts follow from it. `data` None leaves it as it is.

        RUNNING is a new attempt: attempts + 1 and a new start. DONE, FAILED, UNDONE and SKIPPED end it.

        Raises:
            PermanentError: ``fenced-off``, ``unknown-step``.
        """
        columns = {
            "run_id": run_id,
            "fence": fence,
            "key": key,
            "state": state.value,
            "detail": detail.replace("\0", ""),
            "data": None if data is None else mapping.to_json(dict(data)),
        }
        self._write_step("record_step", columns)

    def remember(self, run_id: str, fence: int, key: str, data: Mapping[str, Any]) -> None:
        """Note what a step under way must remember.

        Raises:
            PermanentError: ``fenced-off``, ``unknown-step``.
        """
        self._write_step(
            "remember", {"run_id": run_id, "fence": fence, "key": key, "data": mapping.to_json(dict(data))}
        )

    def record_progress(self, run_id: str, fence: int, key: str, progress: Progress) -> None:
        """Note how far a step is.

        Raises:
            PermanentError: ``fenced-off``, ``unknown-step``.
        """
        columns = {"run_id": run_id, "fence": fence, "key": key, "progress": mapping.progress_row(progress)}
        self._write_step("record_progress", columns)

    def _write_step(self, query: str, columns: Mapping[str, Any]) -> None:
        with connection(self._pool) as conn:
            if conn.execute(self._queries[query], columns).fetchone() is None:
                raise self._no_such_step(conn, columns)

    def _no_such_step(self, conn: Connection[DictRow], columns: Mapping[str, Any]) -> PermanentError:
        now = conn.execute(self._queries["fence_of"], columns).fetchone()
        if now is None or now["fence"] != columns["fence"]:
            return fenced_off(columns["run_id"])
        return PermanentError("unknown-step", f"Run {columns['run_id']} has no step {columns['key']}.")


def fenced_off(run_id: str) -> PermanentError:
    """The error of an owner who has been replaced."""
    return PermanentError(
        "fenced-off",
        f"This process no longer owns run {run_id}: another one has taken over, or the run was ended.",
        "Nothing to do: whoever owns it now goes on.",
    )
