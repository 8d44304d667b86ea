"""Finds what a chain has made or changed, and how it is taken away, or set, before the old is created again."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from bot.adapters.database.connections import Connection
from bot.adapters.database.undo_rollback.contents import QUERIES, RELATIONS, Entry
from bot.adapters.database.undo_rollback.exactness import not_exact
from bot.adapters.database.undo_rollback.renames import Renames
from bot.domain.effects import TABLE_COLUMN
from bot.ports import RecreationSpec

TABLE, CONSTRAINT = "table", "table constraint"
TYPES = ("type", "domain", "composite type")
ROUTINES = ("function", "procedure")
KEPT = (TABLE, "sequence", "schema", *ROUTINES)
"""Changed in place: what they hold, or what hangs on them, stays."""
WORDS = {
    "composite type": "TYPE",
    "statistics object": "STATISTICS",
    "foreign-data wrapper": "FOREIGN DATA WRAPPER",
    "materialized view": "MATERIALIZED VIEW",
}
Address = tuple[int, int]
"""An object's catalogue and OID."""


@dataclass(frozen=True)
class Found:
    """An object that is new or another since the chain, as `pg_identify_object` names it."""

    address: Address
    kind: str
    identity: str
    relation: int = 0
    column: str = ""


@dataclass(frozen=True)
class Differences:
    """Everything that is to be taken away or set first.

    Attributes:
        drops: statements that take away what is new or another.
        leftovers: statements that take away types which columns had until they were changed back.
        taken: addresses of what these statements take: the dump creates it again, if it has it.
        kept: addresses of what is changed in place.
        columns: names of the columns to be set, by their table's OID.
        constraints: (table, name) of those that are dropped from tables that stay.
        made: tables that are new, and (table, column) that are: what is in them goes.
    """

    drops: tuple[str, ...] = ()
    leftovers: tuple[str, ...] = ()
    taken: frozenset[Address] = frozenset()
    kept: tuple[Found, ...] = ()
    columns: Mapping[int, frozenset[str]] = field(default_factory=dict)
    constraints: frozenset[tuple[str, str]] = frozenset()
    made: tuple[tuple[str, str], ...] = ()


def find_differences(conn: Connection, entries: Sequence[Entry], spec: RecreationSpec) -> Differences:
    """Look the chain's new and changed objects up by name, and tell new from changed by the OIDs in the dump.

    Raises:
        PermanentError: ``undo-not-exact``.
    """
    found = list(_find(conn, spec.changed))
    if not found:
        return Differences()
    known = {(entry.catalogue, entry.objid) for entry in entries if entry.objid}
    renames = Renames(spec.renames)
    columns = [item for item in found if item.kind == TABLE_COLUMN and (RELATIONS, item.relation) in known]
    kept = tuple(item for item in found if item.kind in KEPT and item.address in known)
    away = [item for item in found if item.kind != TABLE_COLUMN and item not in kept]
    taken = _take(conn, away, known)
    altered = _altered_columns(columns, taken, renames)
    old_types = [item for item in away if item.kind in TYPES and taken.retypes]
    return Differences(
        drops=tuple(_drop(item) for item in _wholes_first(away) if item not in old_types)
        + tuple(map(_rename_away, old_types)),
        leftovers=tuple(_drop_renamed(item) for item in old_types),
        taken=taken.addresses,
        kept=tuple(replace(item, identity=renames.before(item.identity)) for item in kept),
        columns=altered,
        constraints=frozenset(
            _constraint(replace(item, identity=renames.before(item.identity)))
            for item in away
            if item.kind == CONSTRAINT
        ),
        made=tuple((item.identity, "") for item in away if item.kind == TABLE),
    )


@dataclass(frozen=True)
class Taken:
    """The effect of DROP … CASCADE: everything that goes, and the columns that lose their default or their type."""

    addresses: frozenset[Address]
    columns: Mapping[int, frozenset[str]]
    retypes: bool


def _find(conn: Connection, changed: Iterable[tuple[str, str]]) -> Iterator[Found]:
    wanted = sorted(changed)
    asked = {"kinds": [kind for kind, _ in wanted], "identities": [identity for _, identity in wanted]}
    for classid, objid, kind, identity, relation, column in conn.execute(QUERIES["named"], asked).fetchall():
        yield Found((classid, objid), kind, identity, relation, column)


def _take(conn: Connection, away: Sequence[Found], known: set[Address]) -> Taken:
    asked = {"classes": [item.address[0] for item in away], "objects": [item.address[1] for item in away]}
    addresses, columns, retypes = set(), dict[int, frozenset[str]](), False
    own = {item.address for item in away}
    for classid, objid, identity, relation, column, is_table in conn.execute(QUERIES["taken"], asked).fetchall():
        if column:
            if (RELATIONS, relation) in known:
                columns[relation] = columns.get(relation, frozenset()) | {column}
                retypes = retypes or classid == RELATIONS
        elif is_table and (classid, objid) not in own:
            raise not_exact(f"{identity} would go with what is taken away")
        else:
            addresses.add((classid, objid))
    return Taken(frozenset(addresses), columns, retypes)


def _altered_columns(columns: Iterable[Found], taken: Taken, renames: Renames) -> Mapping[int, frozenset[str]]:
    """List the columns to be set by their table's OID, as they were called before the chain."""
    altered = dict(taken.columns)
    for item in columns:
        table = item.identity.removesuffix(f".{item.column}").removesuffix(f'."{item.column}"')
        name = renames.column_before(table, item.column)
        altered[item.relation] = altered.get(item.relation, frozenset()) | {name}
    return altered


def _wholes_first(away: Iterable[Found]) -> list[Found]:
    """Put tables and constraints first: an index of theirs cannot be dropped by itself."""
    return sorted(away, key=lambda item: (item.kind != TABLE, item.kind != CONSTRAINT))


def _drop(item: Found) -> str:
    if item.kind == CONSTRAINT:
        table, name = _constraint(item)
        return f"ALTER TABLE IF EXISTS {table} DROP CONSTRAINT IF EXISTS {name} CASCADE"
    if item.kind == "publication relation":
        table, _, publication = item.identity.rpartition(" in publication ")
        return f"ALTER PUBLICATION {publication} DROP TABLE {table}"
    return f"DROP {WORDS.get(item.kind, item.kind.upper())} IF EXISTS {item.identity} CASCADE"


def _constraint(item: Found) -> tuple[str, str]:
    name, _, table = item.identity.rpartition(" on ")
    return table, name


def _away_name(item: Found) -> str:
    return f"backstop_old_{item.address[1]}"


def _rename_away(item: Found) -> str:
    # Columns have that type: they are changed back to the old one first.
    return f"ALTER {'DOMAIN' if item.kind == 'domain' else 'TYPE'} {item.identity} RENAME TO {_away_name(item)}"


def _drop_renamed(item: Found) -> str:
    schema = item.identity.rpartition(".")[0] if not item.identity.endswith('"') else item.identity.partition(".")[0]
    return f"DROP TYPE {schema}.{_away_name(item)}"
