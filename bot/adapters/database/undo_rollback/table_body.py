"""Reads the definitions out of a CREATE TABLE as pg_dump writes it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bot.adapters.migration_files.syntax import postgast

# libpg_query's tokens for brackets and commas: their ASCII codes.
OPEN, CLOSE, COMMA = 40, 41, 44
NOT_NULL = re.compile(r"\s+(CONSTRAINT\s+(\"(?:[^\"]|\"\")+\"|\S+)\s+)?NOT NULL(\s+NO INHERIT)?\s*$")


@dataclass(frozen=True)
class TableBody:
    """The definitions in a CREATE TABLE, as written: columns and constraints by name, and the NOT NULL columns."""

    columns: dict[str, str]
    constraints: dict[str, str]
    required: frozenset[str]


def unquoted(name: str) -> str:
    """Remove the server's quotes from a name."""
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


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
