"""The journal as one object."""

from bot.adapters.journal.audit import AuditLog
from bot.adapters.journal.leases import Ownership
from bot.adapters.journal.requests import Freezes, Jobs, Requests
from bot.adapters.journal.runs import Runs
from bot.adapters.journal.votes import Votes


class PostgresJournal(Requests, Runs, Votes, Ownership, AuditLog, Freezes, Jobs):
    """`bot.ports.Journal` in the schema ``backstop`` of the state database; `migrate` makes it ready.

    Every method may raise TemporaryError ``journal-unreachable``.
    """
