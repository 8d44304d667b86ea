"""Hands a loaded database over: from the loader, which owns everything in it, to the owners it should have.

Our role does it, and nothing of the bundle has ever run as our role. The statements used here change the catalogue
alone: none of them calls a function, evaluates an expression or fires a trigger.
"""

from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import psycopg
from psycopg import sql

from bot.adapters.database.connections import Connection
from bot.adapters.sides.databases import SideDatabases
from bot.adapters.sides.ownership import Ownership
from bot.adapters.sides.privileges import QUERIES, apply_privileges, execute_each, owners_allowed
from bot.errors import BotError, PermanentError
from bot.ports import FetchedBundle, Report

Object = tuple[str, str]
"""Kind and identity, as in pg_identify_object."""

KINDS: Mapping[str, str] = {
    "aggregate": "ROUTINE",
    "collation": "COLLATION",
    "composite type": "TYPE",
    "conversion": "CONVERSION",
    "foreign table": "FOREIGN TABLE",
    "function": "ROUTINE",
    "language": "LANGUAGE",
    "large object": "LARGE OBJECT",
    "materialized view": "MATERIALIZED VIEW",
    "operator": "OPERATOR",
    "operator class": "OPERATOR CLASS",
    "operator family": "OPERATOR FAMILY",
    "procedure": "ROUTINE",
    "publication": "PUBLICATION",
    "schema": "SCHEMA",
    "sequence": "SEQUENCE",
    "server": "SERVER",
    "statistics object": "STATISTICS",
    "subscription": "SUBSCRIPTION",
    "table": "TABLE",
    "text search configuration": "TEXT SEARCH CONFIGURATION",
    "text search dictionary": "TEXT SEARCH DICTIONARY",
    "type": "TYPE",
    "view": "VIEW",
}
"""Words of ALTER … OWNER TO. What is not here goes to the database's owner."""

_PUBLIC, DATABASE_OWNER = ("schema", "public"), "pg_database_owner"
OPTIONS = "SET search_path = ''; SET lock_timeout = 0; SET synchronous_commit = off"


def let_loader_in(conn: Connection, loader: str) -> None:
    """Let the loader create in a new database's schemas.

    Args:
        conn: our role's, in the new database, which holds nothing but its template's objects.
        loader: the role.
    """
    conn.execute("SET search_path = ''")
    role = sql.Identifier(loader)
    for name, is_ours in conn.execute(QUERIES["template_schemas"]).fetchall():
        schema = sql.Identifier(name)
        if name == "public" and is_ours:
            _attempt(conn, sql.SQL("ALTER SCHEMA {} OWNER TO {}").format(schema, role))
            continue
        _attempt(conn, sql.SQL("GRANT ALL ON SCHEMA {} TO {}").format(schema, role))
        # Tables of the template's extensions, whose rows the dump has.
        for kind in ("TABLES", "SEQUENCES"):
            _attempt(conn, sql.SQL("GRANT ALL ON ALL {} IN SCHEMA {} TO {}").format(sql.SQL(kind), schema, role))


def _attempt(conn: Connection, statement: sql.Composed) -> None:
    try:
        conn.execute(statement)
    except psycopg.errors.InsufficientPrivilege:
        return  # a superuser's: what the loader then cannot load is said by the load


class HandOver:
    """Hands databases over.

    Args:
        databases: beside the live one.
        bundle: its manifest counts where the live database is gone.
    """

    def __init__(self, databases: SideDatabases, bundle: FetchedBundle) -> None:
        self._databases = databases
        self._live = databases.server.connections
        self._bundle = bundle
        self._noted = bundle.manifest.database if bundle.manifest else None

    def run(self, beside: Connection, name: str, read: Callable[[bool], Ownership], report: Report) -> None:
        """Give every object its owner, then set the privileges of the dump. May be repeated, wherever it ended.

        Args:
            beside: in the maintenance database.
            name: of the database.
            read: returns what the dump says, about owners only if asked.
            report: hears of the progress; raises to stop it.

        Raises:
            PermanentError: ``bundle-unsafe-statement``: something in the bundle has granted rights by itself.
        """
        loader = self._databases.read_note(beside, name).loader
        if not loader:
            return
        role, database = sql.Identifier(loader), sql.Identifier(name)
        # From here on nothing of the bundle runs.
        beside.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM {}").format(database, role))
        with self._live.session(name, statement_timeout_s=0) as conn:
            conn.execute(OPTIONS)
            conn.execute(QUERIES["end_sessions"], {"loader": loader})
            self._refuse_grants(conn, loader)
            self._keep_out(conn, loader)
            lines = [*self._give(self._read_live(beside), conn, loader, read, report)]
            lines += apply_privileges(conn, read(False).privileges, report)
        self._databases.note_handed_over(beside, name, lines)

    def _refuse_grants(self, conn: Connection, loader: str) -> None:
        found = [name for (name,) in conn.execute(QUERIES["granted"], {"loader": loader})]
        if found:
            raise PermanentError(
                "bundle-unsafe-statement",
                f"While {self._bundle.name or 'the backup'} was loaded, something in it granted rights on "
                f"{', '.join(found)}.",
                "The live database was not touched. Find out who put it into the bucket, and choose another backup.",
            )

    def _keep_out(self, conn: Connection, loader: str) -> None:
        """Take back what `let_loader_in` has granted."""
        for kind, identity in conn.execute(QUERIES["let_in"], {"loader": loader}).fetchall():
            role = sql.Identifier(loader).as_string()
            conn.execute(f"REVOKE ALL ON {kind} {identity} FROM {role}".encode())

    def _read_live(self, beside: Connection) -> "_Live":
        """Read who owns what in the live database; where nobody gets in, the dump alone says that."""
        row = beside.execute(QUERIES["database_owner"], {"database": self._live.database}).fetchone()
        owner = row[0] if row else self._noted.owner if self._noted else ""
        try:
            with self._live.session(statement_timeout_s=0) as conn:
                return _Live(owner, _owned(conn))
        except BotError as error:
            return _Live(owner, {}, f"Owners are those that the backup names: {error.message}")

    def _give(
        self, live: "_Live", conn: Connection, loader: str, read: Callable[[bool], Ownership], report: Report
    ) -> Iterator[str]:
        """Give each object to its owner in the live database, else to the dump's, else to the database's.

        Yields a line for each that could not be given to the first two.
        """
        yield from [live.unseen] if live.unseen else []
        ours = {role for (role,) in conn.execute(QUERIES["roles"])}
        successor = live.owner if live.owner in ours else str(conn.execute("SELECT current_user").fetchall()[0][0])
        if _PUBLIC not in live.owners and DATABASE_OWNER in ours:
            execute_each(conn, [f"ALTER SCHEMA public OWNER TO {DATABASE_OWNER}"], report)  # as a new database has it
        there = _owned(conn)
        is_known = all(item in live.owners for item, holder in there.items() if holder == loader)
        said = () if is_known else read(True).owners
        named = {role for _, role in said} | {live.owners[item] for item in there if item in live.owners}
        for schemas in (True, False):
            allowed = [] if schemas else sorted({*named, successor} & ours - {loader})
            with owners_allowed(conn, conn.info.dbname, allowed):
                stated = [text for text, _ in said if text.startswith("ALTER SCHEMA ") is schemas]
                yield from execute_each(conn, stated, report)
                there = _owned(conn) if stated else there
                some = {item: holder for item, holder in there.items() if (item[0] == "schema") is schemas}
                yield from _give_some(conn, some, live.owners, ours, report, later=(loader, successor))
                if not schemas:
                    _give_rest(conn, loader, successor, report)


def _give_rest(conn: Connection, loader: str, successor: str, report: Report) -> None:
    """Give what is left to the database's owner."""
    left = {item: holder for item, holder in _owned(conn).items() if holder == loader}
    # One by one first: REASSIGN locks all tables at once, and there may be more of them than locks.
    for _ in _give_some(conn, left, dict.fromkeys(left, successor), {successor}, report, later=(loader, successor)):
        pass  # if it fails, the next statement fails for the same reason
    # Large objects, which need no locks, and extensions, which have no ALTER … OWNER. It would take along what
    # databases share, too, but a loader may own nothing of that.
    reassign = sql.SQL("REASSIGN OWNED BY {} TO {}")
    conn.execute(reassign.format(sql.Identifier(loader), sql.Identifier(successor)))


@dataclass(frozen=True)
class _Live:
    """The live database's owner, and that of each object in it; `unseen` says why nobody could look."""

    owner: str
    owners: Mapping[Object, str]
    unseen: str = ""


def _owned(conn: Connection) -> Mapping[Object, str]:
    return {(kind, identity): owner for kind, identity, owner in conn.execute(QUERIES["owned"]).fetchall()}


def _give_some(
    conn: Connection,
    there: Mapping[Object, str],
    wanted: Mapping[Object, str],
    ours: AbstractSet[str],
    report: Report,
    *,
    later: tuple[str, str],
) -> Iterator[str]:
    """Give objects to the owners they should have; yields a line for each that cannot be given to its.

    Large objects that go from the first of `later` to the second are left for `_give_rest`.
    """
    changes = []
    for item, holder in there.items():
        owner = wanted.get(item, holder)
        kind, identity = item
        if owner == holder or kind not in KINDS or (kind == "large object" and (holder, owner) == later):
            continue
        if owner in ours:
            changes.append(f"ALTER {KINDS[kind]} {identity} OWNER TO {sql.Identifier(owner).as_string()}")
        else:
            yield f"{KINDS[kind]} {identity} cannot be given to {owner}: our role is no member of it."
    yield from execute_each(conn, changes, report)
