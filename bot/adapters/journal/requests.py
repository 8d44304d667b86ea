"""Stores requests before Slack is answered, freezes, and what the Home tab asks for."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import LiteralString

import psycopg
from psycopg.rows import DictRow

from bot.adapters.journal import mapping
from bot.adapters.journal.audit import append
from bot.adapters.journal.connections import Table, connection
from bot.ports import AuditEntry, Request


class Requests(Table):
    """A `bot.ports.journal.Requests`."""

    def accept(self, request: Request) -> bool:
        """Persist a request; False when it is already there (a redelivery)."""
        payload = mapping.to_json(dict(request.payload))
        return self._one("accept_request", id=request.id, kind=request.kind, payload=payload) is not None

    @contextmanager
    def claim(self, request_id: str) -> Iterator["RowClaim | None"]:
        """Hold a request by its row's lock while it is dealt with; see `bot.ports.journal.Requests.claim`."""
        with connection(self._pool) as conn:
            row = conn.execute(self._queries["claim_request"], {"id": request_id}).fetchone()
            yield RowClaim(conn, self._queries["finish_request"], mapping.read_request(row)) if row else None

    def unfinished(self, older_than_s: float) -> Sequence[Request]:
        """Requests nobody finished, for the sweep: at most 500, oldest first."""
        return [mapping.read_request(row) for row in self._all("unfinished_requests", older_than_s=older_than_s)]

    def under_way(self) -> Sequence[Request]:
        """Every request nobody has finished, held or not, oldest first."""
        return [mapping.read_request(row) for row in self._all("requests_under_way")]


class RowClaim:
    """A `bot.ports.Claim`: good for as long as its transaction is open."""

    def __init__(self, conn: psycopg.Connection[DictRow], finish: LiteralString, request: Request) -> None:
        self._conn = conn
        self._finish = finish
        self.request = request

    def finish(self, problem: str = "") -> None:
        """Note that it has been dealt with; kept when the claim's context ends without an exception."""
        self._conn.execute(self._finish, {"id": self.request.id, "problem": problem.replace("\0", "")})


class Freezes(Table):
    """A `bot.ports.journal.Freezes`."""

    def freeze(self, environment: str, user_id: str, reason: str, entry: AuditEntry | None = None) -> None:
        """Nobody starts a run there."""
        values = {"environment": environment, "user_id": user_id, "reason": reason.replace("\0", "")}
        with connection(self._pool) as conn:
            conn.execute(self._queries["freeze"], values)
            append(conn, "", entry)

    def unfreeze(self, environment: str, entry: AuditEntry | None = None) -> bool:
        """Allow runs again. Whether it was frozen."""
        with connection(self._pool) as conn:
            thawed = conn.execute(self._queries["unfreeze"], {"environment": environment}).fetchone() is not None
            append(conn, "", entry if thawed else None)
        return thawed

    def frozen(self, environment: str) -> str | None:
        """Say who froze it, since when and why, as a sentence; None when it is not frozen."""
        row = self._one("frozen", environment=environment)
        if row is None:
            return None
        why = f": {row['reason']}" if row["reason"] else "."
        return f"{mapping.person(row['user_id'])} froze {environment} at {mapping.moment(row['since'])}{why}"


class Activity(Table):
    """A `bot.ports.journal.Activity`."""

    def visitors(self, within_s: float) -> Sequence[str]:
        """List who has opened the Home tab in that time."""
        return [row["user_id"] for row in self._all("visitors", within_s=within_s)]

    def pulse(self) -> str:
        """Fingerprint what the Home tab shows."""
        row = self._one("pulse")
        return str(row["pulse"]) if row else ""
