"""Describes a database as it was observed: its objects, sessions and tracking table, and a chain's effect on them."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from bot.domain.migrations import AppliedMigration


@dataclass(frozen=True, order=True)
class DatabaseObject:
    """An object as `pg_identify_object` names it.

    Attributes:
        kind: ``table``, ``view``, ``materialized view``, ``function``, ``trigger``, ``table column``…
        identity: e.g. ``public.feature_flags`` or ``trigger_x on public.feature_flags``.
        part_of: the identity of the relation it goes with (a column's table, an index's table); "" for none.
        definition: sha256 of its definition, hex; what makes two catalogues comparable.
        number: of what holds data, the OID, and a column's number; "" for everything else. Another one under the same
            name is another object, with other data; between two databases it says nothing.
        kept_as: of a table its file's number, which changes when it is rewritten; of a column its type; of a function
            ``volatile`` where it may write; of a trigger ``row`` where it fires for each row. "" for everything else.
        columns: of its relation, as the server quotes them: it goes without any CASCADE when one of them is dropped.
    """

    kind: str
    identity: str
    part_of: str = ""
    definition: str = ""
    number: str = field(default="", compare=False)
    kept_as: str = field(default="", compare=False)
    columns: tuple[str, ...] = field(default=(), compare=False)


class DependencyKind(StrEnum):
    """The way in which the rows of a table follow another's."""

    DELETED = "deleted"
    """They are deleted when its are: a foreign key's ON DELETE CASCADE."""
    LOOSENED = "loosened"
    """They change when its are deleted: ON DELETE SET NULL or SET DEFAULT."""
    REKEYED = "rekeyed"
    """They change when its keys do: ON UPDATE CASCADE, SET NULL or SET DEFAULT."""
    PARTITION = "partition"
    """They are its rows: it is partitioned and has none of its own."""
    CHILD = "child"
    """They are among its rows: the table inherits from it."""


@dataclass(frozen=True, order=True)
class Dependency:
    """A table whose rows follow another's, both by identity; `columns` are the other's keys where it is ``rekeyed``."""

    table: str
    follows: str
    kind: DependencyKind
    columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class Catalogue:
    """Every user object of a database, one fingerprint of them all (sha256, hex), and dependencies between rows."""

    objects: frozenset[DatabaseObject]
    fingerprint: str
    dependencies: frozenset[Dependency] = field(default=frozenset(), compare=False)

    def lost_in(self, after: "Catalogue") -> tuple[DatabaseObject, ...]:
        """Find the objects that are here and not in `after`, by kind and identity."""
        left = {(item.kind, item.identity) for item in after.objects}
        return tuple(sorted(item for item in self.objects if (item.kind, item.identity) not in left))

    def remade_in(self, after: "Catalogue") -> tuple[DatabaseObject, ...]:
        """Find objects with data whose names belong to other objects in `after`, the same database later."""
        numbers = {(item.kind, item.identity): item.number for item in after.objects}
        return tuple(
            sorted(
                item
                for item in self.objects
                if item.number and numbers.get((item.kind, item.identity), item.number) != item.number
            )
        )

    def rewritten_in(self, after: "Catalogue") -> frozenset[str]:
        """Find the tables that the server has rewritten in `after`, the same database later."""
        kept = {item.number: item.kept_as for item in after.objects if item.number}
        return frozenset(
            item.part_of or item.identity
            for item in self.objects
            if item.number and kept.get(item.number, item.kept_as) != item.kept_as
        )

    def changed_in(self, after: "Catalogue") -> tuple[DatabaseObject, ...]:
        """Find the objects that are in both with another definition."""
        before = {(item.kind, item.identity): item.definition for item in self.objects}
        return tuple(
            sorted(
                item
                for item in after.objects
                if before.get((item.kind, item.identity), item.definition) != item.definition
            )
        )

    def relations(self, kinds: Iterable[str]) -> frozenset[str]:
        """List the identities of the objects of those kinds."""
        wanted = set(kinds)
        return frozenset(item.identity for item in self.objects if item.kind in wanted)


@dataclass(frozen=True)
class TableSize:
    """A relation's exact row count and its size on disk with indexes and TOAST, in bytes."""

    table: str
    rows: int
    size_bytes: int


@dataclass(frozen=True)
class Session:
    """Somebody's session. `query` is never shown: it may hold a patient's data."""

    pid: int
    user: str
    application: str
    address: str
    state: str
    since_s: float
    superuser: bool = False

    def __str__(self) -> str:
        return f"pid {self.pid} ({self.application or 'unnamed'}, {self.user}, {self.state} for {self.since_s:.0f} s)"


@dataclass(frozen=True)
class DatabaseFacts:
    """A database at one moment.

    Attributes:
        name: the database's name.
        server_version: as `server_version_num`, e.g. 180006.
        size_bytes: of the whole database.
        applied: rows of the tracking table, oldest first.
        sessions: client sessions of others in it.
        prepared: global ids of prepared transactions in it.
        can_take_exclusive_access: our role can close the database and end its sessions.
        can_create: our role can create databases: a shadow, a side database.
        accepts_connections: false while it is closed.
        slots: names of logical replication slots made in it, those in use marked so.
        is_superuser: our role is one, so it can end every session.
        role: its name, quoted as SQL wants it.
        server_identifier: the server's own, made when its files were; "" where our role may not read it.
    """

    name: str
    server_version: int
    size_bytes: int
    applied: tuple[AppliedMigration, ...]
    sessions: tuple[Session, ...]
    prepared: tuple[str, ...]
    can_take_exclusive_access: bool
    can_create: bool
    accepts_connections: bool = True
    slots: tuple[str, ...] = ()
    is_superuser: bool = False
    role: str = ""
    server_identifier: str = ""

    @property
    def schema(self) -> int:
        """The schema version: the newest applied migration; 0 when there is none."""
        return max((migration.version for migration in self.applied), default=0)


@dataclass(frozen=True)
class LockTaken:
    """A lock a chain takes, e.g. ``AccessExclusiveLock`` on ``public.patients``."""

    relation: str
    mode: str


@dataclass(frozen=True)
class StatementResult:
    """One executed statement of a chain. `affected` is the server's row count, -1 where it reports none."""

    version: int
    line: int
    tag: str
    affected: int
    elapsed_s: float


@dataclass(frozen=True)
class ChainOutcome:
    """The effect of a chain.

    Attributes:
        statements: in order, over all scripts.
        locks: those held just before COMMIT.
        removed: versions whose tracking row the bot removed.
        attempts: number of whole transactions, at least 1.
        lsn: WAL position just before COMMIT; "" in a rehearsal.
        written: relations that stay and were written to, also by a function, as far as a copy without rows shows it;
            of a rehearsal alone.
    """

    statements: tuple[StatementResult, ...]
    locks: tuple[LockTaken, ...]
    removed: tuple[int, ...]
    attempts: int = 1
    lsn: str = ""
    written: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rehearsal:
    """A chain's effect on the shadow: the catalogue before and after, and its outcome."""

    before: Catalogue
    after: Catalogue
    outcome: ChainOutcome
    mentions: tuple[str, ...] = ()
    """Functions that stay and whose body names something dropped; `pg_depend` does not know them."""


@dataclass(frozen=True)
class CheckResult:
    """A SQL check and its result; `problem` says why it is not true."""

    sql: str
    ok: bool
    problem: str = ""
