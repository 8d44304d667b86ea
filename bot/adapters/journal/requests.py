"""Requests: what people did, persisted before Slack is answered; and freezes."""

from collections.abc import Sequence

from bot.adapters.journal import rows
from bot.adapters.journal.table import Table
from bot.ports import Request


class Requests(Table):
    """The requests part of `bot.ports.Journal`."""

    def accept(self, request: Request) -> bool:
        """Persist a request; False when it is already there (a redelivery)."""
        payload = rows.to_json(dict(request.payload))
        return self._one("accept_request", id=request.id, kind=request.kind, payload=payload) is not None

    def request(self, request_id: str) -> Request | None:
        """Read a request that has not been finished; None when it has, or is unknown."""
        row = self._one("unfinished_request", id=request_id)
        return rows.request_of(row) if row else None

    def finish_request(self, request_id: str, problem: str = "") -> None:
        """Note that it has been dealt with."""
        self._do("finish_request", id=request_id, problem=problem.replace("\0", ""))

    def unfinished_requests(self, older_than_s: float) -> Sequence[Request]:
        """Requests nobody finished, for the sweep: at most 500, oldest first."""
        return [rows.request_of(row) for row in self._all("unfinished_requests", older_than_s=older_than_s)]


class Freezes(Table):
    """The freezes part of `bot.ports.Journal`."""

    def freeze(self, environment: str, user_id: str, reason: str) -> None:
        """Nobody starts a run there."""
        self._do("freeze", environment=environment, user_id=user_id, reason=reason.replace("\0", ""))

    def unfreeze(self, environment: str) -> None:
        """Allow runs again."""
        self._do("unfreeze", environment=environment)

    def frozen(self, environment: str) -> str | None:
        """Who froze it, since when and why, as a sentence; None when it is not."""
        row = self._one("frozen", environment=environment)
        if row is None:
            return None
        why = f": {row['reason']}" if row["reason"] else "."
        return f"{rows.person(row['user_id'])} froze {environment} at {rows.moment(row['since'])}{why}"
