"""Describes an environment's database and its server, as every database adapter needs them."""

from dataclasses import dataclass, field, replace
from functools import cached_property

from psycopg.conninfo import make_conninfo

from bot.adapters.database.connections import Connections
from bot.adapters.pgclient.tools import PgTools
from bot.domain.bundle_limits import LIMITS, BundleLimits
from bot.domain.environments import Timing
from bot.ports import Clock


@dataclass(frozen=True)
class Tracking:
    """The migration runner's table, as ``name`` or ``schema.name``, and the columns that may hold the version, best
    first.
    """

    table: str
    version_columns: tuple[str, ...]


@dataclass(frozen=True)
class LoaderLogin:
    """The role that loads bundles, and its password; None where the server does not ask for one."""

    user: str
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Server:
    """One environment's database, the server it is on, and what we work on it with.

    Attributes:
        dsn: URL or conninfo, as the database's owner role: LOGIN, CREATEDB, pg_signal_backend, pg_monitor, member of
            every role that owns something in it; a direct connection, no transaction pooler.
        tracking: the tracking table.
        timing: lock and stall timeouts, attempts.
        tools: client programs of the server's version or newer.
        clock: time and waiting.
        maintenance_database: a database of the same server that is never closed or exchanged.
        limits: of the bundle that a dump becomes.
        template: is copied for shadows and side databases; it holds the extensions only a superuser can create.
        loader: logs in where a bundle is loaded; None: nothing can be loaded.
    """

    dsn: str = field(repr=False)
    tracking: Tracking
    timing: Timing
    tools: PgTools
    clock: Clock
    maintenance_database: str = "postgres"
    template: str = "template0"
    limits: BundleLimits = LIMITS
    loader: LoaderLogin | None = None

    @cached_property
    def connections(self) -> Connections:
        """Opens sessions in the database and in the maintenance database."""
        return Connections(self.dsn, self.maintenance_database, self.timing.lock_timeout_s)

    @cached_property
    def loader_connections(self) -> Connections | None:
        """Opens sessions as the loader, which can connect to the side databases only."""
        return self.connections.log_in_as(self.loader.user, self.loader.password) if self.loader else None

    def for_database(self, name: str) -> "Server":
        """Describe another database on the same server."""
        return replace(self, dsn=make_conninfo(self.dsn, dbname=name))
