"""Parses SQL with PostgreSQL's own grammar, and reads from its parse tree what a script affects."""

import importlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from bot.domain.migrations import Effect

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


Item = TypeVar("Item")

WRITERS = {"DeleteStmt": "relation", "UpdateStmt": "relation", "InsertStmt": "relation", "MergeStmt": "relation"}
READERS = frozenset(
    {"select_stmt", "explain_stmt", "variable_set_stmt", "lock_stmt", "constraints_set_stmt", "notify_stmt"}
)
ON_A_RELATION = frozenset({"OBJECT_TRIGGER", "OBJECT_POLICY", "OBJECT_RULE"})


@dataclass(frozen=True)
class Impact:
    """See the same names in `bot.domain.migrations.Statement`."""

    effect: Effect
    relations: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    deletes: tuple[str, ...] = ()
    sets: tuple[tuple[str, str], ...] = ()
    calls: tuple[str, ...] = ()


def read_impact(node: Node) -> Impact:
    """Read the impact of one statement."""
    kind, body, calls = name_kind(node), unwrap(node), _unique(_find_calls(node))
    written = _unique(_written(node))
    if kind == "drop_stmt":
        return Impact(Effect.DROPS, (), tuple(_dropped(body)))
    if written:
        return Impact(Effect.CHANGES_ROWS, written, (), _unique(_emptied(node)), _unique(_set(node)), calls)
    if kind in READERS and not (kind == "select_stmt" and body.HasField("into_clause")):
        return Impact(Effect.READS, calls=calls)
    effect = (
        Effect.DROPS if any(_drops_part(command) for command in find_messages(body, "AlterTableCmd")) else Effect.ALTERS
    )
    return Impact(effect, (), _unique(_altered(body)), calls=calls)


def merge_impacts(impacts: list[Impact]) -> Impact:
    """Combine the statements of a block: the gravest of their effects, and all the names."""
    order = (Effect.DROPS, Effect.CHANGES_ROWS, Effect.ALTERS, Effect.READS)
    effects = {impact.effect for impact in impacts} | {Effect.ALTERS}  # the text of a block does not tell all
    return Impact(
        next(effect for effect in order if effect in effects),
        _unique(name for impact in impacts for name in impact.relations),
        _unique(name for impact in impacts for name in impact.names),
        _unique(name for impact in impacts for name in impact.deletes),
        _unique(pair for impact in impacts for pair in impact.sets),
        _unique(name for impact in impacts for name in impact.calls),
    )


def _find_calls(node: Node) -> Iterator[str]:
    """Find the functions it calls, as written; those of a definition run later, if ever, and are left out."""
    if not name_kind(node).startswith(("create_", "view_", "rule_")):
        yield from (".".join(part.string.sval for part in call.funcname) for call in find_messages(node, "FuncCall"))


def _unique(items: Iterable[Item]) -> tuple[Item, ...]:
    return tuple(dict.fromkeys(items))


def _name_relation(relation: Node) -> str:
    """Name a relation as written."""
    return f"{relation.schemaname}.{relation.relname}" if relation.schemaname else str(relation.relname)


def _written(node: Node) -> Iterator[str]:
    """Find relations whose rows are changed or deleted, also by a WITH clause."""
    for name, field in WRITERS.items():
        yield from (_name_relation(getattr(body, field)) for body in find_messages(node, name))
    for truncate in find_messages(node, "TruncateStmt"):
        yield from (_name_relation(item.range_var) for item in truncate.relations)


def _emptied(node: Node) -> Iterator[str]:
    """Find relations whose rows may be deleted."""
    yield from (_name_relation(body.relation) for body in find_messages(node, "DeleteStmt"))
    for truncate in find_messages(node, "TruncateStmt"):
        yield from (_name_relation(item.range_var) for item in truncate.relations)
    for merge in find_messages(node, "MergeStmt"):
        if any(enum_name(when, "command_type") == "CMD_DELETE" for when in find_messages(merge, "MergeWhenClause")):
            yield _name_relation(merge.relation)


def _set(node: Node) -> Iterator[tuple[str, str]]:
    """Find (relation, column) of the values that are set in existing rows."""
    for update in find_messages(node, "UpdateStmt"):
        yield from _targets(update.relation, update.target_list)
    for insert in find_messages(node, "InsertStmt"):
        yield from _targets(insert.relation, insert.on_conflict_clause.target_list)
    for merge in find_messages(node, "MergeStmt"):
        for when in find_messages(merge, "MergeWhenClause"):
            if enum_name(when, "command_type") == "CMD_UPDATE":
                yield from _targets(merge.relation, when.target_list)


def _targets(relation: Node, targets: Iterable[Node]) -> Iterator[tuple[str, str]]:
    return ((_name_relation(relation), item.res_target.name) for item in targets)


def _dropped(body: Node) -> Iterator[str]:
    kind = enum_name(body, "remove_type")
    for item in body.objects:
        parts = _parts(item)
        if kind in ON_A_RELATION:
            yield f"{parts[-1]} on {'.'.join(parts[:-1])}"
        elif parts:
            yield ".".join(parts)


def _altered(body: Node) -> Iterator[str]:
    """Name the altered relation or object, without arguments, and dropped columns and constraints."""
    fields = body.DESCRIPTOR.fields_by_name
    if "relation" in fields and body.HasField("relation"):
        yield _name_relation(body.relation)
        gone = (command.name for command in find_messages(body, "AlterTableCmd") if _drops_part(command))
        yield from (f"{name} on {_name_relation(body.relation)}" for name in gone)
    for field in ("object", "func"):
        if field in fields and fields[field].message_type is not None and body.HasField(field):
            yield from filter(None, [".".join(_parts(getattr(body, field)))])
    for item in body.objects if "objects" in fields else ():
        yield _name_relation(item.range_var) if item.HasField("range_var") else ".".join(_parts(item))


def _parts(item: Node) -> list[str]:
    """Read the parts of the name from any node that stands for an object."""
    inner = item if "objname" in item.DESCRIPTOR.fields_by_name else unwrap(item)
    if type(inner).__name__ == "String":
        return [inner.sval]
    for field in ("objname", "names", "items"):
        if field in inner.DESCRIPTOR.fields_by_name:
            return [part.string.sval for part in getattr(inner, field) if part.HasField("string")]
    return []


def _drops_part(command: Node) -> bool:
    return enum_name(command, "subtype") in {"AT_DropColumn", "AT_DropConstraint"}
