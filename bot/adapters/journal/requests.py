"""Stores requests before Slack is answered, freezes, and what the Home tab asks for."""

import logging
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import LiteralString

import psycopg
from psycopg.rows import DictRow

from bot.adapters.journal import mapping
from bot.adapters.journal.audit import AuditedTable
from bot.adapters.journal.connections import Pool, Table, connection
from bot.domain.signing import Keyring
from bot.errors import TemporaryError
from bot.ports import AuditEntry, Clock, Request

_log = logging.getLogger(__name__)


class Requests(AuditedTable):
    """A `bot.ports.journal.Requests`."""

    def __init__(self, pool: Pool, clock: Clock, keyring: Keyring) -> None:
        super().__init__(pool, clock, keyring)
        # Unique per process: a container that is started again has the same host name and process id.
        self._handler = uuid.uuid4().hex

    def accept(self, request: Request) -> bool:
        """Persist a request; False when it is already there (a redelivery)."""
        payload = mapping.to_json(dict(request.payload))
        values = {"id": request.id, "kind": request.kind, "payload": payload}
        signed = {"taken_at": request.taken_at, "signature": request.signature}
        return self._one("accept_request", **values, **signed) is not None

    @contextmanager
    def claim(self, request_id: str) -> Iterator["RowClaim | None"]:
        """Hold a request by its row's lock while it is dealt with; see `bot.ports.journal.Requests.claim`."""
        with connection(self._pool) as conn:
            row = conn.execute(self._queries["claim_request"], {"id": request_id}).fetchone()
            if row is None:
                yield None
                return
            claim = RowClaim(
                conn,
                self._queries,
                mapping.read_request(row),
                interrupted=self._begin(request_id),
                handled=bool(row["handled"]),
                append=partial(self._append, conn, ""),
            )
            try:
                # A savepoint: undone, it lets go of what `finish` wrote, and keeps the request's row.
                with conn.transaction():
                    yield claim
            except Exception:
                self._leave(request_id)
                raise
            if not claim.finished:
                self._leave(request_id)

    def _begin(self, request_id: str) -> int:
        """Commit that this process is at it; returns how many have died in the middle of it."""
        row = self._one("begin_attempt", id=request_id, handler=self._handler)
        return int(row["interrupted"]) if row else 0

    def _leave(self, request_id: str) -> None:
        """Commit that this process is at it no more. If that fails, only another process would count it."""
        try:
            self._do("leave_attempt", id=request_id, handler=self._handler)
        except TemporaryError as error:
            _log.warning("request %s may be counted as interrupted: %s", request_id, error.reference)

    def unfinished(self, older_than_s: float) -> Sequence[Request]:
        """Requests nobody finished, for the sweep: at most 500, oldest first."""
        return [mapping.read_request(row) for row in self._all("unfinished_requests", older_than_s=older_than_s)]

    def under_way(self) -> Sequence[Request]:
        """Every request nobody has finished, held or not, oldest first."""
        return [mapping.read_request(row) for row in self._all("requests_under_way")]


class RowClaim:
    """A `bot.ports.Claim`: good for as long as its transaction is open."""

    def __init__(
        self,
        conn: psycopg.Connection[DictRow],
        queries: Mapping[str, LiteralString],
        request: Request,
        *,
        interrupted: int,
        handled: bool,
        append: Callable[[AuditEntry | None], None],
    ) -> None:
        self._conn = conn
        self._queries = queries
        self.request = request
        self.interrupted = interrupted
        self.handled = handled
        self._append = append
        self.finished = False

    def finish(self, problem: str = "", entry: AuditEntry | None = None) -> None:
        """Note that it has been dealt with; kept when the claim's context ends without an exception."""
        values = {"id": self.request.id, "problem": problem.replace("\0", "")}
        for query in ("finish_request", "forget_attempts"):
            self._conn.execute(self._queries[query], values)
        self._append(entry)
        self.finished = True


class Freezes(AuditedTable):
    """A `bot.ports.journal.Freezes`."""

    def freeze(self, environment: str, user_id: str, reason: str, entry: AuditEntry | None = None) -> None:
        """Nobody starts a run there."""
        values = {"environment": environment, "user_id": user_id, "reason": reason.replace("\0", "")}
        with connection(self._pool) as conn:
            conn.execute(self._queries["freeze"], values)
            self._append(conn, "", entry)

    def unfreeze(self, environment: str, entry: AuditEntry | None = None) -> bool:
        """Allow runs again. Whether it was frozen."""
        with connection(self._pool) as conn:
            thawed = conn.execute(self._queries["unfreeze"], {"environment": environment}).fetchone() is not None
            self._append(conn, "", entry if thawed else None)
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
