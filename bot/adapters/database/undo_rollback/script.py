"""Builds the script that creates again what is gone: pg_restore's own SQL, taken apart and put in order."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from bot.adapters.database.connections import Connection
from bot.adapters.database.undo_rollback.contents import QUERIES, Entry, find_gone_entries, read_entries
from bot.adapters.migration_files.syntax import enum_name, name_kind, parse_statements, postgast
from bot.adapters.pgclient.tools import PgTools, ToolFailedError
from bot.errors import PermanentError
from bot.ports import FetchedBundle, RecreationSpec

RESTRICT = re.compile(r"^\\(?:un)?restrict [A-Za-z0-9]+$", re.MULTILINE)
COPY = re.compile(r"^COPY .*? (\(.*\)) FROM stdin;\n(.*?)^\\\.$", re.DOTALL | re.MULTILINE)
# pg_restore sets these for an object; its other settings are a session's, and ours has its own.
KEPT_SETTINGS = frozenset({"default_tablespace", "default_table_access_method"})
GRANTS = frozenset({"grant_stmt", "alter_default_privileges_stmt"})
# libpg_query's tokens for brackets and commas: their ASCII codes.
OPEN, CLOSE, COMMA = 40, 41, 44
NOT_NULL = re.compile(r"\s+(CONSTRAINT\s+(\"(?:[^\"]|\"\")+\"|\S+)\s+)?NOT NULL(\s+NO INHERIT)?\s*$")


@dataclass(frozen=True)
class TrackingCopy:
    """The tracking table's rows in the dump: its columns as SQL, in brackets, and the rows in COPY's text format."""

    columns: str
    rows: bytes


@dataclass(frozen=True)
class RecreationScript:
    """Statements, in five parts, in the order they run in.

    Attributes:
        shape: schemas, types, functions, tables and columns, views: everything that rows need.
        checks: NOT NULL, CHECK and identity of what was added to tables that stayed, once it is filled.
        grants: on all that.
        sequences: their values in the dump; they are new, so nothing can go backwards.
        finish: keys, indexes, triggers, foreign keys, policies, and materialized views' content.
        tracking: None where the dump has none.
    """

    shape: tuple[str, ...]
    checks: tuple[str, ...]
    grants: tuple[str, ...]
    sequences: tuple[str, ...]
    finish: tuple[str, ...]
    tracking: TrackingCopy | None

    @property
    def length(self) -> int:
        """The number of statements."""
        return sum(len(part) for part in (self.shape, self.checks, self.grants, self.sequences, self.finish))


@dataclass(frozen=True)
class Stayed:
    """A table that stayed and lacks columns or constraints. `name` is quoted for SQL."""

    name: str
    columns: frozenset[str]
    constraints: frozenset[str]


@dataclass(frozen=True)
class TableBody:
    """The definitions in a CREATE TABLE, as written: columns and constraints by name, and the NOT NULL columns."""

    columns: dict[str, str]
    constraints: dict[str, str]
    required: frozenset[str]


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
        gone = find_gone_entries(conn, entries)
        stayed = {oid: table for name in _stayed_names(spec) for oid, table in _stayed(conn, name, spec)}
        lines = _wanted(entries, gone, spec, set(stayed))
        # decision 14: the SQL is pg_restore's own, with owners, grants, comments and triggers.
        sql = {section: tools.write_sql(dump, lines, section) for section in ("pre-data", "data", "post-data")}
        rows = [entry.line for entry in entries if _is_rows_of(conn, entry, tracking)]
        copy = COPY.search(tools.write_sql(dump, rows, "data")) if rows else None
    except ToolFailedError as error:
        raise unreadable(error) from error
    return _assemble(sql, {table.name: table for table in stayed.values()}, copy)


def unreadable(error: ToolFailedError) -> PermanentError:
    """Make the error for an emergency backup that a tool cannot read."""
    return PermanentError(
        "undo-failed", f"{error.tool} could not read the emergency backup: {error.message}.", "Nothing was changed."
    )


def _stayed_names(spec: RecreationSpec) -> list[str]:
    return sorted({table for table, _ in (*spec.refilled, *spec.constraints)})


def _stayed(conn: Connection, identity: str, spec: RecreationSpec) -> Iterator[tuple[int, Stayed]]:
    row = conn.execute(QUERIES["table"], {"table": identity}).fetchone()
    if row is not None:
        columns = frozenset(unquoted(column) for table, column in spec.refilled if table == identity)
        constraints = frozenset(unquoted(name) for table, name in spec.constraints if table == identity)
        yield row[0], Stayed(identity, columns, constraints)


def unquoted(name: str) -> str:
    """Remove the server's quotes from a name."""
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


def _wanted(entries: Sequence[Entry], gone: Sequence[Entry], spec: RecreationSpec, stayed: set[int]) -> list[str]:
    """Select what is gone; tables that lack something, for their columns; these columns' comments and grants."""
    numbers = {entry.number for entry in gone}
    tables = {entry.number for entry in entries if entry.classid and entry.objid in stayed}
    columns = [f" COLUMN {table.partition('.')[2]}.{column} " for table, column in spec.refilled]
    for entry in entries:
        of_column = entry.objid == 0 and entry.needs & tables and any(column in entry.text for column in columns)
        if entry.number in numbers | tables or of_column:
            numbers.add(entry.number)
    return [entry.line for entry in entries if entry.number in numbers]


def _is_rows_of(conn: Connection, entry: Entry, table: str) -> bool:
    if not entry.text.startswith("TABLE DATA "):
        return False
    row = conn.execute(QUERIES["table"], {"table": table}).fetchone()
    return row is not None and bool(row[0] == entry.objid)


def _assemble(sql: dict[str, str], stayed: dict[str, Stayed], copy: re.Match[str] | None) -> RecreationScript:
    shape: list[str] = []
    checks: list[str] = []
    identities: list[str] = []
    grants: list[str] = []
    for text, node in _statements(sql["pre-data"]):
        table = _stayed_table(node, stayed)
        if table is not None:
            shape += _add_columns(table, read_body(text, node.create_stmt))
            checks += _add_checks(table, read_body(text, node.create_stmt))
        elif _makes_identity(node, stayed):
            identities.append(text)  # the server wants the column NOT NULL for it
        else:
            (grants if name_kind(node) in GRANTS else shape).append(text)
    values = [text for text, node in _statements(sql["data"], selects=True) if name_kind(node) == "select_stmt"]
    finish = [text for text, _ in _statements(sql["post-data"])]
    tracking = TrackingCopy(copy[1], copy[2].encode()) if copy else None
    return RecreationScript(tuple(shape), (*checks, *identities), tuple(grants), tuple(values), tuple(finish), tracking)


def _statements(sql: str, *, selects: bool = False) -> Iterator[tuple[str, Any]]:
    """Split into statements with their nodes; of the settings, only an object's own stay, for the transaction."""
    for _, statement, node in parse_statements(RESTRICT.sub("", sql)):
        kind = name_kind(node)
        if kind == "variable_set_stmt":
            if node.variable_set_stmt.name in KEPT_SETTINGS:
                yield _without_comments(statement).replace("SET ", "SET LOCAL ", 1), node
        elif kind != "select_stmt" or (selects and "setval(" in statement):
            yield _without_comments(statement), node


def _without_comments(statement: str) -> str:
    """Remove pg_restore's comments before a statement, which the parser counts as a part of it."""
    lines = statement.splitlines()
    while lines and (not lines[0].strip() or lines[0].startswith("--")):
        lines.pop(0)
    return "\n".join(lines)


def _stayed_table(node: Any, stayed: dict[str, Stayed]) -> Stayed | None:
    if name_kind(node) != "create_stmt":
        return None
    return _find_stayed(node.create_stmt.relation, stayed)


def _makes_identity(node: Any, stayed: dict[str, Stayed]) -> bool:
    """Say if a statement makes an identity of a column that comes back to a table that stayed."""
    if name_kind(node) != "alter_table_stmt":
        return False
    table = _find_stayed(node.alter_table_stmt.relation, stayed)
    commands = [command.alter_table_cmd for command in node.alter_table_stmt.cmds]
    return table is not None and any(
        enum_name(command, "subtype") == "AT_AddIdentity" and command.name in table.columns for command in commands
    )


def _find_stayed(relation: Any, stayed: dict[str, Stayed]) -> Stayed | None:
    for table in stayed.values():
        schema, _, name = table.name.partition(".")
        if (unquoted(schema), unquoted(name)) == (relation.schemaname, relation.relname):
            return table
    return None


def _add_columns(table: Stayed, body: TableBody) -> list[str]:
    return [
        f"ALTER TABLE {table.name} ADD COLUMN {text}" for name, text in body.columns.items() if name in table.columns
    ]


def _add_checks(table: Stayed, body: TableBody) -> list[str]:
    columns = sorted(table.columns & body.required)
    quoted = [f'"{column.replace(chr(34), chr(34) * 2)}"' for column in columns]
    added = [text for name, text in body.constraints.items() if name in table.constraints]
    return [
        *(f"ALTER TABLE {table.name} ALTER COLUMN {column} SET NOT NULL" for column in quoted),
        *(f"ALTER TABLE {table.name} ADD {text}" for text in added),
    ]


def read_body(statement: str, node: Any) -> TableBody:
    """Read a CREATE TABLE. NOT NULL is taken off the columns: it holds only once they are filled.

    Args:
        statement: as pg_dump writes it.
        node: its ``create_stmt``.
    """
    columns, constraints, required = {}, {}, set()
    elements = [text for text in _elements(statement) if text]  # a child may list none of its own
    for element, text in zip(node.table_elts, elements, strict=True):
        if element.WhichOneof("node") == "column_def":
            name = element.column_def.colname
            columns[name] = NOT_NULL.sub("", text)
            required |= {name} if columns[name] != text else set()
        elif element.WhichOneof("node") == "constraint":
            constraints[element.constraint.conname] = text
    return TableBody(columns, constraints, frozenset(required))


def _elements(statement: str) -> Iterator[str]:
    """Split the content of the first pair of brackets at its commas."""
    encoded = statement.encode()
    depth, begin = 0, 0
    for token in postgast.scan(statement).tokens:
        if token.token == OPEN:
            depth += 1
            begin = token.end if depth == 1 else begin
        elif token.token == CLOSE:
            depth -= 1
        if (token.token == COMMA and depth == 1) or (token.token == CLOSE and depth == 0):
            yield encoded[begin : token.start].decode().strip()
            begin = token.end
        if token.token == CLOSE and depth == 0:
            return
