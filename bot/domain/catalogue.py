"""Describes a database as it was observed: its objects, sessions and tracking table, and a chain's effect on them."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

from bot.domain.comparison import Comparison, compare
from bot.domain.migrations import AppliedMigration
from bot.domain.place import NO_DATABASE, DatabaseIdentity
from bot.domain.versions import UNKNOWN_SCHEMA
from bot.errors import BotError

Key = tuple[str, str]
"""An object's kind and identity."""

NEVER_COPIED = frozenset(
    {
        *("event trigger", "subscription", "security label", "user mapping"),
        *("publication", "publication relation", "publication namespace", "publication filter"),
    }
)
"""Kinds that our dumps leave out, because only a superuser can create them, or because they reach other servers."""


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
        owner: the role that owns it; "" for what has none of its own.
        properties: JSON of everything the definition is made from, under words that people read.
        oid: the server's own number for it; "" where it was not read. Between two databases it says nothing.
        own: its name without its schema's or relation's, with the schema's OID in front.
        version: of the row that holds its expressions; it stays when only a name within them has changed.
    """

    kind: str
    identity: str
    part_of: str = ""
    definition: str = ""
    number: str = field(default="", compare=False)
    kept_as: str = field(default="", compare=False)
    columns: tuple[str, ...] = field(default=(), compare=False)
    owner: str = field(default="", compare=False)
    properties: str = field(default="", compare=False)
    oid: str = field(default="", compare=False)
    own: str = field(default="", compare=False)
    version: str = field(default="", compare=False)

    @property
    def key(self) -> Key:
        """Return its kind and identity."""
        return self.kind, self.identity

    @property
    def is_copied(self) -> bool:
        """Tells if a copy of the database, or a backup, has it too; nothing between two databases compares the rest."""
        return self.kind not in NEVER_COPIED


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
    """Every user object of a database, one fingerprint of those that a copy has (sha256, hex), and row dependencies.

    See `bot.domain.comparison` for the same database at two moments.
    """

    objects: frozenset[DatabaseObject]
    fingerprint: str
    dependencies: frozenset[Dependency] = field(default=frozenset(), compare=False)

    def lost_in(self, after: "Catalogue") -> tuple[DatabaseObject, ...]:
        """Find the objects that are here and not in `after`, another database, by kind and identity."""
        left = {item.key for item in after.objects}
        return tuple(sorted(item for item in self.objects if item.is_copied and item.key not in left))

    def changed_in(self, after: "Catalogue") -> tuple[DatabaseObject, ...]:
        """Find the objects that `after`, another database, has with another definition."""
        before = {item.key: item.definition for item in self.objects}
        different = (item for item in after.objects if before.get(item.key, item.definition) != item.definition)
        return tuple(sorted(item for item in different if item.is_copied))

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
class LoaderFacts:
    """The role that loads bundles: what is in a bundle runs with its rights.

    Attributes:
        name: quoted as SQL wants it; a proposal where none is configured.
        granted_to: our own role, which acts as it; quoted likewise.
        is_configured: the environment's configuration names it.
        is_usable: it can log in, and our role can act as it.
        powers: what it may do besides loading: a clause each, and the statement that takes it away.
    """

    name: str = ""
    granted_to: str = ""
    is_configured: bool = False
    is_usable: bool = False
    powers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class DatabaseFacts:
    """A database at one moment.

    Attributes:
        name: the database's name.
        server_version: as `server_version_num`, e.g. 180006.
        size_bytes: of the whole database.
        applied: rows of the tracking table, oldest first; empty where it could not be read.
        sessions: client sessions of others in it.
        prepared: global ids of prepared transactions in it.
        can_take_exclusive_access: our role can close the database and end its sessions.
        can_create: our role can create databases: a shadow, a side database.
        accepts_connections: false while it is closed.
        slots: names of logical replication slots made in it, those in use marked so.
        is_superuser: our role is one, so it can end every session.
        role: its name, quoted as SQL wants it.
        identity: what tells it from every other database.
        exists: false where the server has no database of that name: then only the server's and our role's facts are so.
        unread: why the tracking table could not be read; None where it was.
        loader: the role that loads bundles.
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
    identity: DatabaseIdentity = NO_DATABASE
    exists: bool = True
    unread: BotError | None = field(default=None, compare=False)
    loader: LoaderFacts = LoaderFacts()

    @property
    def schema(self) -> int:
        """The schema version: the newest applied migration; 0 without one, `UNKNOWN_SCHEMA` where it was not read."""
        if self.unread is not None:
            return UNKNOWN_SCHEMA
        return max((migration.version for migration in self.applied), default=0)

    def require_read(self) -> None:
        """Make sure that `applied` is what the tracking table holds.

        Raises:
            BotError: why it could not be read.
        """
        if self.unread is not None:
            raise self.unread


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

    @cached_property
    def difference(self) -> Comparison:
        """Return everything in which the two differ."""
        return compare(self.before, self.after)


@dataclass(frozen=True)
class CheckResult:
    """A SQL check and its result; `problem` says why it is not true."""

    sql: str
    ok: bool
    problem: str = ""
