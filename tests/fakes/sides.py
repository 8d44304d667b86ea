"""Fakes the databases beside the live one."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from bot.domain.backups import DatabaseSettings, TableContent
from bot.domain.catalogue import Catalogue, DatabaseFacts
from bot.domain.migrations import AppliedMigration
from bot.domain.place import DatabaseIdentity
from bot.domain.runs import Progress
from bot.errors import BotError, PermanentError, TemporaryError
from bot.ports import ExchangeState, FetchedBundle, Report, SideFacts
from tests.fakes.clock import NOON, FakeClock
from tests.fakes.database import NAMES, FakeDatabase, catalogue_of

COUNTING_S = 60.0
"""The time it takes to hash the live database: longer than everything else while the app is down."""


class FakeSides:
    """A `bot.ports.Sides`: what is loaded holds what the manifest says, but for `changed`.

    Args:
        live: the database that is exchanged; None where nothing is.
        clock: of the notes on what was put aside.
    """

    def __init__(self, live: FakeDatabase | None = None, clock: FakeClock | None = None) -> None:
        self._live = live
        self._clock = clock
        self.databases: dict[str, tuple[TableContent, ...]] = {}
        self.tracking: dict[str, dict[int, str]] = {}
        self.noted_at: dict[str, datetime] = {}
        self.changed: dict[str, TableContent | None] = {}
        self.changed_live: dict[str, TableContent | None] = {}
        self.drift = ""
        self.damaged: list[str] = []
        self.not_copied: list[str] = []
        self.load_error: BotError | None = None
        self.hand_over_error: BotError | None = None
        self.handed_over: set[str] = set()
        self.counted: list[str] = []
        self.exchange_error: BotError | None = None
        self.lose_answer = False
        self.loads = 0
        self.noted: DatabaseSettings | None = None
        self.schema_of_plain = 26
        self.plain: tuple[TableContent, ...] = ()
        self.exchanges: list[tuple[str, str]] = []

    @property
    def live(self) -> FakeDatabase:
        assert self._live is not None, "this fake was made for comparing only"
        return self._live

    def name(self, kind: str, run_id: str) -> str:
        return f"physioflow_backstop_{kind}_{run_id}"

    def prove_loader(self) -> Sequence[str]:
        return ["backstop_prod_loader logs in, and physioflow refuses it"]

    def load(self, run_id: str, bundle: FetchedBundle, report: Report) -> str:
        self.loads += 1
        report(Progress(0, bundle.size_bytes, "bytes"))
        if self.load_error is not None:
            raise self.load_error
        name = self.name("side", run_id)
        self.databases[name] = bundle.manifest.tables if bundle.manifest else self.plain
        self.handed_over.discard(name)
        newest = bundle.manifest.schema_version if bundle.manifest else self.schema_of_plain
        self.tracking[name] = {version: text for version, text in NAMES.items() if version <= newest}
        return name

    def hand_over(self, name: str, bundle: FetchedBundle, report: Report) -> None:
        assert name in self.databases
        assert bundle.path.exists()
        report(Progress(0, 0, "objects"))
        if self.hand_over_error is not None:
            error, self.hand_over_error = self.hand_over_error, None
            raise error
        self.handed_over.add(name)

    def contents(self, name: str, report: Report) -> Sequence[TableContent]:
        self.counted.append(name)
        report(Progress(0, len(self.databases[name]), "tables"))
        found = {content.table: content for content in self.databases[name]} | self.changed
        return [content for content in found.values() if content is not None]

    def inspect(self, name: str) -> DatabaseFacts:
        applied = tuple(AppliedMigration(version, text) for version, text in sorted(self.tracking[name].items()))
        return replace(self.live.facts, name=name, applied=applied)

    def live_contents(self, report: Report) -> Sequence[TableContent]:
        if self._clock:
            self._clock.sleep(COUNTING_S)
        report(Progress(0, len(self.live.rows), "tables"))
        found = {table: TableContent(table, rows) for table, rows in sorted(self.live.rows.items())}
        return [content for content in (found | self.changed_live).values() if content is not None]

    def catalogue(self, name: str) -> Catalogue:
        return catalogue_of(sorted(self.tracking[name]), self.drift)

    def problems(self, name: str) -> Sequence[str]:
        assert name in self.databases
        return self.damaged

    def copy_settings(self, name: str, noted: DatabaseSettings | None = None) -> Sequence[str]:
        assert name in self.databases
        self.noted = noted
        return self.not_copied

    def exchange(
        self,
        incoming: str,
        outgoing: str,
        may_commit: Callable[[], None],
        approved: DatabaseIdentity | None = None,
        *,
        found_closed: bool = False,
    ) -> float:
        if self.state(incoming, outgoing) is ExchangeState.AFTER:
            self.live.open = True
            return 0.0
        self.live.must_be(approved)
        if self.exchange_error is not None:
            raise self.exchange_error
        self.live.open = False  # a commit of its own
        try:
            may_commit()
        except Exception:  # not for a kill: then it stays closed
            self.live.open = not found_closed
            raise
        self._swap(incoming, outgoing)
        if self.lose_answer:
            self.lose_answer = False
            raise TemporaryError("database-unreachable", "The connection ended while COMMIT was waited for.")
        return 0.05

    def _swap(self, incoming: str, outgoing: str) -> None:
        assert "_side_" not in incoming or incoming in self.handed_over, "a database of the loader's must not serve"
        live, tables = self.live, self.databases.pop(incoming)
        if outgoing:
            self.databases[outgoing] = tuple(TableContent(table, rows) for table, rows in sorted(live.rows.items()))
            self.tracking[outgoing] = dict(live.tracking)
            self.noted_at[outgoing] = self._clock.now() if self._clock else NOON
        live.come_back()
        live.rows = {content.table: content.rows for content in tables}
        live.tracking = self.tracking.pop(incoming)
        live.open, live.people = True, []
        self.exchanges.append((incoming, outgoing))
        identity = live.facts.identity
        live.facts = replace(live.facts, identity=replace(identity, oid=identity.oid + 1))

    def state(self, incoming: str, outgoing: str) -> ExchangeState:
        there = {incoming, outgoing} & self.databases.keys()
        if not outgoing:
            return ExchangeState.BEFORE if there else ExchangeState.AFTER
        if there == {incoming}:
            return ExchangeState.BEFORE
        return ExchangeState.AFTER if there == {outgoing} else ExchangeState.UNKNOWN

    def list(self) -> Sequence[SideFacts]:
        found = [(name, *name.rsplit("_", 2)[1:]) for name in sorted(self.databases)]
        return [SideFacts(name, kind, run, 4096, self.noted_at.get(name, NOON)) for name, kind, run in found]

    def drop(self, name: str) -> None:
        if "_backstop_" not in name:
            raise PermanentError("not-ours", f"{name} is none of ours.")
        self.databases.pop(name, None)
        self.tracking.pop(name, None)
