"""Finds the statements that create again what is gone: pg_restore's own SQL, of the entries that are needed."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from bot.adapters.database.connections import Connection
from bot.adapters.database.undo_rollback.assembly import Stayed, assemble
from bot.adapters.database.undo_rollback.contents import QUERIES, RELATIONS, Entry, find_gone_entries, read_entries
from bot.adapters.database.undo_rollback.differences import TABLE, Differences, Found, find_differences
from bot.adapters.database.undo_rollback.realignment import Realignment
from bot.adapters.database.undo_rollback.renames import Renames
from bot.adapters.database.undo_rollback.table_body import unquoted
from bot.adapters.pgclient.tools import PgTools, ToolFailedError
from bot.errors import PermanentError
from bot.ports import FetchedBundle, RecreationSpec

COPY = re.compile(r"^COPY .*? (\(.*\)) FROM stdin;\n(.*?)^\\\.$", re.DOTALL | re.MULTILINE)
# What a dump lists beside an object that can be set back in place.
PUBLISHES = re.compile(r"(CREATE|ALTER|DROP|COMMENT ON) PUBLICATION ")
BELONGS = re.compile(r"(ACL|COMMENT|SEQUENCE OWNED BY|ROW SECURITY|DEFAULT) ")


@dataclass(frozen=True)
class TrackingCopy:
    """The tracking table's rows in the dump: its columns as SQL, in brackets, and the rows in COPY's text format."""

    columns: str
    rows: bytes


@dataclass(frozen=True)
class RecreationScript:
    """Statements, in the order they run in.

    Attributes:
        drops: take away what the chain has made, or changed and cannot be set back in place.
        renames: give everything its name from before the chain; from here on, it is called that.
        kept: objects that are set back in place, with the altered columns of tables.
        shape: schemas, types, functions, tables and columns, views: everything that rows need.
        leftovers: take away types that columns had until now.
        checks: NOT NULL, CHECK and identity of what was added to tables that stayed, once it is filled.
        grants: on all that.
        sequences: their values in the dump; they are new, so nothing can go backwards.
        finish: keys, indexes, triggers, foreign keys, policies, and materialized views' content.
        made: tables that are new, and (table, column) that are, "" for all of the table: what is in them goes.
        tracking: None where the dump has none.
    """

    drops: tuple[str, ...]
    renames: tuple[str, ...]
    kept: tuple[tuple[Found, frozenset[str]], ...]
    shape: tuple[str | Realignment, ...]
    leftovers: tuple[str, ...]
    checks: tuple[str, ...]
    grants: tuple[str, ...]
    sequences: tuple[str, ...]
    finish: tuple[str, ...]
    made: tuple[tuple[str, str], ...]
    tracking: TrackingCopy | None

    @property
    def without_publications(self) -> "RecreationScript":
        """Return it for a copy, which has none."""
        drops = tuple(each for each in self.drops if not PUBLISHES.match(each))
        return replace(self, drops=drops, finish=tuple(each for each in self.finish if not PUBLISHES.match(each)))

    @property
    def length(self) -> int:
        """The number of statements."""
        parts = (
            self.drops,
            self.renames,
            self.shape,
            self.leftovers,
            self.checks,
            self.grants,
            self.sequences,
            self.finish,
        )
        return sum(len(part) for part in parts)


def read_script(
    conn: Connection, tools: PgTools, bundle: FetchedBundle, spec: RecreationSpec, tracking: str
) -> RecreationScript:
    """Find what is gone from the live database, and how to create it again.

    Args:
        conn: to the live database.
        tools: pg_restore.
        bundle: the emergency backup, in directory format; its statements have been checked.
        spec: what is to come back.
        tracking: identity of the tracking table.

    Raises:
        PermanentError: ``database-replaced``, ``undo-failed``.
    """
    dump = bundle.path
    try:
        entries = read_entries(tools.list_dependencies(dump))
        differences = find_differences(conn, entries, spec)
        gone = find_gone_entries(conn, entries, differences.taken)
        kept = _kept(conn, differences, Renames(spec.renames))
        stayed = _find_stayed_tables(conn, spec, differences, kept)
        lines = _wanted(entries, gone, spec, set(stayed), {item.address for item, _ in kept})
        # decision 14: the SQL is pg_restore's own, with owners, grants, comments and triggers.
        sql = {section: tools.write_sql(dump, lines, section) for section in ("pre-data", "data", "post-data")}
        rows = [entry.line for entry in entries if _is_rows_of(conn, entry, tracking)]
        copy = COPY.search(tools.write_sql(dump, rows, "data")) if rows else None
    except ToolFailedError as error:
        raise unreadable(error) from error
    parts = assemble(sql, {table.name: table for table in stayed.values()}, {item.identity for item, _ in kept})
    tracking_copy = TrackingCopy(copy[1], copy[2].encode()) if copy else None
    return RecreationScript(
        drops=differences.drops,
        renames=Renames(spec.renames).statements,
        kept=kept,
        leftovers=differences.leftovers,
        made=(*differences.made, *_made_columns(parts["shape"])),
        tracking=tracking_copy,
        **parts,
    )


def unreadable(error: ToolFailedError) -> PermanentError:
    """Make the error for an emergency backup that a tool cannot read."""
    return PermanentError(
        "undo-failed", f"{error.tool} could not read the emergency backup: {error.message}.", "Nothing was changed."
    )


def _kept(conn: Connection, differences: Differences, renames: Renames) -> tuple[tuple[Found, frozenset[str]], ...]:
    """List what is set back in place; a table with altered columns is."""
    found = {item.address: item for item in differences.kept}
    for table in differences.columns:
        address = (RELATIONS, table)
        if address not in found:
            found[address] = Found(address, TABLE, renames.before(_identity(conn, table)))
    return tuple((item, differences.columns.get(address[1], frozenset())) for address, item in sorted(found.items()))


def _identity(conn: Connection, table: int) -> str:
    return str(conn.execute(QUERIES["identity"], {"table": table}).fetchall()[0][0])


def _find_stayed_tables(
    conn: Connection, spec: RecreationSpec, differences: Differences, kept: Sequence[tuple[Found, frozenset[str]]]
) -> dict[int, Stayed]:
    """Find the tables whose CREATE TABLE is needed although they are there, by their OID."""
    constraints, renames = spec.constraints | differences.constraints, Renames(spec.renames)
    altered = {item.identity: columns for item, columns in kept if item.kind == TABLE}
    found = {}
    for identity in sorted({*(table for table, _ in (*spec.refilled, *constraints)), *altered}):
        row = conn.execute(QUERIES["table"], {"table": renames.after(identity)}).fetchone()
        if row is not None:
            columns = frozenset(unquoted(column) for table, column in spec.refilled if table == identity)
            lost = frozenset(unquoted(name) for table, name in constraints if table == identity)
            found[row[0]] = Stayed(identity, columns, lost, altered.get(identity, frozenset()), identity in altered)
    return found


def _wanted(
    entries: Sequence[Entry],
    gone: Sequence[Entry],
    spec: RecreationSpec,
    stayed: set[int],
    kept: set[tuple[int, int]],
) -> list[str]:
    """Select what is gone, and what stays to be set back; tables for their columns, with these' comments and grants."""
    numbers = {entry.number for entry in gone}
    tables = {entry.number for entry in entries if entry.classid and entry.objid in stayed}
    changed = {entry.number for entry in entries if entry.classid and (entry.classid, entry.objid) in kept}
    columns = [f" COLUMN {table.partition('.')[2]}.{column} " for table, column in spec.refilled]
    for entry in entries:
        of_column = entry.objid == 0 and entry.needs & tables and any(column in entry.text for column in columns)
        of_kept = entry.needs & changed and BELONGS.match(entry.text)
        if entry.number in numbers | tables | changed or of_column or of_kept:
            numbers.add(entry.number)
    return [entry.line for entry in entries if entry.number in numbers]


def _is_rows_of(conn: Connection, entry: Entry, table: str) -> bool:
    if not entry.text.startswith("TABLE DATA "):
        return False
    row = conn.execute(QUERIES["table"], {"table": table}).fetchone()
    return row is not None and bool(row[0] == entry.objid)


def _made_columns(shape: Sequence[str | Realignment]) -> Iterator[tuple[str, str]]:
    """List (table, column) of columns that the chain has made in tables that stayed."""
    for item in shape:
        if isinstance(item, Realignment):
            yield from ((item.table, column) for column in sorted(item.altered - item.columns.keys()))
