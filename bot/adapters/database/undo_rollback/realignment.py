"""Sets back, in place, what a chain has changed of objects that stay."""

from collections.abc import Mapping
from dataclasses import dataclass

import psycopg
from psycopg import sql

from bot.adapters.database.connections import Connection
from bot.adapters.database.undo_rollback.contents import QUERIES
from bot.adapters.database.undo_rollback.differences import ROUTINES, TABLE, Found
from bot.adapters.database.undo_rollback.written_since import written_later
from bot.domain.effects import ChainTrace

Action = tuple[sql.Composable, sql.Composable | None]
WAS = "pg_temp.backstop_as_it_was"


@dataclass(frozen=True)
class Realignment:
    """Columns of a table that stayed, as they were.

    Attributes:
        table: its identity.
        columns: definitions of the altered columns that it had, as in CREATE TABLE, without NOT NULL.
        altered: names of the altered columns; one without a definition is new, and goes.
        required: names of the columns that were NOT NULL.
        options: its storage options, as in WITH; "" for none.
    """

    table: str
    columns: Mapping[str, str]
    altered: frozenset[str]
    required: frozenset[str]
    options: str = ""


@dataclass(frozen=True)
class Attribute:
    """A column as it can be set; `default` is an expression."""

    type: str
    collation: str
    default: str
    required: bool
    filled: bool


def realign(conn: Connection, wanted: Realignment, trace: ChainTrace | None) -> None:
    """Take new columns away; set types, defaults and NULL of the others to what they were.

    Values keep their text when a type changes back. Where that is no value of the old type, they become NULL if nobody
    has written to the table since: then what was saved is put in afterwards.

    Raises:
        psycopg.Error: a value cannot be changed back.
    """
    now = _attributes(conn, wanted.table)
    was: Mapping[str, Attribute] = {}
    if wanted.columns:
        # The server reads the old definitions: nobody else knows how it writes a type or an expression.
        conn.execute(f"CREATE TEMPORARY TABLE backstop_as_it_was ({', '.join(wanted.columns.values())})".encode())
        was = _attributes(conn, WAS)
        conn.execute(f"DROP TABLE {WAS}".encode())
    actions = [action for name in sorted(wanted.altered) for action in _actions(name, now, was, wanted)]
    table = sql.SQL(wanted.table)
    for action, fallback in actions:
        try:
            with conn.transaction():
                conn.execute(sql.SQL("ALTER TABLE {} {}").format(table, action))
        except psycopg.DataError:
            later = sql.SQL("SELECT EXISTS (SELECT FROM {} t WHERE {})").format(table, written_later(conn, trace))
            if fallback is None or conn.execute(later).fetchall()[0][0]:
                raise
            conn.execute(sql.SQL("ALTER TABLE {} {}").format(table, fallback))
    if wanted.options:
        conn.execute(f"ALTER TABLE {wanted.table} SET ({wanted.options})".encode())


def _attributes(conn: Connection, table: str) -> dict[str, Attribute]:
    rows = conn.execute(QUERIES["attributes"], {"table": table}).fetchall()
    return {name: Attribute(*others) for name, *others in rows}


def _actions(
    name: str, now: Mapping[str, Attribute], was: Mapping[str, Attribute], wanted: Realignment
) -> list[Action]:
    """Build the actions of ALTER TABLE for one column, each with what is done where a value cannot be changed."""
    column = sql.Identifier(name)
    if name not in now:
        return []  # it comes back with its values
    if name not in was:
        return [(sql.SQL("DROP COLUMN {}").format(column), None)]
    old, here, actions = was[name], now[name], list[Action]()
    retyped = (old.type, old.collation) != (here.type, here.collation)
    if retyped:
        if here.default and not here.filled:
            actions.append((sql.SQL("ALTER COLUMN {} DROP DEFAULT").format(column), None))
        if here.required:
            actions.append((sql.SQL("ALTER COLUMN {} DROP NOT NULL").format(column), None))
        collate = f" COLLATE {old.collation}" if old.collation else ""
        words = f"ALTER COLUMN {{0}} TYPE {old.type}{collate} USING "
        text, empty = (sql.SQL(words + value).format(column) for value in (f"{{0}}::text::{old.type}", "NULL"))
        actions.append((text, empty))
    if not old.filled and not here.filled and (retyped or old.default != here.default):
        set_it = sql.SQL("ALTER COLUMN {} SET DEFAULT {}").format(column, sql.SQL(old.default))
        drop_it = sql.SQL("ALTER COLUMN {} DROP DEFAULT").format(column)
        actions.append((set_it if old.default else drop_it, None))
    if here.required and not retyped and name not in wanted.required:
        actions.append((sql.SQL("ALTER COLUMN {} DROP NOT NULL").format(column), None))
    return actions


def reset(conn: Connection, item: Found, altered: frozenset[str]) -> None:
    """Take grants, comments, row security and options away: the dump's own come after that.

    Args:
        conn: the session.
        item: a table, a sequence, a schema or a routine that stays.
        altered: columns of the table.
    """
    kind = sql.SQL(item.kind.upper())
    name = sql.SQL(item.identity)
    granted = conn.execute(QUERIES["granted"], {"kind": item.kind, "identity": item.identity}).fetchall()
    for column, grantee in granted:
        of = sql.SQL(" ({})").format(sql.Identifier(column)) if column else sql.SQL("")
        whom = sql.SQL("PUBLIC") if grantee is None else sql.Identifier(grantee)
        conn.execute(sql.SQL("REVOKE ALL{} ON {} {} FROM {}").format(of, kind, name, whom))
    if item.kind in ROUTINES:
        conn.execute(sql.SQL("GRANT EXECUTE ON {} {} TO PUBLIC").format(kind, name))  # which is where a dump begins
    conn.execute(sql.SQL("COMMENT ON {} {} IS NULL").format(kind, name))
    if item.kind != TABLE:
        return
    conn.execute(sql.SQL("ALTER TABLE {} DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY").format(name))
    for (option,) in conn.execute(QUERIES["options"], {"table": item.identity}).fetchall():
        conn.execute(sql.SQL("ALTER TABLE {} RESET ({})").format(name, sql.SQL(option)))
    for column in sorted(altered):
        conn.execute(sql.SQL("COMMENT ON COLUMN {}.{} IS NULL").format(name, sql.Identifier(column)))
