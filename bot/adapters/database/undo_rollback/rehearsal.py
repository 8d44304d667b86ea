"""Rehearses the undo of a chain before anybody votes on the chain: on the shadow on which the chain was rehearsed."""

import hashlib
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from bot.adapters.database.connections import Connection, roll_back, translated
from bot.adapters.database.execution import BEGIN, ChainExecutor, PostgresShadow, commit
from bot.adapters.database.export import Exporter
from bot.adapters.database.known_objects import known_objects
from bot.adapters.database.server import Server
from bot.adapters.database.shadow_source import Original
from bot.adapters.database.trace import PUBLICATIONS, read_publications, read_trace
from bot.adapters.database.undo_rollback.exactness import not_exact
from bot.adapters.database.undo_rollback.recreation import Recreation
from bot.adapters.dump_statements import KnownObjects
from bot.adapters.pgclient.tools import ToolFailedError
from bot.domain.backups import BundleKind, Export, SavedTable
from bot.domain.catalogue import Rehearsal
from bot.domain.effects import ChainTrace
from bot.domain.migrations import DownScript
from bot.domain.runs import Progress
from bot.errors import PermanentError
from bot.ports import FetchedBundle, RecreationSpec, RehearsedUndo


class UndoableShadow:
    """A `bot.ports.Shadow`.

    Args:
        shadow: the copy, on which chains are rehearsed.
        server: of the live database.
    """

    def __init__(self, shadow: PostgresShadow, server: Server) -> None:
        self._shadow = shadow
        self._server = server

    def rehearse(self, chain: Sequence[DownScript], expected: frozenset[int]) -> Rehearsal:
        """Run the chain and roll it back; see `bot.ports.Shadow.rehearse`."""
        return self._shadow.rehearse(chain, expected)

    def gaps(self) -> Sequence[str]:
        """Say what no chain may touch; see `bot.ports.Shadow.gaps`."""
        return self._shadow.gaps()

    def rehearse_undo(
        self, chain: Sequence[DownScript], remaining: frozenset[int], spec: RecreationSpec, tables: Collection[str]
    ) -> RehearsedUndo:
        """Run the chain and take it back; see `bot.ports.Shadow.rehearse_undo`."""
        self._check_publications(spec)
        rehearsal = UndoRehearsal(self._server, self._shadow.original, chain, remaining, spec, tables)
        return rehearsal.run(self._shadow.conn, known_objects(self._server.connections))

    def _check_publications(self, spec: RecreationSpec) -> None:
        """Refuse where a table that goes is published by somebody else: only they can put it back in."""
        with self._server.connections.session() as live:
            for table, publication in live.execute(PUBLICATIONS["others"]).fetchall():
                if table in spec.reloaded:
                    raise not_exact(f"{table} is in the publication {publication}, which our role may not change")


@dataclass(frozen=True)
class UndoRehearsal:
    """A chain that has been rehearsed on a shadow, and what is to come back after it.

    Args:
        server: of the live database.
        original: see `PostgresShadow`.
        chain: newest first.
        remaining: versions that the chain leaves.
        spec: what is to come back; its export is made on the shadow.
        tables: those whose rows a run saves.
    """

    server: Server
    original: Original
    chain: Sequence[DownScript]
    remaining: frozenset[int]
    spec: RecreationSpec
    tables: Collection[str]

    def run(self, conn: Connection, known: KnownObjects) -> RehearsedUndo:
        """Dump the shadow, save its rows, run the chain and commit it, undo it and roll that back.

        Everything runs as in a real undo; only of rows there are none but the tracking table's.

        Raises:
            PermanentError: ``undo-failed``, ``undo-not-exact``, ``bundle-unsafe-statement``, ``bundle-foreign-object``.
        """
        with translated("Rehearsing the undo"), tempfile.TemporaryDirectory(prefix="backstop-undo-") as scratch:
            bundle = self._dump(conn, Path(scratch) / "dump")
            saved = MemorySink()
            sequences, contents = Exporter(conn, self.server.clock).export(sorted(self.tables), saved, _unheard)
            trace = self._run_chain(conn)
            held = {content.table: content for content in contents}
            tables = tuple(
                replace(table, rows=held[table.table].rows, content_hash=held[table.table].content_hash)
                for table in saved.tables
            )
            spec = replace(self.spec, export=Export("", "", tables, tuple(sequences)), trace=trace)
            recreation = Recreation(self.server, spec, saved.read, known)
            begun = time.monotonic()
            outcome = recreation.try_on(conn, bundle, self.original)
            return RehearsedUndo(time.monotonic() - begun, outcome.without_key, outcome.made)

    def _dump(self, conn: Connection, path: Path) -> FetchedBundle:
        """Dump the shadow as the emergency backup dumps the live database: in it, objects have the shadow's OIDs."""
        environment = self.server.connections.tool_environment(conn.info.dbname)
        try:
            self.server.tools.start_copy_dump(environment, path, self.server.timing.lock_timeout_s).wait()
        except ToolFailedError as error:
            message = f"{error.tool} could not read the rehearsal's copy: {error.message}."
            raise PermanentError("undo-failed", message, "Nothing was changed.") from error
        return FetchedBundle(BundleKind.CUSTOM, path, None, path.stat().st_size)

    def _run_chain(self, conn: Connection) -> ChainTrace:
        conn.execute(BEGIN)
        try:
            published = read_publications(conn)
            executor = ChainExecutor(conn, self.server, self.chain, self.remaining, self.original.roles)
            if not executor.is_done():
                executor.run()
            trace = read_trace(conn, self.tables, published)
            commit(conn)
            return trace
        finally:
            roll_back(conn)


class MemorySink:
    """Keeps a shadow's rows in memory: there are none but the tracking table's. A `TableSink`."""

    def __init__(self) -> None:
        self._content: dict[str, bytes] = {}
        self.tables: list[SavedTable] = []

    @contextmanager
    def table(self, name: str, columns: Sequence[str]) -> Iterator[Callable[[bytes], None]]:
        """See `bot.ports.TableSink.table`."""
        chunks: list[bytes] = []
        yield chunks.append
        content = self._content[name] = b"".join(chunks)
        self.tables.append(SavedTable(name, name, 0, len(content), hashlib.sha256(content).hexdigest(), tuple(columns)))

    def read(self, saved: SavedTable) -> Iterator[bytes]:
        """Yield a saved relation's rows; a `RowSource`."""
        yield self._content[saved.table]


def _unheard(progress: Progress) -> None:
    del progress
