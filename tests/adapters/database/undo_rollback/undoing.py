"""Chains that have run, and what is needed to undo them."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg

from bot.adapters.database import PostgresDatabase
from bot.adapters.database.catalogue import read_catalogue
from bot.adapters.database.connections import Connection, snapshot
from bot.adapters.database.exclusive_access import PostgresExclusiveAccess
from bot.adapters.database.hashing import hash_tables, read_tables
from bot.domain.backups import BundleKind, Export, SavedTable, TableContent
from bot.domain.catalogue import Rehearsal
from bot.domain.migrations import DownScript
from bot.domain.runs import Progress
from bot.planning import impact
from bot.ports import FetchedBundle, RecreationSpec
from bot.sandbox.physioflow.clones import Clone

TakeAccess = Callable[[], PostgresExclusiveAccess]


Scripts = dict[int, DownScript]


def agree() -> None:
    """May commit."""


def unheard(progress: Progress) -> None:
    del progress


class Saved:
    """Rows kept in memory: a `TableSink` and a `RowSource`."""

    def __init__(self) -> None:
        self.content: dict[str, bytes] = {}
        self.tables: list[SavedTable] = []

    @contextmanager
    def table(self, name: str, columns: Sequence[str]) -> Iterator[Callable[[bytes], None]]:
        chunks: list[bytes] = []
        yield chunks.append
        content = self.content[name] = b"".join(chunks)
        digest = hashlib.sha256(content).hexdigest()
        self.tables.append(SavedTable(name, name, 0, len(content), digest, tuple(columns)))

    def __call__(self, saved: SavedTable) -> Iterator[bytes]:
        content = self.content[saved.table]
        for begin in range(0, len(content), 1000):
            yield content[begin : begin + 1000]


@dataclass(frozen=True)
class World:
    """All that must be as before."""

    fingerprint: str
    tables: list[TableContent]
    sequences: dict[str, int]
    populated: dict[str, bool]


def observe(conn: Connection) -> World:
    sequences = "SELECT format('%I.%I', schemaname, sequencename), coalesce(last_value, 0) FROM pg_sequences"
    views = "SELECT matviewname, ispopulated FROM pg_matviews"
    catalogue = read_catalogue(conn)
    with snapshot(conn):
        tables = hash_tables(conn, read_tables(conn))
    return World(catalogue.fingerprint, tables, dict(conn.execute(sequences)), dict(conn.execute(views)))


@dataclass
class Undone:
    """A chain that has run, and what is needed to take it back."""

    bundle: FetchedBundle
    order: RecreationSpec
    saved: Saved


class Undoing:
    """Runs chains as a run does: backup, rehearsal, export, chain."""

    def __init__(self, database: PostgresDatabase, take_access: TakeAccess, scripts: Scripts, directory: Path) -> None:
        self.database = database
        self.take_access = take_access
        self._scripts = scripts
        self._directory = directory

    def roll_back(self, *versions: int) -> Undone:
        chain = tuple(self._scripts[version] for version in versions)
        expected = frozenset(range(1, min(versions)))
        fingerprint = self.database.catalogue().fingerprint
        self.database.dump(self._directory / "dump", unheard)
        with self.database.shadow("rtest1") as shadow:
            rehearsal = shadow.rehearse(chain, expected)
        columns, changed = impact.dropped_columns(rehearsal), impact.changed_relations(rehearsal, chain)
        relations = {*impact.dropped_relations(rehearsal), *changed, *(table for table, _ in columns)}
        saved, session = Saved(), self.take_access()
        sequences, contents = session.export(sorted(relations), saved, unheard)
        session.run_chain(chain, expected, contents, agree)
        held = {content.table: content for content in contents}
        self.open(session)
        tables = tuple(
            replace(table, rows=held[table.table].rows, content_hash=held[table.table].content_hash)
            for table in saved.tables
        )
        order = RecreationSpec(
            versions=frozenset(versions),
            expected=frozenset(range(1, max(versions) + 1)),
            export=Export("rtest1", "", tables, tuple(sequences)),
            reloaded=frozenset(impact.dropped_relations(rehearsal)),
            refilled=frozenset(columns),
            completed=frozenset(changed),
            constraints=frozenset(_constraints(rehearsal)),
            objects=frozenset((item.kind, item.identity) for item in rehearsal.before.lost_in(rehearsal.after)),
            fingerprint=fingerprint,
        )
        bundle = FetchedBundle(BundleKind.DIRECTORY, self._directory / "dump", None, 0)
        return Undone(bundle, order, saved)

    def add(self, extra: DownScript) -> None:
        """Have another down script."""
        self._scripts = {**self._scripts, extra.version: extra}

    def open(self, session: PostgresExclusiveAccess) -> None:
        session.close()
        self.database.reopen()


def _constraints(rehearsal: Rehearsal) -> list[tuple[str, str]]:
    gone = rehearsal.before.lost_in(rehearsal.after)
    names = {item.identity for item in gone}
    return [
        (item.part_of, item.identity.removesuffix(f" on {item.part_of}"))
        for item in gone
        if item.kind == "table constraint" and item.part_of not in names
    ]


def prepare(clone: Clone, *statements: str) -> None:
    """Migration 028, as its down script will find it."""
    with psycopg.connect(clone.owner_dsn, autocommit=True) as owner:
        for statement in statements:
            owner.execute(statement.encode())
        owner.execute("INSERT INTO schema_migrations (name, version) VALUES ('028_more', '028')")


def undo(undoing: Undoing, clone: Clone, down: DownScript) -> dict[str, int]:
    """Run a down script and its undo; whatever there was is there again."""
    undoing.add(down)
    with psycopg.connect(clone.superuser_dsn, autocommit=True) as conn:
        before = observe(conn)
    undone = undoing.roll_back(28)
    undoing.database.rehearse_recreation("rtest2", undone.bundle, undone.order, undone.saved)
    session = undoing.take_access()
    outcome = session.recreate(undone.bundle, undone.order, undone.saved, agree)
    undoing.open(session)
    with psycopg.connect(clone.superuser_dsn, autocommit=True) as conn:
        assert observe(conn) == before
    return dict(outcome.rows)
