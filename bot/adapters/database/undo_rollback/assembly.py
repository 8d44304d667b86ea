"""Puts a dump's statements in order, and turns those of tables that stayed into what they lack."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, TypedDict

from bot.adapters.database.undo_rollback.realignment import Realignment
from bot.adapters.database.undo_rollback.table_body import TableBody, read_body, unquoted
from bot.adapters.migration_files.syntax import enum_name, name_kind, parse_statements

RESTRICT = re.compile(r"^\\(?:un)?restrict [A-Za-z0-9]+$", re.MULTILINE)
# pg_restore sets these for an object; its other settings are a session's, and ours has its own.
KEPT_SETTINGS = frozenset({"default_tablespace", "default_table_access_method"})
GRANTS = frozenset({"grant_stmt", "alter_default_privileges_stmt"})
CREATE_ROUTINE = re.compile(r"^CREATE (FUNCTION|PROCEDURE)\b", re.MULTILINE)
CYCLE = re.compile(r"^\s+CYCLE\s*;?$", re.MULTILINE)
OPTIONS = re.compile(r"^WITH \((.+)\)", re.MULTILINE)
PLAIN_NAME = re.compile(r"[a-z_][a-z0-9_$]*")


@dataclass(frozen=True)
class Stayed:
    """A table that stayed and lacks columns or constraints, or has other columns. `name` is quoted for SQL."""

    name: str
    columns: frozenset[str]
    constraints: frozenset[str]
    altered: frozenset[str] = frozenset()
    kept: bool = False


class Parts(TypedDict):
    """The parts of a script that come from the dump's own statements."""

    shape: tuple[str | Realignment, ...]
    checks: tuple[str, ...]
    grants: tuple[str, ...]
    sequences: tuple[str, ...]
    finish: tuple[str, ...]


def assemble(sql: dict[str, str], stayed: dict[str, Stayed], kept: Collection[str]) -> Parts:
    """Take pg_restore's SQL apart and put it in order.

    Args:
        sql: by section.
        stayed: tables that are there although their CREATE TABLE is in it, by identity.
        kept: identities of what is set back in place.
    """
    shape: list[str | Realignment] = []
    checks: list[str] = []
    identities: list[str] = []
    grants: list[str] = []
    for text, node in _statements(sql["pre-data"]):
        table = _stayed_table(node, stayed)
        if table is not None:
            body = read_body(text, node.create_stmt)
            shape += [*_realign(table, body, text), *_add_columns(table, body)]
            checks += _add_checks(table, body)
        elif _makes_identity(node, stayed):
            identities.append(text)  # the server wants the column NOT NULL for it
        elif name_kind(node) in GRANTS:
            grants.append(text)
        else:
            shape += in_place(text, node, kept)
    values = [text for text, node in _statements(sql["data"], selects=True) if name_kind(node) == "select_stmt"]
    finish = [text for text, _ in _statements(sql["post-data"])]
    return Parts(
        shape=tuple(shape),
        checks=(*checks, *identities),
        grants=tuple(grants),
        sequences=tuple(values),
        finish=tuple(finish),
    )


def in_place(text: str, node: Any, kept: Collection[str]) -> list[str]:
    """Turn a CREATE of something that may be there into the statement that sets it."""
    kind = name_kind(node)
    if kind == "create_function_stmt":
        return [CREATE_ROUTINE.sub(r"CREATE OR REPLACE \1", text, count=1)]
    if kind == "create_seq_stmt" and _name(node.create_seq_stmt.sequence) in kept:
        cycle = "" if CYCLE.search(text) else " NO CYCLE"
        return [text.replace("CREATE SEQUENCE", "ALTER SEQUENCE", 1) + cycle]
    if kind == "create_schema_stmt" and _quoted(node.create_schema_stmt.schemaname) in kept:
        return []
    return [text]


def _name(relation: Any) -> str:
    return f"{_quoted(relation.schemaname)}.{_quoted(relation.relname)}"


def _quoted(name: str) -> str:
    return name if PLAIN_NAME.fullmatch(name) else '"' + name.replace('"', '""') + '"'


def _realign(table: Stayed, body: TableBody, text: str) -> Iterator[Realignment]:
    if table.kept:
        columns = {name: definition for name, definition in body.columns.items() if name in table.altered}
        options = OPTIONS.search(text)
        yield Realignment(table.name, columns, table.altered, body.required, options[1] if options else "")


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
    columns = sorted((table.columns | table.altered) & body.required)
    quoted = [f'"{column.replace(chr(34), chr(34) * 2)}"' for column in columns]
    added = [text for name, text in body.constraints.items() if name in table.constraints]
    return [
        *(f"ALTER TABLE {table.name} ALTER COLUMN {column} SET NOT NULL" for column in quoted),
        *(f"ALTER TABLE {table.name} ADD {text}" for text in added),
    ]
