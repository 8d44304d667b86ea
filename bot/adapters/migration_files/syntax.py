"""Parses SQL with PostgreSQL's own grammar, and reads its parse tree."""

import importlib
from collections.abc import Iterator
from typing import Any

postgast: Any = importlib.import_module("postgast")

Node = Any
"""A message of libpg_query's parse tree; its classes are generated."""

LEAVE_OUT = "Take it out of the script, or undo that migration by restoring a backup."


class InvalidScriptError(Exception):
    """A script has a fault at a line; `hint` names the next step."""

    def __init__(self, line: int, fault: str, hint: str = "Correct the script.") -> None:
        super().__init__(line, fault)
        self.line = line
        self.fault = fault
        self.hint = hint


def parse_statements(text: str) -> Iterator[tuple[int, str, Node]]:
    """Split a script into statements: line, text and node of each.

    Raises:
        InvalidScriptError: it is no SQL; names the line.
    """
    encoded = text.encode()
    for raw in _parse(text).stmts:
        end = raw.stmt_location + raw.stmt_len if raw.stmt_len else len(encoded)
        line = encoded[: raw.stmt_location].count(b"\n") + 1
        yield line, encoded[raw.stmt_location : end].decode().strip(), raw.stmt


def _parse(text: str) -> Node:
    try:
        return postgast.parse(text)
    except postgast.PgQueryError as error:
        before = text.encode()[: max(error.cursorpos - 1, 0)]
        line = before.count(b"\n") + 1
        written = text.splitlines()[line - 1].strip() if text.splitlines() else ""
        if written.startswith("\\"):
            raise InvalidScriptError(line, f"{written.split()[0]} is psql's, not SQL", LEAVE_OUT) from error
        raise InvalidScriptError(line, error.message, "Correct the SQL.") from error


def name_kind(node: Node) -> str:
    """Name the statement's kind, e.g. ``drop_stmt``."""
    return str(node.WhichOneof("node"))


def unwrap(node: Node) -> Node:
    """Unwrap the statement itself."""
    return getattr(node, name_kind(node))


def walk(node: Node) -> Iterator[Node]:
    """Walk over every message of the tree."""
    return (item for _, item in postgast.walk(node))


def find_messages(node: Node, name: str) -> Iterator[Node]:
    """Find every message of a class, e.g. ``RangeVar``."""
    return (item for item in walk(node) if type(item).__name__ == name)


def enum_name(message: Node, field: str) -> str:
    """Name an enum field's value, e.g. ``OBJECT_TABLE``."""
    descriptor = message.DESCRIPTOR.fields_by_name[field]
    return str(descriptor.enum_type.values_by_number[getattr(message, field)].name)
