"""Implements the engine's port for the databases beside an environment's live one."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import cache

from bot.adapters.database import Server
from bot.adapters.database.catalogue import read_catalogue
from bot.adapters.database.connections import Connection, translated
from bot.adapters.database.hashing import ContentReader
from bot.adapters.database.inspection import inspect
from bot.adapters.database.settings import read_settings
from bot.adapters.sides.database_settings import SettingsCopier
from bot.adapters.sides.databases import QUERIES, SideDatabases, build_side_name
from bot.adapters.sides.exchange import Exchange, Exchanger
from bot.adapters.sides.hand_over import HandOver, let_loader_in
from bot.adapters.sides.integrity import check_heap, find_problems, read_extensions
from bot.adapters.sides.loader_role import LoaderRole, Settings
from bot.adapters.sides.loading import Loader, LoadProgress
from bot.domain.backups import DatabaseSettings, TableContent
from bot.domain.catalogue import Catalogue, DatabaseFacts
from bot.domain.place import DatabaseIdentity
from bot.errors import BotError, PermanentError
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
        self._role = LoaderRole(server)

    def name(self, kind: str, run_id: str) -> str:
        """Name a run's database of that kind."""
        return build_side_name(self._connections.database, kind, run_id)

    def prove_loader(self) -> Sequence[str]:
        """Prove that the loader can do nothing else; see `bot.ports.Sides.prove_loader`."""
        with translated("Looking at the loader"), self._connections.maintenance() as conn:
            return self._role.prove(conn)

    def load(self, run_id: str, bundle: FetchedBundle, report: Report) -> str:
        """Load a bundle; see `bot.ports.Sides.load`. `copy_settings` reports its problems."""
        name = self.name("side", run_id)
        with translated("Reading the backup's statements"):
            self._loader.check(bundle)
        with translated("Loading the backup"), self._unlimited() as conn:
            loader = self._role.require(conn)
            left = self._databases.read_note(conn, name).loader
            before = self._role.begin(conn, interrupted=bool(left))
            maker = self._databases.create(conn, name, loader, bundle.manifest.database if bundle.manifest else None)
            try:
                with self._connections.session(name) as inside:
                    let_loader_in(inside, loader)
                progress = LoadProgress(self._server, conn, name, self._read_size_bytes(conn), report)
                problems = self._loader.load(self._databases.reader_of(conn, name), name, bundle, progress)
                self._databases.note_problems(conn, name, [*self._unlike_live(conn, bundle), *problems])
                self._refuse_changed(bundle, self._role.clean_up(conn, before))
            # Also on a kill: half a database must not be mistaken for a loaded one.
            except BaseException:
                self._refuse_changed(bundle, self._drop_failed(name, maker, before))
                raise
        return name

    def hand_over(self, name: str, bundle: FetchedBundle, report: Report) -> None:
        """Give everything in it to the owners it should have; see `bot.ports.Sides.hand_over`."""
        self._databases.require_ours(name)
        with translated("Handing the database over"), self._unlimited() as conn:
            read = cache(lambda owners: self._loader.read_ownership(bundle, owners=owners))
            HandOver(self._databases, bundle).run(conn, name, read, report)
            self._role.clean_up(conn)

    def contents(self, name: str, report: Report) -> Sequence[TableContent]:
        """Count and hash every table; see `bot.ports.Sides.contents`."""
        with translated("Counting the rows"), self._databases.opened(name) as (_, reader):
            return ContentReader(reader, name).read(report)

    def live_contents(self, report: Report) -> Sequence[TableContent]:
        """Count and hash every table of the live database; see `bot.ports.Sides.live_contents`."""
        with translated("Counting the rows"):
            return ContentReader(self._connections, self._connections.database).read(report)

    def catalogue(self, name: str) -> Catalogue:
        """Read every user object of a side database; see `bot.ports.Sides.catalogue`."""
        with (
            translated("Reading the catalogue"),
            self._databases.opened(name) as (_, reader),
            reader.session(name, statement_timeout_s=0) as conn,
        ):
            return read_catalogue(conn)

    def inspect(self, name: str) -> DatabaseFacts:
        """Observe a side database; see `bot.ports.Sides.inspect`."""
        with translated("Looking at the side database"), self._databases.opened(name) as (is_open, reader):
            return replace(inspect(self._server.for_database(name), reader), accepts_connections=is_open)

    def problems(self, name: str) -> Sequence[str]:
        """Find violations of its integrity; see `bot.ports.Sides.problems`."""
        with translated("Checking the side database"):
            unseen, extensions = self._live_extensions()
            with (
                self._databases.opened(name) as (_, reader),
                reader.session(name, statement_timeout_s=0) as conn,
            ):
                found = list(find_problems(conn, extensions))
                environment = reader.tool_environment(name)
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

        The problems of `load` and `hand_over` come first, then those of copying, then a line for each of the live one's
        logical slots.
        """
        self._databases.require_ours(name)
        with translated("Copying the database's settings"), self._connections.maintenance() as conn:
            problems, live = self._databases.read_note(conn, name).problems, self._connections.database
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
            was_loaded = self._databases.read_note(conn, name).loader
            self._databases.drop(conn, name)
            if was_loaded:
                self._role.clean_up(conn)

    @contextmanager
    def session(self, name: str) -> Iterator[Connection]:
        """Open a session that reads a side database, kept ones included; it is closed at the end.

        Raises:
            PermanentError: ``not-ours``, ``side-missing``.
        """
        with self._databases.opened(name) as (_, reader):
            conn = reader.open(name, statement_timeout_s=0)
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

    def _refuse_changed(self, bundle: FetchedBundle, changed: Sequence[str]) -> None:
        """Refuse a bundle that has reached for its loader itself, whatever else came of its load."""
        if changed:
            raise PermanentError(
                "bundle-unsafe-statement",
                f"While {bundle.name or 'the backup'} was loaded, something in it changed the "
                f"{' and the '.join(changed)} of role {self._role.name}, which loads it.",
                "That was taken back. Find out who put it into the bucket, and choose another backup.",
            )

    def _drop_failed(self, name: str, maker: str, before: Settings) -> Sequence[str]:
        """Drop it in a new session, as the first may be gone. If that fails, the next attempt drops it.

        An owner that was replaced meanwhile leaves its successor's alone. Returns what was changed of the loader.
        """
        with suppress(BotError), translated("Dropping the database"), self._unlimited() as conn:
            self._databases.drop_own(conn, name, maker)
            return self._role.clean_up(conn, before)
        return []
