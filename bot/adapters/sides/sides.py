"""Implements the engine's port for the databases beside an environment's live one."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace

from bot.adapters.database import Server
from bot.adapters.database.catalogue import read_catalogue
from bot.adapters.database.connections import Connection, translated
from bot.adapters.database.hashing import ContentReader
from bot.adapters.database.inspection import inspect
from bot.adapters.database.settings import read_settings
from bot.adapters.sides.database_settings import SettingsCopier
from bot.adapters.sides.databases import QUERIES, SideDatabases, build_side_name
from bot.adapters.sides.exchange import Exchange, Exchanger
from bot.adapters.sides.integrity import check_heap, find_problems, read_extensions
from bot.adapters.sides.loading import Loader, LoadProgress
from bot.domain.backups import DatabaseSettings, TableContent
from bot.domain.catalogue import Catalogue, DatabaseFacts
from bot.domain.place import DatabaseIdentity
from bot.errors import BotError
from bot.ports import ExchangeState, FetchedBundle, Report, SideFacts

NO_SETTINGS = (
    "The live database is gone, and the backup does not say who owned it, who may connect and what was set. The owner "
    "is Backstop's role, and nobody else may connect: grant and set it by hand."
)
NO_LOCALE = "Its encoding and locale are the server's defaults: the live database is gone and the backup names none."


class PostgresSides:
    """A `bot.ports.Sides`.

    A kept (or undone) database stays closed: nobody, not even a superuser, writes to it by mistake. Each of our reads
    opens it for that moment.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._connections = server.connections
        self._databases = SideDatabases(server)
        self._exchanger = Exchanger(self._databases)
        self._loader = Loader(server)

    def name(self, kind: str, run_id: str) -> str:
        """Name a run's database of that kind."""
        return build_side_name(self._connections.database, kind, run_id)

    def load(self, run_id: str, bundle: FetchedBundle, report: Report) -> str:
        """Load a bundle; see `bot.ports.Sides.load`. `copy_settings` reports its problems."""
        name = self.name("side", run_id)
        with translated("Reading the backup's statements"):
            self._loader.check(bundle)
        with translated("Loading the backup"), self._unlimited() as conn:
            self._databases.create(conn, name, bundle.manifest.database if bundle.manifest else None)
            try:
                progress = LoadProgress(self._server, conn, name, self._read_size_bytes(conn), report)
                problems = [*self._unlike_live(conn, bundle), *self._loader.load(name, bundle, progress)]
                self._databases.note(conn, name, problems)
            # Also on a kill: half a database must not be mistaken for a loaded one.
            except BaseException:
                self._drop_failed(name)
                raise
        return name

    def contents(self, name: str, report: Report) -> Sequence[TableContent]:
        """Count and hash every table; see `bot.ports.Sides.contents`."""
        with translated("Counting the rows"), self._databases.opened(name):
            return ContentReader(self._connections, name).read(report)

    def live_contents(self, report: Report) -> Sequence[TableContent]:
        """Count and hash every table of the live database; see `bot.ports.Sides.live_contents`."""
        with translated("Counting the rows"):
            return ContentReader(self._connections, self._connections.database).read(report)

    def catalogue(self, name: str) -> Catalogue:
        """Read every user object of a side database; see `bot.ports.Sides.catalogue`."""
        with (
            translated("Reading the catalogue"),
            self._databases.opened(name),
            self._connections.session(name, statement_timeout_s=0) as conn,
        ):
            return read_catalogue(conn)

    def inspect(self, name: str) -> DatabaseFacts:
        """Observe a side database; see `bot.ports.Sides.inspect`."""
        with translated("Looking at the side database"), self._databases.opened(name) as was_open:
            return replace(inspect(self._server.for_database(name)), accepts_connections=was_open)

    def problems(self, name: str) -> Sequence[str]:
        """Find violations of its integrity; see `bot.ports.Sides.problems`."""
        with translated("Checking the side database"):
            unseen, extensions = self._live_extensions()
            with self._databases.opened(name), self._connections.session(name, statement_timeout_s=0) as conn:
                found = list(find_problems(conn, extensions))
                environment = self._connections.tool_environment(name)
                return [*unseen, *found, *check_heap(conn, self._server.tools, environment)]

    def _live_extensions(self) -> tuple[list[str], Mapping[str, str]]:
        """Read the versions of the live database's extensions; where nobody gets in, a line that says so."""
        try:
            with self._connections.session() as live:
                return [], read_extensions(live)
        except BotError as error:
            return [f"Its extensions' versions were compared with nothing: {error.message}"], {}

    def copy_settings(self, name: str, noted: DatabaseSettings | None = None) -> Sequence[str]:
        """Copy the live database's settings to it; see `bot.ports.Sides.copy_settings`.

        The problems of `load` come first, then those of copying, and a line for each of the live one's logical slots.
        """
        self._databases.require_ours(name)
        with translated("Copying the database's settings"), self._connections.maintenance() as conn:
            problems, live = self._databases.noted_problems(conn, name), self._connections.database
            wanted = read_settings(conn, live) or noted
            if wanted is None:
                return [*problems, NO_SETTINGS]
            return [*problems, *SettingsCopier(conn, live, name, wanted).copy()]

    def exchange(
        self,
        incoming: str,
        outgoing: str,
        may_commit: Callable[[], None],
        approved: DatabaseIdentity | None = None,
        *,
        found_closed: bool = False,
    ) -> float:
        """Swap; see `bot.ports.Sides.exchange`. The outgoing one stays closed."""
        for name in (incoming, outgoing) if outgoing else (incoming,):
            self._databases.require_ours(name)
        with translated("The exchange"), self._connections.maintenance() as conn:
            exchange = Exchange(incoming, outgoing, may_commit, approved, found_closed)
            return self._exchanger.exchange(conn, exchange)

    def state(self, incoming: str, outgoing: str) -> ExchangeState:
        """Say if that exchange has happened."""
        with translated("Looking at the databases"), self._connections.maintenance() as conn:
            return self._exchanger.state(conn, incoming, outgoing)

    def list(self) -> Sequence[SideFacts]:
        """List every database of ours beside the live one."""
        with translated("Looking at the databases"), self._connections.maintenance() as conn:
            return self._databases.list(conn)

    def drop(self, name: str) -> None:
        """Drop one; see `bot.ports.Sides.drop`."""
        self._databases.require_ours(name)
        with translated("Dropping the database"), self._unlimited() as conn:
            self._databases.drop(conn, name)

    @contextmanager
    def session(self, name: str) -> Iterator[Connection]:
        """Open a session that reads a side database, kept ones included; it is closed at the end.

        Raises:
            PermanentError: ``not-ours``, ``side-missing``.
        """
        with self._databases.opened(name):
            conn = self._connections.open(name, statement_timeout_s=0)
        try:
            conn.execute("SET default_transaction_read_only = on")
            yield conn
        finally:
            conn.close()

    def _unlike_live(self, conn: Connection, bundle: FetchedBundle) -> Sequence[str]:
        """Say where encoding and locale are the server's, as there is neither a live database nor a note of it."""
        is_noted = bundle.manifest is not None and bundle.manifest.database is not None
        there = self._databases.find_existing(conn, self._connections.database)
        return [] if there or is_noted else [NO_LOCALE]

    @contextmanager
    def _unlimited(self) -> Iterator[Connection]:
        """Open a maintenance session in which creating and dropping a database may take long."""
        with self._connections.maintenance(statement_timeout_s=0) as conn:
            yield conn

    def _read_size_bytes(self, conn: Connection) -> int:
        row = conn.execute(QUERIES["size"], {"database": self._connections.database}).fetchone()
        return int(row[0]) if row else 0

    def _drop_failed(self, name: str) -> None:
        """Drop it in a new session, as the first may be gone. If that fails, the next attempt drops it."""
        with suppress(BotError), translated("Dropping the database"), self._unlimited() as conn:
            self._databases.drop(conn, name)
