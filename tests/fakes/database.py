"""Fakes a database that knows what each migration added; closed, it has one session."""

import hashlib
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path

from bot.domain.backups import SavedSequence, TableContent
from bot.domain.catalogue import (
    Catalogue,
    ChainOutcome,
    CheckResult,
    DatabaseFacts,
    DatabaseObject,
    LoaderFacts,
    LockTaken,
    Rehearsal,
    Session,
    StatementResult,
    TableSize,
)
from bot.domain.effects import ChainEffect, ChainTrace, PlannedEffect, TableWrites, beyond_plan, stop_before_commit
from bot.domain.migrations import AppliedMigration, DownScript
from bot.domain.obstacles import Obstacles
from bot.domain.place import DatabaseIdentity
from bot.domain.runs import Progress
from bot.errors import BotError, PermanentError, TemporaryError
from bot.ports import (
    Clock,
    Dump,
    FetchedBundle,
    Recreated,
    RecreationSpec,
    RehearsedUndo,
    Report,
    RowSource,
    TableSink,
)

PATIENTS, FLAGS, REPORTS, SETTINGS = "public.patients", "public.feature_flags", "public.reports", "public.settings"
ADDED = {
    27: (
        DatabaseObject("table", FLAGS),
        DatabaseObject("table column", f"{FLAGS}.id", FLAGS),
        DatabaseObject("view", "public.active_flags"),
    ),
    26: (DatabaseObject("table column", f"{PATIENTS}.tracking", PATIENTS),),
    25: (DatabaseObject("table", REPORTS), DatabaseObject("materialized view", "public.report_totals")),
    24: (DatabaseObject("table", PATIENTS), DatabaseObject("table", SETTINGS)),
}
ROWS = {FLAGS: 42, REPORTS: 7, "public.report_totals": 3, PATIENTS: 1000, SETTINGS: 5}
NAMES = {27: "027_feature_flags", 26: "026_tracking", 25: "025_reports", 24: "024_base"}


def catalogue_of(applied: Sequence[int], drift: str = "", remade: str = "") -> Catalogue:
    """`remade`: a table that the newest chain drops and creates again; its number tells which of the two is there."""
    known = {item for version in applied for item in ADDED[version]}
    number = str(max(applied, default=0))
    objects = {replace(item, number=number if item.identity == remade else "") for item in known}
    if drift:
        objects.add(DatabaseObject("table", drift))
    text = "\n".join(sorted(f"{item.kind} {item.identity}" for item in objects))
    return Catalogue(frozenset(objects), hashlib.sha256(text.encode()).hexdigest())


class FakeExclusiveAccess:
    """A `bot.ports.ExclusiveAccess`; dead as soon as another session has taken its place."""

    def __init__(self, database: "FakeDatabase", run_id: str) -> None:
        self._database = database
        self.run_id = run_id

    def export(
        self, tables: Sequence[str], sink: TableSink, report: Report
    ) -> tuple[Sequence[SavedSequence], Sequence[TableContent]]:
        self._must_live()
        sent = {table: self._database.rows[table] for table in tables}
        for done, (table, rows) in enumerate(sent.items()):
            with sink.table(table, ("id",)) as write:
                write(b"id\n" + b"".join(b"%d\n" % number for number in range(rows)))
            report(Progress(done + 1, len(sent), "tables"))
        return [SavedSequence("public.feature_flags_id_seq", 42, is_called=True)], [
            TableContent(table, rows, self._database.hashes.get(table, "")) for table, rows in sent.items()
        ]

    def run_chain(
        self,
        chain: Sequence[DownScript],
        expected: frozenset[int],
        saved: Sequence[TableContent],
        may_commit: Callable[[], None],
        planned: PlannedEffect | None = None,
        note: Callable[[ChainTrace], None] | None = None,
    ) -> ChainOutcome:
        self._must_live()
        database = self._database
        if database.tracking.keys() == expected:
            return ChainOutcome((), (), ())
        for content in saved:
            now = database.rows.get(content.table), database.hashes.get(content.table, "")
            if now != (content.rows, content.content_hash or now[1]):
                raise PermanentError("rows-changed-since-export", f"{content.table} has other rows than were saved.")
        if planned and planned.rehearsed_on not in {"", database.fingerprint_now()}:
            raise PermanentError("schema-changed-since-plan", "The schema is another.")
        if database.chain_error is not None:
            raise database.chain_error
        after = catalogue_of(sorted(expected - database.takes_too), database.drift, database.remade)
        effect = ChainEffect(database.catalogue_now(), after, tuple(database.writes_too))
        queries = [query for script in chain for query in script.verify]
        stop_before_commit(
            beyond_plan(planned, effect) if planned else (),
            [query for query in queries if query in database.false_checks],
        )
        if note is not None:
            note(ChainTrace(700, 702, {PATIENTS: 1000}, {"public.settings_id_seq": (5, True)}))
        may_commit()
        self._must_live()
        database.commit_chain(chain, expected)
        if database.lose_answer:
            database.lose_answer = False
            database.session = None
            raise TemporaryError("connection-lost", "The connection ended while COMMIT was waited for.")
        results = [StatementResult(script.version, 8, "DROP TABLE", -1, 0.01) for script in chain]
        return ChainOutcome(tuple(results), (), tuple(script.version for script in chain), lsn="0/1A")

    def recreate(
        self, bundle: FetchedBundle, spec: RecreationSpec, rows: RowSource, may_commit: Callable[[], None]
    ) -> Recreated:
        self._must_live()
        database = self._database
        assert bundle.path.is_dir()
        if database.tracking.keys() == spec.expected:
            return Recreated(0, {})
        if database.recreate_error is not None:
            raise database.recreate_error
        tables = spec.export.tables if spec.export else ()
        back = {table.table: b"".join(rows(table)).count(b"\n") - 1 for table in tables}
        may_commit()
        self._must_live()
        database.on_commit()
        database.recreations.append(tuple(sorted(spec.versions)))
        database.tracking |= {version: NAMES[version] for version in spec.versions}
        if database.lose_answer:
            database.lose_answer = False
            database.session = None
            raise TemporaryError("connection-lost", "The connection ended while COMMIT was waited for.")
        return Recreated(9, back, 0.1)

    def close(self) -> None:
        if self._database.session is self:
            self._database.session = None

    def _must_live(self) -> None:
        if self._database.session is not self:
            raise TemporaryError("connection-lost", "This session has been ended.")


class FakeShadow:
    """A `bot.ports.Shadow`."""

    def __init__(self, database: "FakeDatabase") -> None:
        self._database = database

    def rehearse(self, chain: Sequence[DownScript], expected: frozenset[int]) -> Rehearsal:
        if self._database.rehearsal_error is not None:
            raise self._database.rehearsal_error
        before = self._database.catalogue()
        after = catalogue_of(sorted(expected), self._database.drift, self._database.remade)
        before = replace(before, fingerprint="of a copy") if self._database.differs_from_copies else before
        results = tuple(StatementResult(script.version, 8, "DROP TABLE", -1, 0.01) for script in chain)
        locks = (LockTaken(PATIENTS, "AccessExclusiveLock"),)
        return Rehearsal(before, after, ChainOutcome(results, locks, tuple(s.version for s in chain)))

    def rehearse_undo(
        self, chain: Sequence[DownScript], remaining: frozenset[int], spec: RecreationSpec, tables: Collection[str]
    ) -> RehearsedUndo:
        del chain, remaining, spec, tables
        if self._database.undo_rehearsal_error is not None:
            raise self._database.undo_rehearsal_error
        return RehearsedUndo(0.5, tuple(self._database.without_key))

    def gaps(self) -> Sequence[str]:
        return self._database.gaps


class FakeDatabase:
    """A `bot.ports.Database`; where there are rows, a chain also takes what the migrations `takes_too` have added, and
    does the `writes_too`.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.tracking = dict(NAMES)
        self.gaps: Sequence[str] = ()
        self.in_the_way = Obstacles()
        self.rows = dict(ROWS)
        self.hashes = {table: f"hash of {table}" for table in ROWS}
        self.drift = ""
        self.remade = ""
        self.differs_from_copies = False
        self.open = True
        self.unread: BotError | None = None
        self.session: FakeExclusiveAccess | None = None
        self.people = [Session(71, "app", "physioflow-api", "10.0.0.7", "idle", 3.0)]
        self.commits: list[tuple[int, ...]] = []
        self.closings = 0
        self.points = 0
        self.false_checks: set[str] = set()
        self.takes_too: set[int] = set()
        self.writes_too: list[TableWrites] = []
        self.chain_error: BotError | None = None
        self.rehearsal_error: BotError | None = None
        self.recreate_error: BotError | None = None
        self.undo_rehearsal_error: BotError | None = None
        self.without_key: list[str] = []
        self.recreations: list[tuple[int, ...]] = []
        self.lose_answer = False
        self.shadows_left: list[str] = []
        self.on_commit: Callable[[], object] = lambda: None
        self.facts = DatabaseFacts(
            "physioflow",
            180006,
            4096,
            (),
            (),
            (),
            can_take_exclusive_access=True,
            can_create=True,
            role="backstop_prod",
            loader=LoaderFacts("backstop_prod_loader", "backstop_prod", is_configured=True, is_usable=True),
            identity=DatabaseIdentity("physioflow", 16384, "7713978625258261859", 1, "address one"),
        )

    @property
    def address(self) -> str:
        return self.facts.identity.address

    def commit_chain(self, chain: Sequence[DownScript], expected: frozenset[int]) -> None:
        """Apply a chain at COMMIT."""
        self.on_commit()
        self.commits.append(tuple(script.version for script in chain))
        self.tracking = {version: name for version, name in self.tracking.items() if version in expected}

    def fingerprint_now(self) -> str:
        return catalogue_of(sorted(self.tracking), self.drift).fingerprint

    def inspect(self) -> DatabaseFacts:
        applied = [AppliedMigration(v, n) for v, n in sorted(self.tracking.items())] if self.open else []
        sessions = tuple(self.people) if self.open else ()
        unread = self.unread if self.open else PermanentError("database-closed", "It is closed.", "Open it.")
        return replace(
            self.facts,
            applied=() if unread else tuple(applied),
            unread=unread,
            sessions=sessions,
            accepts_connections=self.open,
        )

    def obstacles(self) -> Obstacles:
        return self.in_the_way

    def lose(self, error: BotError) -> None:
        """Drop it, or what its catalogue and rows are read from; the tracking table is read no more."""
        self.unread = error
        if error.reference == "database-missing":
            identity = replace(self.facts.identity, oid=0)
            self.facts = replace(self.facts, exists=False, identity=identity, size_bytes=0)

    def come_back(self) -> None:
        """A database is under the live name again."""
        self.unread = None
        self.facts = replace(self.facts, exists=True, size_bytes=4096)

    def drop_leftovers(self, run_ids_alive: Collection[str]) -> Sequence[str]:
        gone = [run_id for run_id in self.shadows_left if run_id not in run_ids_alive]
        self.shadows_left = [run_id for run_id in self.shadows_left if run_id in run_ids_alive]
        return gone

    def catalogue(self) -> Catalogue:
        self._must_be_open()
        return self.catalogue_now()

    def catalogue_now(self) -> Catalogue:
        return catalogue_of(sorted(self.tracking), self.drift, self.remade)

    def stored_tables(self) -> Sequence[str]:
        self._must_be_open()
        tables = self.catalogue().relations(("table",))
        return sorted(tables & self.rows.keys())

    def measure(self, tables: Sequence[str]) -> Sequence[TableSize]:
        self._must_be_open()
        return [TableSize(table, self.rows[table], self.rows[table] * 100) for table in tables]

    def count_values(self, columns: Sequence[tuple[str, str]]) -> Sequence[TableSize]:
        self._must_be_open()
        return [TableSize(f"{table}.{column}", self.rows[table] // 2, 0) for table, column in columns]

    def shadow(self, run_id: str) -> AbstractContextManager[FakeShadow]:
        del run_id
        return self._shadow()

    @contextmanager
    def _shadow(self) -> Iterator[FakeShadow]:
        self._must_be_open()
        yield FakeShadow(self)

    def rehearse_recreation(
        self, run_id: str, bundle: FetchedBundle, spec: RecreationSpec, rows: RowSource
    ) -> Recreated:
        del run_id, spec, rows
        self._must_be_open()
        assert bundle.path.is_dir()
        if self.rehearsal_error is not None:
            raise self.rehearsal_error
        return Recreated(9, {})

    def must_be(self, approved: DatabaseIdentity | None) -> None:
        """As every session that acts must ask: the name may lead to another database by now."""
        if approved is not None and (why := self.facts.identity.other_than(approved)):
            raise PermanentError("wrong-database", f"{why}.")

    def take_exclusive_access(self, run_id: str, approved: DatabaseIdentity | None = None) -> FakeExclusiveAccess:
        self.must_be(approved)
        stubborn = [session for session in self.people if session.superuser]
        if stubborn:
            self.open = True
            raise PermanentError("session-cannot-be-ended", f"{stubborn[0]} cannot be ended.", "Ask its owner.")
        self.closings += self.open
        self.open, self.people = False, []
        self.session = FakeExclusiveAccess(self, run_id)
        return self.session

    def reopen(self) -> None:
        self.open = True

    def other_sessions(self) -> Sequence[Session]:
        return tuple(self.people)

    def check(self, queries: Sequence[str]) -> Sequence[CheckResult]:
        self._must_be_open()
        return [CheckResult(sql, ok=sql not in self.false_checks) for sql in queries]

    def dump(self, directory: Path, report: Report) -> Dump:
        self._must_be_open()
        directory.mkdir()
        (directory / "toc.dat").write_bytes(b"toc")
        report(Progress(1, 2, "tables"))
        self._clock.sleep(1.0)
        tables = [TableContent(table, rows) for table, rows in sorted(self.rows.items())]
        return Dump(tables, "18.6", self._clock.now())

    def recovery_options(self) -> Sequence[str]:
        return ["archiver: last WAL 0/19"]

    def mark_restore_point(self, name: str) -> str:
        del name
        self.points += 1
        return f"0/{18 + self.points}"

    def _must_be_open(self) -> None:
        if not self.facts.exists:
            raise PermanentError("database-unreachable", 'database "physioflow" does not exist', "Check the DSN.")
        if not self.open:
            raise TemporaryError("database-closed", "The database accepts no connections.")
