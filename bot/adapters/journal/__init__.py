"""Keeps the journal in PostgreSQL, in the schema ``backstop`` of the state database."""

from bot.adapters.journal.audit import Audit
from bot.adapters.journal.connections import Pool, open_pool
from bot.adapters.journal.drills import PostgresDrillRepository
from bot.adapters.journal.jobs import Jobs
from bot.adapters.journal.leases import Leases
from bot.adapters.journal.requests import Activity, Freezes, Requests
from bot.adapters.journal.runs import Runs
from bot.adapters.journal.schema import migrate, prepare
from bot.adapters.journal.votes import Votes
from bot.domain.signing import Keyring
from bot.ports import Clock, Journal

__all__ = ["Pool", "PostgresDrillRepository", "PostgresJournal", "migrate", "open_pool", "prepare"]


class PostgresJournal(Journal):
    """`bot.ports.Journal` in the schema ``backstop`` of the state database; `migrate` makes it ready.

    Every method may raise TemporaryError ``journal-unreachable``.

    Args:
        pool: to the state database; see `open_pool`.
        clock: for drills; the expiry of requests, leases and steps use the server's.
        keyring: signs what is written.
    """

    def __init__(self, pool: Pool, clock: Clock, keyring: Keyring) -> None:
        super().__init__(
            requests=Requests(pool, clock, keyring),
            runs=Runs(pool, clock, keyring),
            leases=Leases(pool, clock),
            votes=Votes(pool, clock, keyring),
            jobs=Jobs(pool, clock),
            audit=Audit(pool, clock, keyring),
            freezes=Freezes(pool, clock, keyring),
            activity=Activity(pool, clock),
        )
