"""Checks by its parse tree that a down script contains only statements that can be rehearsed.

A script runs inside one transaction of the bot's, first on a shadow beside the live database and then in that itself.
It must not end that transaction, hold statements that cannot run in it or survive its rollback, or reach beyond its own
database: the rehearsal would already do that to everybody.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from bot.adapters.migration_files.syntax import Node, enum_name, find_messages, name_kind, postgast, unwrap

OWN_TRANSACTION = frozenset({"TRANS_STMT_BEGIN", "TRANS_STMT_START", "TRANS_STMT_COMMIT"})

NOT_IN_A_TRANSACTION = {
    "createdb_stmt": "CREATE DATABASE",
    "dropdb_stmt": "DROP DATABASE",
    "create_table_space_stmt": "CREATE TABLESPACE",
    "drop_table_space_stmt": "DROP TABLESPACE",
    "alter_system_stmt": "ALTER SYSTEM",
    "create_subscription_stmt": "CREATE SUBSCRIPTION",
    "alter_subscription_stmt": "ALTER SUBSCRIPTION",
    "drop_subscription_stmt": "DROP SUBSCRIPTION",
}
BEYOND_THE_DATABASE = {
    "alter_database_stmt": "ALTER DATABASE",
    "alter_database_set_stmt": "ALTER DATABASE",
    "alter_database_refresh_coll_stmt": "ALTER DATABASE",
    "alter_table_space_options_stmt": "ALTER TABLESPACE",
    "create_role_stmt": "CREATE ROLE",
    "alter_role_stmt": "ALTER ROLE",
    "alter_role_set_stmt": "ALTER ROLE",
    "drop_role_stmt": "DROP ROLE",
    "grant_role_stmt": "GRANT of a role",
    "drop_owned_stmt": "DROP OWNED",
    "reassign_owned_stmt": "REASSIGN OWNED",
}
BEYOND_KINDS = frozenset({"OBJECT_DATABASE", "OBJECT_ROLE", "OBJECT_TABLESPACE", "OBJECT_PARAMETER_ACL"})
SESSION_STATE = {
    "prepare_stmt": "PREPARE",
    "deallocate_stmt": "DEALLOCATE",
    "discard_stmt": "DISCARD",
    "listen_stmt": "LISTEN",
    "load_stmt": "LOAD",
    "declare_cursor_stmt": "DECLARE",
}
LEAKING_FUNCTIONS = frozenset(
    {
        *("setval", "set_config", "lo_import", "lo_export", "pg_reload_conf", "pg_terminate_backend"),
        *("pg_cancel_backend", "pg_switch_wal", "pg_promote", "pg_create_restore_point", "pg_rotate_logfile"),
        *("pg_advisory_lock", "pg_advisory_lock_shared", "pg_try_advisory_lock", "pg_try_advisory_lock_shared"),
        *("pg_advisory_unlock", "pg_advisory_unlock_all", "pg_advisory_unlock_shared"),
    }
)
ASSIGNMENT = re.compile(r"^[^=:(']*:?=")
LITERAL = re.compile(r"'(?:[^']|'')*'")
STEERING = frozenset({"search_path", "role", "session_authorization", "transaction_read_only"})


def is_transaction_control(node: Node) -> bool:
    """Say if it is the script's own BEGIN or COMMIT: the bot's transaction takes their place."""
    return name_kind(node) == "transaction_stmt" and enum_name(unwrap(node), "kind") in OWN_TRANSACTION


def find_fault(node: Node) -> str:
    """Say why a statement is not allowed; "" if it is."""
    kind, body = name_kind(node), unwrap(node)
    if kind == "transaction_stmt":
        return "the bot owns the transaction; savepoints, ROLLBACK and PREPARE TRANSACTION have no place here"
    if kind in NOT_IN_A_TRANSACTION:
        return f"{NOT_IN_A_TRANSACTION[kind]} cannot run in a transaction"
    if kind in BEYOND_THE_DATABASE or _kinds(body) & BEYOND_KINDS:
        return f"{BEYOND_THE_DATABASE.get(kind, 'it')} reaches beyond this database, so it cannot be rehearsed"
    if kind in SESSION_STATE:
        return f"{SESSION_STATE[kind]} belongs to a session, not to a script"
    check = CHECKS.get(kind)
    return (check(body) if check else "") or _find_leaking_function(node)


def _kinds(body: Node) -> set[str]:
    fields = ("objtype", "object_type", "rename_type")
    return {enum_name(body, field) for field in fields if field in body.DESCRIPTOR.fields_by_name}


def _check_index(body: Node) -> str:
    return "CREATE and DROP INDEX CONCURRENTLY cannot run in a transaction" if body.concurrent else ""


def _check_vacuum(body: Node) -> str:
    return "VACUUM cannot run in a transaction" if body.is_vacuumcmd else ""


def _check_cluster(body: Node) -> str:
    return "" if body.HasField("relation") else "CLUSTER of all tables cannot run in a transaction"


def _check_reindex(body: Node) -> str:
    whole = enum_name(body, "kind") not in {"REINDEX_OBJECT_INDEX", "REINDEX_OBJECT_TABLE"}
    concurrent = any(item.defname == "concurrently" for item in find_messages(body, "DefElem"))
    return "REINDEX CONCURRENTLY, or of more than a table, cannot run in a transaction" if whole or concurrent else ""


def _check_detach(body: Node) -> str:
    concurrent = any(command.concurrent for command in find_messages(body, "PartitionCmd"))
    return "DETACH PARTITION CONCURRENTLY cannot run in a transaction" if concurrent else ""


def _check_copy(body: Node) -> str:
    if body.is_program:
        return "COPY … PROGRAM runs a command that no rollback undoes"
    return "COPY reads or writes a file of the server's" if body.filename else "COPY needs a client that sends rows"


def _check_truncate(body: Node) -> str:
    cascades = enum_name(body, "behavior") == "DROP_CASCADE"
    return "TRUNCATE … CASCADE empties tables that nothing names: name every table instead" if cascades else ""


def _check_set(body: Node) -> str:
    if not body.is_local or body.name in STEERING:
        return f"SET {body.name} would last beyond the script: only SET LOCAL, and not of {', '.join(sorted(STEERING))}"
    return ""


CHECKS: Mapping[str, Callable[[Node], str]] = {
    "drop_stmt": _check_index,
    "index_stmt": _check_index,
    "vacuum_stmt": _check_vacuum,
    "cluster_stmt": _check_cluster,
    "reindex_stmt": _check_reindex,
    "alter_table_stmt": _check_detach,
    "copy_stmt": _check_copy,
    "truncate_stmt": _check_truncate,
    "variable_set_stmt": _check_set,
}


def _find_leaking_function(node: Node) -> str:
    for call in find_messages(node, "FuncCall"):
        name = call.funcname[-1].string.sval
        if name in LEAKING_FUNCTIONS or name.startswith("dblink"):
            return f"{name}() does what no rollback undoes"
    return ""


def statements_within(node: Node) -> Iterator[Node]:
    """Read the statements inside a DO block, as far as they are plain SQL.

    Raises:
        ValueError: the block ends a transaction.
    """
    if name_kind(node) != "do_stmt":
        return
    try:
        # The PL/pgSQL parser takes text only, so the node is written back as SQL.
        tree = json.dumps(postgast.parse_plpgsql(postgast.deparse(_wrap(node))))
    except postgast.PgQueryError:  # another language: its rehearsal has to do
        return
    if '"PLpgSQL_stmt_commit"' in tree or '"PLpgSQL_stmt_rollback"' in tree:
        raise ValueError("the DO block ends the transaction")
    for query in _queries(json.loads(tree)):
        yield from _parsed(query) or _parsed(f"SELECT {ASSIGNMENT.sub('', query)}")


def composes_sql(node: Node) -> bool:
    """Say if a DO block runs SQL that it composes itself, or is in a language that we do not read."""
    if name_kind(node) != "do_stmt":
        return False
    options = {item.defname: item.arg.string.sval for item in find_messages(node, "DefElem")}
    if options.get("language", "plpgsql") != "plpgsql":
        return True
    try:
        tree = postgast.parse_plpgsql(postgast.deparse(_wrap(node)))
    except postgast.PgQueryError:
        return True
    return any(not LITERAL.fullmatch(text) for text in _executed(tree))


def _executed(tree: Any) -> Iterator[str]:
    """Find the expressions a block runs by EXECUTE; a literal is in quotation marks."""
    if isinstance(tree, dict):
        for kind, value in tree.items():
            if kind in {"PLpgSQL_stmt_dynexecute", "PLpgSQL_stmt_dynfors"}:
                yield value["query"]["PLpgSQL_expr"]["query"].strip()
            yield from _executed(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from _executed(value)


def _parsed(query: str) -> list[Node]:
    """Parse the statements of a text; an expression has none."""
    try:
        return [raw.stmt for raw in postgast.parse(query).stmts]
    except postgast.PgQueryError:
        return []


def _wrap(node: Node) -> Node:
    tree = postgast.parse("SELECT 1")
    tree.stmts[0].stmt.CopyFrom(node)
    return tree


def _queries(tree: Any) -> Iterator[str]:
    """Find every query and expression in PL/pgSQL's tree; an executed string counts by its text."""
    if isinstance(tree, dict):
        if isinstance(tree.get("query"), str):
            text = tree["query"].strip()
            yield text[1:-1].replace("''", "'") if LITERAL.fullmatch(text) else text
        for value in tree.values():
            yield from _queries(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from _queries(value)
