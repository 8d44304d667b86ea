"""An environment's databases beside its live one, as the engine needs them."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace

from psycopg.conninfo import make_conninfo

from bot.adapters.database.catalogue import read_catalogue
from bot.adapters.database.connections import Connection, Connections
from bot.adapters.database.failures import translated
from bot.adapters.database.inspection import inspect
from bot.adapters.database.tracking import Tracking
from bot.adapters.pgclient.tools import PgTools
from bot.adapters.sides.contents import ContentReader
from bot.adapters.sides.database_settings import Adoption
from bot.adapters.sides.exchange import Exchanger
from bot.adapters.sides.integrity import check_heap, find_problems, read_extensions
from bot.adapters.sides.loading import Loader
from bot.adapters.sides.names import side_name
from bot.adapters.sides.progress import Follower
from bot.adapters.sides.server import QUERIES, Server
from bot.domain.backups import TableContent
from bot.domain.catalogue import Catalogue, DatabaseFacts
from bot.domain.environments import Timing
from bot.errors import BotError
from bot.ports import Clock, ExchangeState, FetchedBundle, Report, SideFacts


class PostgresSides:
    """A `bot.ports.Sides`.

    A kept (or undone) database stays closed: nobody, not even a superuser, writes to it by mistake. What looks into it
    opens it for that moment.

    Args:
        dsn: as `PostgresDatabase`'s: the owner role with CREATEDB and pg_signal_backend, member of every role that owns
            something in the database.
        tracking: the tracking table.
        timing: how patient to be.
        tools: pg_restore, psql, vacuumdb, pg_amcheck, of the server's version or newer.
        clock: time and waiting.
        maintenance_database: a database of the same server that is never exchanged.
        jobs: how many sessions load at once.
        template: what side databases are copied from; it holds the extensions only a superuser can make.
    """

    def __init__(  # noqa: PLR0913 -- the composition root's choices, one by one
        self,
        dsn: str,
        tracking: Tracking,
        timing: Timing,
        tools: PgTools,
        clock: Clock,
        *,
        maintenance_database: str = "postgres",
        jobs: int = 2,
        template: str = "template0",
    ) -> None:
        self._dsn = dsn
        self._tracking = tracking
        self._timing = timing
        self._tools = tools
        self._clock = clock
        self._jobs = jobs
        self._connections = Connections(dsn, maintenance_database, timing.lock_timeout_s)
        self._server = Server(self._connections, clock, template)
        self._exchanger = Exchanger(self._server, clock)
        self._loader = Loader(self._server, tools, jobs)

    def name(self, kind: str, run_id: str) -> str:
        """Name a run's database of that kind."""
        return side_name(self._connections.database, kind, run_id)

    def load(self, run_id: str, bundle: FetchedBundle, report: Report) -> str:
        """Load a bundle; see `bot.ports.Sides.load`. What could not be made as it was is told by `adopt`."""
        name = self.name("side", run_id)
        with translated("Loading the backup"), self._unlimited() as conn:
            self._server.create(conn, name)
            try:
                guess_bytes = self._size(conn, self._connections.database)
                follower = Follower(conn, name, guess_bytes, self._timing.stall_s, self._clock, report)
                problems = self._loader.load(name, bundle, follower)
                self._server.note(conn, name, problems)
            except BaseException:
                self._drop_failed(name)
                raise
        return name

    def contents(self, name: str, report: Report) -> Sequence[TableContent]:
        """Count and hash every table; see `bot.ports.Sides.contents`."""
        self._server.require_ours(name)
        with translated("Counting the rows"), self._server.opened(name):
            return ContentReader(self._connections, name).read(report)

    def live_contents(self, report: Report) -> Sequence[TableContent]:
        """Count and hash every table of the live database; see `bot.ports.Sides.live_contents`."""
        with translated("Counting the rows"):
            return ContentReader(self._connections, self._connections.database).read(report)

    def catalogue(self, name: str) -> Catalogue:
        """Read every user object of a side database; see `bot.ports.Sides.catalogue`."""
        self._server.require_ours(name)
        with (
            translated("Reading the catalogue"),
            self._server.opened(name),
            self._connections.session(name, statement_timeout_s=0) as conn,
        ):
            return read_catalogue(conn)

    def inspect(self, name: str) -> DatabaseFacts:
        """Observe a side database; see `bot.ports.Sides.inspect`."""
        self._server.require_ours(name)
        beside = Connections(
            make_conninfo(self._dsn, dbname=name), self._connections.maintenance_database, self._timing.lock_timeout_s
        )
        with translated("Looking at the side database"), self._server.opened(name) as was_open:
            return replace(inspect(beside, self._tracking), accepts_connections=was_open)

    def problems(self, name: str) -> Sequence[str]:
        """What is not sound in it; see `bot.ports.Sides.problems`."""
        self._server.require_ours(name)
        with translated("Checking the side database"):
            with self._connections.session() as live:
                extensions = read_extensions(live)
            with self._server.opened(name), self._connections.session(name, statement_timeout_s=0) as conn:
                found = list(find_problems(conn, extensions))
                environment = self._connections.tool_environment(name)
                return [*found, *check_heap(conn, self._tools, environment, self._jobs)]

    def adopt(self, name: str) -> Sequence[str]:
        """Give it the live database's state; see `bot.ports.Sides.adopt`.

        What `load` could not make as it was comes first, and a line for each logical replication slot of the live one.
        """
        self._server.require_ours(name)
        with translated("Copying the database's settings"), self._connections.maintenance() as conn:
            noted = self._server.noted_problems(conn, name)
            return [*noted, *Adoption(conn, self._connections.database, name).adopt()]

    def exchange(self, incoming: str, outgoing: str, may_commit: Callable[[], None]) -> float:
        """Swap; see `bot.ports.Sides.exchange`. The outgoing one stays closed."""
        for name in (incoming, outgoing):
            self._server.require_ours(name)
        with translated("The exchange"), self._connections.maintenance() as conn:
            return self._exchanger.exchange(conn, incoming, outgoing, may_commit)

    def state(self, incoming: str, outgoing: str) -> ExchangeState:
        """Say whether that exchange has happened."""
        with translated("Looking at the databases"), self._connections.maintenance() as conn:
            return self._exchanger.state(conn, incoming, outgoing)

    def list(self) -> Sequence[SideFacts]:
        """Every database of ours beside the live one."""
        with translated("Looking at the databases"), self._connections.maintenance() as conn:
            return self._server.list(conn)

    def drop(self, name: str) -> None:
        """Drop one; see `bot.ports.Sides.drop`."""
        self._server.require_ours(name)
        with translated("Dropping the database"), self._unlimited() as conn:
            self._server.drop(conn, name)

    @contextmanager
    def session(self, name: str) -> Iterator[Connection]:
        """A session that reads a side database, kept ones included, closed at the end.

        Raises:
            PermanentError: ``not-ours``, ``side-missing``.
        """
        self._server.require_ours(name)
        with self._server.opened(name):
            conn = self._connections.open(name, statement_timeout_s=0)
        try:
            conn.execute("SET default_transaction_read_only = on")
            yield conn
        finally:
            conn.close()

    @contextmanager
    def _unlimited(self) -> Iterator[Connection]:
        """Making and dropping a database take as long as they take."""
        with self._connections.session(self._connections.maintenance_database, statement_timeout_s=0) as conn:
            yield conn

    def _size(self, conn: Connection, name: str) -> int:
        row = conn.execute(QUERIES["size"], {"database": name}).fetchone()
        return int(row[0]) if row else 0

    def _drop_failed(self, name: str) -> None:
        """Drop it by a session of its own: the first may be gone. What is left is dropped by the next try."""
        with suppress(BotError), translated("Dropping the database"), self._unlimited() as conn:
            self._server.drop(conn, name)
