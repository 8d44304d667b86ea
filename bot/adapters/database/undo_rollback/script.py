"""What is to be run to create again what is gone: pg_restore's own SQL, taken apart, in the order it must run in."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.adapters.database.connections import Connection
from bot.adapters.database.undo_rollback.contents import QUERIES, Entry, gone_entries, read_entries
from bot.adapters.database.undo_rollback.table_body import TableBody, read_body
from bot.adapters.migration_files.rules import enum_name, postgast
from bot.adapters.pgclient.tool_errors import ToolFailedError
from bot.adapters.pgclient.tools import PgTools
from bot.errors import PermanentError
from bot.ports import RecreationSpec

RESTRICT = re.compile(r"^\\(?:un)?restrict [A-Za-z0-9]+$", re.MULTILINE)
COPY = re.compile(r"^COPY .*? (\(.*\)) FROM stdin;\n(.*?)^\\\.$", re.DOTALL | re.MULTILINE)
KEPT_SETTINGS = frozenset({"default_tablespace", "default_table_access_method"})
"""What pg_restore sets for an object; its other settings are a session's, and ours has its own."""
GRANTS = frozenset({"grant_stmt", "alter_default_privileges_stmt"})


@dataclass(frozen=True)
class TrackingCopy:
    """The tracking table's rows in the dump: its columns as SQL, in brackets, and the rows in COPY's text format."""

    columns: str
    rows: bytes


@dataclass(frozen=True)
class RecreationScript:
    """Statements, in five parts, in the order they run in.

    Attributes:
        shape: schemas, types, functions, tables and columns, views: what rows need.
        checks: NOT NULL, CHECK and identity of what was added to tables that stayed, once it is filled.
        grants: on all that.
        sequences: their values in the dump; they are new, so nothing can go backwards.
        finish: keys, indexes, triggers, foreign keys, policies, and what materialized views held.
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
        """How many statements."""
        return sum(len(part) for part in (self.shape, self.checks, self.grants, self.sequences, self.finish))


@dataclass(frozen=True)
class Stayed:
    """A table that stayed and lacks columns or constraints. `name` is quoted for SQL."""

    name: str
    columns: frozenset[str]
    constraints: frozenset[str]


def read_script(conn: Connection, tools: PgTools, dump: Path, order: RecreationSpec, tracking: str) -> RecreationScript:
    """Find what is gone from the live database, and how to create it again.

    Args:
        conn: to the live database.
        tools: pg_restore.
        dump: the emergency backup's, in directory format.
        order: what is to come back.
        tracking: identity of the tracking table.

    Raises:
        PermanentError: ``database-replaced``, ``undo-failed``.
    """
    try:
        entries = read_entries(tools.list_dependencies(dump))
        gone = gone_entries(conn, entries)
        stayed = {oid: table for name in _stayed_names(order) for oid, table in _stayed(conn, name, order)}
        lines = _wanted(entries, gone, order, set(stayed))
        sql = {section: tools.write_sql(dump, lines, section) for section in ("pre-data", "data", "post-data")}
        rows = [entry.line for entry in entries if _is_rows_of(conn, entry, tracking)]
        copy = COPY.search(tools.write_sql(dump, rows, "data")) if rows else None
    except ToolFailedError as error:
        raise PermanentError(
            "undo-failed", f"{error.tool} could not read the emergency backup: {error.words}.", "Nothing was changed."
        ) from error
    return _assemble(sql, {table.name: table for table in stayed.values()}, copy)


def _stayed_names(order: RecreationSpec) -> list[str]:
    return sorted({table for table, _ in (*order.refilled, *order.constraints)})


def _stayed(conn: Connection, identity: str, order: RecreationSpec) -> Iterator[tuple[int, Stayed]]:
    row = conn.execute(QUERIES["table"], {"table": identity}).fetchone()
    if row is not None:
        columns = frozenset(unquoted(column) for table, column in order.refilled if table == identity)
        constraints = frozenset(unquoted(name) for table, name in order.constraints if table == identity)
        yield row[0], Stayed(identity, columns, constraints)


def unquoted(name: str) -> str:
    """A name as it is, of a name as the server quotes it."""
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


def _wanted(entries: Sequence[Entry], gone: Sequence[Entry], order: RecreationSpec, stayed: set[int]) -> list[str]:
    """What is gone; the tables that lack something, for their columns; these columns' comments and grants."""
    numbers = {entry.number for entry in gone}
    tables = {entry.number for entry in entries if entry.classid and entry.objid in stayed}
    columns = [f" COLUMN {table.partition('.')[2]}.{column} " for table, column in order.refilled]
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
            shape += _added(table, read_body(text, node.create_stmt))
            checks += _required(table, read_body(text, node.create_stmt))
        elif _makes_identity(node, stayed):
            identities.append(text)  # the server wants the column NOT NULL for it
        else:
            (grants if node.WhichOneof("node") in GRANTS else shape).append(text)
    values = [text for text, node in _statements(sql["data"], selects=True) if node.WhichOneof("node") == "select_stmt"]
    finish = [text for text, _ in _statements(sql["post-data"])]
    tracking = TrackingCopy(copy[1], copy[2].encode()) if copy else None
    return RecreationScript(tuple(shape), (*checks, *identities), tuple(grants), tuple(values), tuple(finish), tracking)


def _statements(sql: str, *, selects: bool = False) -> Iterator[tuple[str, Any]]:
    """Each statement with its node; of the session's settings only those that are an object's, for the transaction."""
    text = RESTRICT.sub("", sql)
    encoded = text.encode()
    for raw in postgast.parse(text).stmts:
        end = raw.stmt_location + raw.stmt_len if raw.stmt_len else len(encoded)
        statement = encoded[raw.stmt_location : end].decode().strip()
        kind = raw.stmt.WhichOneof("node")
        if kind == "variable_set_stmt":
            if raw.stmt.variable_set_stmt.name in KEPT_SETTINGS:
                yield _without_comments(statement).replace("SET ", "SET LOCAL ", 1), raw.stmt
        elif kind != "select_stmt" or (selects and "setval(" in statement):
            yield _without_comments(statement), raw.stmt


def _without_comments(statement: str) -> str:
    """The parser counts what pg_restore says before a statement as a part of it."""
    lines = statement.splitlines()
    while lines and (not lines[0].strip() or lines[0].startswith("--")):
        lines.pop(0)
    return "\n".join(lines)


def _stayed_table(node: Any, stayed: dict[str, Stayed]) -> Stayed | None:
    if node.WhichOneof("node") != "create_stmt":
        return None
    return _of(node.create_stmt.relation, stayed)


def _makes_identity(node: Any, stayed: dict[str, Stayed]) -> bool:
    """Whether a statement makes an identity of a column that comes back to a table that stayed."""
    if node.WhichOneof("node") != "alter_table_stmt":
        return False
    table = _of(node.alter_table_stmt.relation, stayed)
    commands = [command.alter_table_cmd for command in node.alter_table_stmt.cmds]
    return table is not None and any(
        enum_name(command, "subtype") == "AT_AddIdentity" and command.name in table.columns for command in commands
    )


def _of(relation: Any, stayed: dict[str, Stayed]) -> Stayed | None:
    for table in stayed.values():
        schema, _, name = table.name.partition(".")
        if (unquoted(schema), unquoted(name)) == (relation.schemaname, relation.relname):
            return table
    return None


def _added(table: Stayed, body: TableBody) -> list[str]:
    return [
        f"ALTER TABLE {table.name} ADD COLUMN {text}" for name, text in body.columns.items() if name in table.columns
    ]


def _required(table: Stayed, body: TableBody) -> list[str]:
    columns = sorted(table.columns & body.required)
    quoted = [f'"{column.replace(chr(34), chr(34) * 2)}"' for column in columns]
    added = [text for name, text in body.constraints.items() if name in table.constraints]
    return [
        *(f"ALTER TABLE {table.name} ALTER COLUMN {column} SET NOT NULL" for column in quoted),
        *(f"ALTER TABLE {table.name} ADD {text}" for text in added),
    ]
