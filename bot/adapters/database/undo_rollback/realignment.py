"""Sets back, in place, what a chain has changed of objects that stay."""

from collections.abc import Mapping
from dataclasses import dataclass

from psycopg import sql

from bot.adapters.database.connections import Connection
from bot.adapters.database.undo_rollback.contents import QUERIES
from bot.adapters.database.undo_rollback.differences import ROUTINES, TABLE, Found

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


def realign(conn: Connection, wanted: Realignment) -> None:
    """Take new columns away; set types, defaults and NULL of the others to what they were.

    Values keep their text when a type changes back; what was saved is put in afterwards.
    """
    now = _attributes(conn, wanted.table)
    was: Mapping[str, Attribute] = {}
    if wanted.columns:
        # The server reads the old definitions: nobody else knows how it writes a type or an expression.
        conn.execute(f"CREATE TEMPORARY TABLE backstop_as_it_was ({', '.join(wanted.columns.values())})".encode())
        was = _attributes(conn, WAS)
        conn.execute(f"DROP TABLE {WAS}".encode())
    actions = [action for name in sorted(wanted.altered) for action in _actions(name, now, was, wanted)]
    for action in actions:
        conn.execute(sql.SQL("ALTER TABLE {} {}").format(sql.SQL(wanted.table), action))
    if wanted.options:
        conn.execute(f"ALTER TABLE {wanted.table} SET ({wanted.options})".encode())


def _attributes(conn: Connection, table: str) -> dict[str, Attribute]:
    rows = conn.execute(QUERIES["attributes"], {"table": table}).fetchall()
    return {name: Attribute(*others) for name, *others in rows}


def _actions(
    name: str, now: Mapping[str, Attribute], was: Mapping[str, Attribute], wanted: Realignment
) -> list[sql.Composed]:
    """Build the actions of ALTER TABLE for one column."""
    column = sql.Identifier(name)
    if name not in now:
        return []  # it comes back with its values
    if name not in was:
        return [sql.SQL("DROP COLUMN {}").format(column)]
    old, here, actions = was[name], now[name], list[sql.Composed]()
    retyped = (old.type, old.collation) != (here.type, here.collation)
    if retyped:
        if here.default and not here.filled:
            actions.append(sql.SQL("ALTER COLUMN {} DROP DEFAULT").format(column))
        collate = f" COLLATE {old.collation}" if old.collation else ""
        words = f"ALTER COLUMN {{0}} TYPE {old.type}{collate} USING {{0}}::text::{old.type}"
        actions.append(sql.SQL(words).format(column))
    if not old.filled and not here.filled and (retyped or old.default != here.default):
        set_it = sql.SQL("ALTER COLUMN {} SET DEFAULT {}").format(column, sql.SQL(old.default))
        actions.append(set_it if old.default else sql.SQL("ALTER COLUMN {} DROP DEFAULT").format(column))
    if here.required and name not in wanted.required:
        actions.append(sql.SQL("ALTER COLUMN {} DROP NOT NULL").format(column))
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
