"""What a statement does, as far as its text tells: what it drops or alters by name, whose rows it changes."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from bot.adapters.migration_files.rules import Node, body_of, enum_name, kind_of, messages
from bot.domain.migrations import Effect

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


def impact_of(node: Node) -> Impact:
    """Judge one statement."""
    kind, body, calls = kind_of(node), body_of(node), _unique(calls_in(node))
    written = _unique(_written(node))
    if kind == "drop_stmt":
        return Impact(Effect.DROPS, (), tuple(_dropped(body)))
    if written:
        return Impact(Effect.CHANGES_ROWS, written, (), _unique(_emptied(node)), _unique(_set(node)), calls)
    if kind in READERS and not (kind == "select_stmt" and body.HasField("into_clause")):
        return Impact(Effect.READS, calls=calls)
    effect = Effect.DROPS if any(_drops_part(command) for command in messages(body, "AlterTableCmd")) else Effect.ALTERS
    return Impact(effect, (), _unique(_altered(body)), calls=calls)


def merged(impacts: list[Impact]) -> Impact:
    """What a block does that holds these statements: the gravest of their effects, and all the names."""
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


def calls_in(node: Node) -> Iterator[str]:
    """Functions it calls, as written; those of a definition run later, if ever, and are left out."""
    if not kind_of(node).startswith(("create_", "view_", "rule_")):
        yield from (".".join(part.string.sval for part in call.funcname) for call in messages(node, "FuncCall"))


def _unique(items: Iterable[Item]) -> tuple[Item, ...]:
    return tuple(dict.fromkeys(items))


def relation_name(relation: Node) -> str:
    """A relation as written."""
    return f"{relation.schemaname}.{relation.relname}" if relation.schemaname else str(relation.relname)


def _written(node: Node) -> Iterator[str]:
    """Relations whose rows go or change, also by a WITH clause."""
    for name, field in WRITERS.items():
        yield from (relation_name(getattr(body, field)) for body in messages(node, name))
    for truncate in messages(node, "TruncateStmt"):
        yield from (relation_name(item.range_var) for item in truncate.relations)


def _emptied(node: Node) -> Iterator[str]:
    """Relations whose rows may go."""
    yield from (relation_name(body.relation) for body in messages(node, "DeleteStmt"))
    for truncate in messages(node, "TruncateStmt"):
        yield from (relation_name(item.range_var) for item in truncate.relations)
    for merge in messages(node, "MergeStmt"):
        if any(enum_name(when, "command_type") == "CMD_DELETE" for when in messages(merge, "MergeWhenClause")):
            yield relation_name(merge.relation)


def _set(node: Node) -> Iterator[tuple[str, str]]:
    """(relation, column) of values that are set in rows that are there."""
    for update in messages(node, "UpdateStmt"):
        yield from _targets(update.relation, update.target_list)
    for insert in messages(node, "InsertStmt"):
        yield from _targets(insert.relation, insert.on_conflict_clause.target_list)
    for merge in messages(node, "MergeStmt"):
        for when in messages(merge, "MergeWhenClause"):
            if enum_name(when, "command_type") == "CMD_UPDATE":
                yield from _targets(merge.relation, when.target_list)


def _targets(relation: Node, targets: Iterable[Node]) -> Iterator[tuple[str, str]]:
    return ((relation_name(relation), item.res_target.name) for item in targets)


def _dropped(body: Node) -> Iterator[str]:
    kind = enum_name(body, "remove_type")
    for item in body.objects:
        parts = _parts(item)
        if kind in ON_A_RELATION:
            yield f"{parts[-1]} on {'.'.join(parts[:-1])}"
        elif parts:
            yield ".".join(parts)


def _altered(body: Node) -> Iterator[str]:
    """What it is about: its relation, or the object it names, with arguments left out."""
    fields = body.DESCRIPTOR.fields_by_name
    if "relation" in fields and body.HasField("relation"):
        yield relation_name(body.relation)
        gone = (command.name for command in messages(body, "AlterTableCmd") if _drops_part(command))
        yield from (f"{name} on {relation_name(body.relation)}" for name in gone)
    for field in ("object", "func"):
        if field in fields and fields[field].message_type is not None and body.HasField(field):
            yield from filter(None, [".".join(_parts(getattr(body, field)))])
    for item in body.objects if "objects" in fields else ():
        yield relation_name(item.range_var) if item.HasField("range_var") else ".".join(_parts(item))


def _parts(item: Node) -> list[str]:
    """The name's parts of any node that stands for an object."""
    inner = item if "objname" in item.DESCRIPTOR.fields_by_name else body_of(item)
    if type(inner).__name__ == "String":
        return [inner.sval]
    for field in ("objname", "names", "items"):
        if field in inner.DESCRIPTOR.fields_by_name:
            return [part.string.sval for part in getattr(inner, field) if part.HasField("string")]
    return []


def _drops_part(command: Node) -> bool:
    return enum_name(command, "subtype") in {"AT_DropColumn", "AT_DropConstraint"}
