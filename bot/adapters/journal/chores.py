"""Chores: one of a kind an environment, held by the request that asked for it until that is finished."""

from bot.adapters.journal.connections import connection
from bot.adapters.journal.table import Table
from bot.domain.chores import ChoreHolder, ChoreKind


class Chores(Table):
    """The chores part of `bot.ports.Journal`.

    Nothing has to be let go: a holder whose request is finished, however it ended, holds nothing any more, and one
    whose process died is dealt with again by the sweep.
    """

    def hold_chore(self, environment: str, kind: ChoreKind, request_id: str, user_id: str) -> ChoreHolder:
        """See `bot.ports.Journal.hold_chore`."""
        values = {"environment": environment, "kind": kind.value, "request_id": request_id, "user_id": user_id}
        with connection(self._pool) as conn:
            row = conn.execute(self._queries["hold_chore"], values).fetchone()
            while row is None:  # a statement of its own, so that it sees who has just been first
                row = conn.execute(self._queries["chore_holder"], values).fetchone()
        return ChoreHolder(row["request_id"], row["user_id"], row["since"], row["attempts"])
