"""Votes: one a person, while the run is pending."""

from collections.abc import Sequence

from bot.adapters.journal import rows
from bot.adapters.journal.connections import connection
from bot.adapters.journal.table import Table
from bot.domain.approvals import Vote
from bot.errors import PermanentError


class Votes(Table):
    """The votes part of `bot.ports.Journal`."""

    def cast(self, run_id: str, vote: Vote) -> None:
        """Record a vote; the same person's earlier one is replaced.

        Raises:
            PermanentError: ``not-pending`` when the run takes no votes any more.
        """
        with connection(self._pool) as conn:
            if conn.execute(self._queries["lock_pending_run"], {"run_id": run_id}).fetchone() is None:
                raise PermanentError(
                    "not-pending",
                    f"Run {run_id} takes no votes: it is no longer waiting for approval.",
                    "`/rollback status` shows where it is.",
                )
            conn.execute(self._queries["cast_vote"], {"run_id": run_id, **rows.vote_row(vote)})

    def withdraw(self, run_id: str, user_id: str, how: str) -> bool:
        """Take a person's vote back, if it was cast that way and the run is pending. Whether there was one."""
        values = {"run_id": run_id, "user_id": user_id, "how": how}
        with connection(self._pool) as conn:
            if conn.execute(self._queries["lock_pending_run"], values).fetchone() is None:
                return False
            return conn.execute(self._queries["withdraw_vote"], values).fetchone() is not None

    def votes(self, run_id: str) -> Sequence[Vote]:
        """Votes now, oldest first."""
        return [rows.vote_of(row) for row in self._all("votes", run_id=run_id)]
