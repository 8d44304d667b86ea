"""Empties a database within a transaction, until it is what a new one is, but for what only a superuser may drop."""

from psycopg import sql

from bot.adapters.database.connections import Connection
from bot.adapters.database.inplace.keeping import QUERIES, Kept
from bot.errors import PermanentError

PUBLIC = "public"
PUBLIC_OWNER = "pg_database_owner"
EXECUTABLE = {"FUNCTIONS": "EXECUTE", "TYPES": "USAGE"}
"""What everybody may do where no default privilege says otherwise."""


class Wiper:
    """Drops everything; whoever began the transaction may still roll it back.

    Args:
        conn: in a transaction.
        kept: what stays.
    """

    def __init__(self, conn: Connection, kept: Kept) -> None:
        self._conn = conn
        self._kept = kept

    def wipe(self) -> None:
        """Drop it all.

        Raises:
            PermanentError: ``not-emptied`` where something is left.
            psycopg.Error: our role may not.
        """
        self._conn.execute("SET LOCAL search_path = ''")
        self._drop_named("EVENT TRIGGER", [name for (name,) in self._conn.execute(QUERIES["event_triggers"])])
        self._drop_named("PUBLICATION", self._kept.own_publications)
        self._drop_named("SCHEMA", self._kept.going_schemas)
        self._drop_named("EXTENSION", self._kept.own_extensions)
        self._drop_listed("objects_within")
        self._drop_listed("objects_without_schema")
        self._reset_defaults()
        if PUBLIC not in self._kept.schemas:
            self._conn.execute(f"CREATE SCHEMA {PUBLIC}".encode())
        for schema in {*self._kept.schemas, PUBLIC} - self._kept.foreign_schemas:
            self._reset_schema(schema)
        self._conn.execute(QUERIES["large_objects"])
        self._empty_configuration()
        self._check()

    def _drop_named(self, kind: str, names: tuple[str, ...] | list[str]) -> None:
        for name in names:
            words = sql.SQL("DROP {} IF EXISTS {} CASCADE")
            self._conn.execute(words.format(sql.SQL(kind), sql.Identifier(name)))

    def _drop_listed(self, query: str) -> None:
        """Drop what a query lists; what went with something before is no longer there."""
        asked = {"schemas": list(self._kept.schemas)}
        for kind, identity in self._conn.execute(QUERIES[query], asked).fetchall():
            # Both are the server's own words, quoted by it.
            self._conn.execute(f"DROP {kind} IF EXISTS {identity} CASCADE".encode())

    def _reset_defaults(self) -> None:
        """Make default privileges what they are without any: then the server forgets that they were ever changed."""
        seen = set()
        for role, schema, kind, grantee in self._conn.execute(QUERIES["default_privileges"]).fetchall():
            place = sql.SQL("ALTER DEFAULT PRIVILEGES FOR ROLE {}").format(sql.Identifier(role))
            if schema:
                place += sql.SQL(" IN SCHEMA {}").format(sql.Identifier(schema))
            what = sql.SQL(kind)
            self._conn.execute(place + sql.SQL(" REVOKE ALL ON {} FROM {}").format(what, _role(grantee)))
            if not schema:
                seen.add((role, kind))
        for role, kind in seen:
            place = sql.SQL("ALTER DEFAULT PRIVILEGES FOR ROLE {} ").format(sql.Identifier(role))
            own = sql.SQL("GRANT ALL ON {} TO {}").format(sql.SQL(kind), sql.Identifier(role))
            self._conn.execute(place + own)
            if kind in EXECUTABLE:
                everybodys = sql.SQL("GRANT {} ON {} TO PUBLIC")
                self._conn.execute(place + everybodys.format(sql.SQL(EXECUTABLE[kind]), sql.SQL(kind)))

    def _reset_schema(self, schema: str) -> None:
        name = sql.Identifier(schema)
        for grantee, owner in self._conn.execute(QUERIES["schema_grants"], {"schema": schema}).fetchall():
            if grantee != owner:
                self._conn.execute(sql.SQL("REVOKE ALL ON SCHEMA {} FROM {} CASCADE").format(name, _role(grantee)))
        if schema == PUBLIC:
            self._conn.execute(sql.SQL("ALTER SCHEMA {} OWNER TO {}").format(name, sql.Identifier(PUBLIC_OWNER)))
            self._conn.execute(sql.SQL("GRANT ALL ON SCHEMA {} TO {}").format(name, sql.Identifier(PUBLIC_OWNER)))
            self._conn.execute(sql.SQL("GRANT USAGE ON SCHEMA {} TO PUBLIC").format(name))
            self._conn.execute(sql.SQL("COMMENT ON SCHEMA {} IS 'standard public schema'").format(name))
            return
        self._conn.execute(sql.SQL("COMMENT ON SCHEMA {} IS NULL").format(name))

    def _empty_configuration(self) -> None:
        """Take away what extensions that stay keep for the database: the bundle has it as it was.

        In one statement, because those tables may refer to each other.
        """
        kept = [each for each in self._kept.configuration if each.replaceable and not each.is_sequence]
        if kept:
            deletes = [
                sql.SQL("{} AS (DELETE FROM {})").format(sql.Identifier(f"t{number}"), each.rows)
                for number, each in enumerate(kept)
            ]
            self._conn.execute(sql.SQL("WITH {} SELECT").format(sql.SQL(", ").join(deletes)))

    def _check(self) -> None:
        left = [name for (name,) in self._conn.execute(QUERIES["left"])]
        if left:
            raise PermanentError(
                "not-emptied",
                f"The database could not be emptied: {', '.join(left)} is still there.",
                "Everything was rolled back; nothing was changed.",
            )


def _role(name: str | None) -> sql.Composable:
    return sql.SQL("PUBLIC") if name is None else sql.Identifier(name)
