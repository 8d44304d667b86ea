"""Judges the statements that set, select, copy and insert: only constants may be in them."""

import re
from collections.abc import Sequence
from typing import Any

from bot.adapters.migration_files.syntax import Node, enum_name

# Settings that pg_dump and pg_restore write at a dump's head, before an object, or before another role's grants.
SETTINGS = frozenset(
    {
        "check_function_bodies",
        "client_encoding",
        "client_min_messages",
        "default_table_access_method",
        "default_tablespace",
        "default_with_oids",
        "escape_string_warning",
        "idle_in_transaction_session_timeout",
        "lock_timeout",
        "row_security",
        "search_path",
        "session_authorization",
        "standard_conforming_strings",
        "statement_timeout",
        "transaction_timeout",
        "xmloption",
    }
)
# Every encoding of a server: in these no byte of a longer character looks like a quote or a backslash.
SAFE_ENCODING = re.compile(
    r"(?i)utf-?8|unicode|sql_ascii|latin-?\d+|iso_?8859_?\d+|win(dows)?-?\d+|koi8-?[ru]|euc_(jp|kr|cn|tw|jis_2004)"
    r"|mule_internal"
)
CREATED = ("lo_create",)
IN_A_SCRIPT = ("lo_open", "lowrite", "lo_close", "lo_unlink")
STATISTICS = frozenset(
    {"pg_restore_relation_stats", "pg_restore_attribute_stats", "pg_restore_extended_stats", "pg_clear_relation_stats"}
)
SYSTEM_SCHEMAS = frozenset({"pg_catalog", "information_schema", "pg_toast"})


def may_set(node: Node) -> bool:
    """Say if pg_dump sets that: one of its own settings, to a constant that changes nothing about how text is read."""
    if node.name not in SETTINGS or node.is_local:
        return False
    if enum_name(node, "kind") in ("VAR_RESET", "VAR_SET_DEFAULT"):
        return str(node.name) == "session_authorization"
    if enum_name(node, "kind") != "VAR_SET_VALUE" or not all(is_constant(value) for value in node.args):
        return False
    values = [constant(value) for value in node.args]
    if node.name == "standard_conforming_strings":
        return values == ["on"]
    return node.name != "client_encoding" or (len(values) == 1 and SAFE_ENCODING.fullmatch(values[0]) is not None)


def may_select(node: Node, *, script: bool) -> bool:
    """Say if pg_dump selects that: a function of its own, with constants, and nothing else."""
    if script and node.HasField("where_clause"):
        return _removes_large_object(node)
    if _has_more(node, {"target_list", "from_clause", "limit_option", "op"}) or len(node.target_list) != 1:
        return False
    target = node.target_list[0].res_target.val
    if not node.from_clause:
        return target.WhichOneof("node") == "func_call" and _may_call(target.func_call, script=script)
    if len(node.from_clause) != 1 or node.from_clause[0].WhichOneof("node") != "range_function":
        return False
    called = node.from_clause[0].range_function
    if _has_more(called, {"functions"}) or target.WhichOneof("node") != "column_ref" or len(called.functions) != 1:
        return False
    function = called.functions[0].list.items[0]
    return function.WhichOneof("node") == "func_call" and _function(function.func_call, STATISTICS)


def _removes_large_object(node: Node) -> bool:
    """Say if it is what ``--clean --if-exists`` writes: ``lo_unlink(oid)`` of the one with that number."""
    plain = not _has_more(node, {"target_list", "from_clause", "where_clause", "limit_option", "op"})
    if not plain or len(node.target_list) != 1 or len(node.from_clause) != 1:
        return False
    table, where = node.from_clause[0].range_var, node.where_clause.a_expr
    call = node.target_list[0].res_target.val.func_call
    return (
        (table.schemaname, table.relname) == ("pg_catalog", "pg_largeobject_metadata")
        and names(call.funcname) == "pg_catalog.lo_unlink"
        and not _has_more(call, {"funcname", "args", "funcformat", "location"})
        and [_column(argument) for argument in call.args] == ["oid"]
        and (names(where.name), _column(where.lexpr)) == ("=", "oid")
        and is_constant(where.rexpr)
    )


def _column(node: Node) -> str:
    return names(node.column_ref.fields) if node.WhichOneof("node") == "column_ref" else ""


def _may_call(call: Node, *, script: bool) -> bool:
    if _function(call, {"set_config"}):
        values = [constant(value) for value in call.args]
        # An older pg_dump names schemas here, a newer one none; a name alone runs nothing.
        return len(values) == len(("setting", "value", "local")) and values[0] == "search_path" and values[2] == "false"
    return _function(call, {"setval", *CREATED, *(IN_A_SCRIPT if script else ())})


def _function(call: Node, names: Any) -> bool:
    """Say if it is a plain call of one of the server's own functions with constants."""
    path = [part.string.sval for part in call.funcname]
    plain = not _has_more(call, {"funcname", "args", "funcformat", "location"})
    return plain and path[:-1] == ["pg_catalog"] and path[-1] in names and all(map(is_constant, call.args))


def may_copy(node: Node) -> bool:
    """Say if it is pg_dump's COPY: a table's columns from the dump itself."""
    if _has_more(node, {"relation", "attlist", "is_from"}) or not node.is_from:
        return False
    return _is_users(node.relation)


def may_insert(node: Node) -> bool:
    """Say if it is pg_dump's INSERT: rows of constants."""
    if _has_more(node, {"relation", "cols", "select_stmt", "on_conflict_clause", "override"}):
        return False
    conflict = node.on_conflict_clause
    ignored = not node.HasField("on_conflict_clause") or enum_name(conflict, "action") == "ONCONFLICT_NOTHING"
    if not _is_users(node.relation) or not ignored or conflict.HasField("infer"):
        return False
    if not node.HasField("select_stmt"):
        return True  # DEFAULT VALUES
    select = node.select_stmt.select_stmt
    rows = [row.list.items for row in select.values_lists]
    listed = not _has_more(select, {"values_lists", "limit_option", "op"}) and bool(rows)
    return listed and all(_is_value(item) for items in rows for item in items)


def _is_value(node: Node) -> bool:
    return bool(node.WhichOneof("node") == "set_to_default") or is_constant(node)


def _is_users(relation: Node) -> bool:
    """Say if it is no table of the system's own; a bare name is looked for among those first."""
    if relation.catalogname or relation.schemaname in SYSTEM_SCHEMAS:
        return False
    return bool(relation.schemaname) or not relation.relname.startswith("pg_")


def is_constant(node: Node) -> bool:
    """Say if it is a literal, or one that is cast to a type."""
    kind = node.WhichOneof("node")
    if kind == "type_cast":
        return is_constant(node.type_cast.arg)
    return bool(kind == "a_const")


def constant(node: Node) -> str:
    """Read a literal's text; ``true`` and ``false`` for a truth value, "" for NULL."""
    literal = node.type_cast.arg.a_const if node.WhichOneof("node") == "type_cast" else node.a_const
    kind = literal.WhichOneof("val")
    if kind == "boolval":
        return "true" if literal.boolval.boolval else "false"
    values = {"sval": literal.sval.sval, "ival": str(literal.ival.ival), "fval": literal.fval.fval}
    return str(values.get(kind or "", ""))


def _has_more(node: Node, fields: set[str]) -> bool:
    """Say if a statement has any clause besides those: what we have not thought of is refused."""
    return any(field.name not in fields for field, _ in node.ListFields())


def names(items: Sequence[Node]) -> str:
    """Join a qualified name's parts with dots."""
    return ".".join(item.string.sval for item in items)
