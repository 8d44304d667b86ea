"""Gives a shadow's objects the owners they have in the live database, so that a chain may do there just what it may do
here.

The migrator owns whatever a shadow is loaded with. What is another's is handed over afterwards. What belongs to a role
whose rights we lack becomes our own: the migrator has no more right to it than in the live database.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress

import psycopg
from psycopg import sql

from bot.adapters.database.connections import Connection
from bot.adapters.database.roles import QUERIES, Roles

# Each ALTER holds a few locks until its transaction ends, and a server has room for some thousands.
BATCH = 200
KEYWORDS = {"server": "SERVER", "statistics object": "STATISTICS"}
"""Kinds of pg_identify_object that SQL calls something else."""

Owned = tuple[str, str, str]
"""An object's kind and identity, and its owner."""
Extension = tuple[str, str, str, str | None]
"""Name, schema, owner, and version if the server still has it."""


def read_owned(live: Connection, roles: Roles) -> Sequence[Owned]:
    """Read what is not the migrator's, schemas last; the owner is the one it gets in a shadow."""
    others = [*roles.owners, *roles.strangers]
    rows = live.execute(QUERIES["objects"], {"owners": others}).fetchall()
    return [(kind, identity, roles.ours if owner in roles.strangers else owner) for kind, identity, owner in rows]


def read_extensions(live: Connection, roles: Roles) -> Sequence[Extension]:
    """Read extensions that are not the migrator's; the owner is the one it gets in a shadow."""
    rows = live.execute(QUERIES["extensions"]).fetchall()
    return [
        (name, schema, roles.ours if owner in roles.strangers else owner, version)
        for name, schema, owner, version in rows
        if owner != roles.migrator
    ]


def read_extension_owners(live: Connection) -> Mapping[str, str]:
    """Read who owns each extension."""
    return {name: owner for name, _, owner, _ in live.execute(QUERIES["extensions"])}


class Admission:
    """Lets every owner create in a shadow and in its schemas meanwhile: the server demands it of a new owner."""

    def __init__(self, shadow: Connection, database: str, roles: Roles) -> None:
        self._shadow = shadow
        self._everyone = list(dict.fromkeys((roles.ours, roles.migrator, *roles.owners)))
        self._granted: list[tuple[str, str]] = []
        grant = sql.SQL("GRANT CREATE ON DATABASE {} TO {}")
        members = sql.SQL(", ").join(map(sql.Identifier, self._everyone))
        shadow.execute(grant.format(sql.Identifier(database), members))

    def admit(self) -> None:
        """Open the schemas that there are now."""
        closed = self._shadow.execute(QUERIES["closed_schemas"], {"roles": self._everyone}).fetchall()
        self._granted += closed
        self._each("GRANT CREATE ON SCHEMA {} TO {}", closed)

    def end(self) -> None:
        """Close them again."""
        self._each("REVOKE CREATE ON SCHEMA {} FROM {}", self._granted)

    def _each(self, statement: str, pairs: Sequence[tuple[str, str]]) -> None:
        for schema, role in pairs:
            # Before PostgreSQL 15 nobody but a superuser may grant on a new database's `public`, and all may create.
            with suppress(psycopg.errors.InsufficientPrivilege):
                self._shadow.execute(sql.SQL(statement).format(sql.Identifier(schema), sql.Identifier(role)))


def create_extensions(shadow: Connection, extensions: Sequence[Extension]) -> None:
    """Create extensions as their owners: an extension's owner cannot be changed afterwards."""
    for name, schema, owner, version in extensions:
        create = sql.SQL("CREATE EXTENSION IF NOT EXISTS {} WITH SCHEMA {}").format(
            sql.Identifier(name), sql.Identifier(schema)
        )
        with shadow.transaction():
            shadow.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(owner)))
            shadow.execute(create + sql.SQL(" VERSION {}").format(sql.Literal(version)) if version else create)


def hand_over(shadow: Connection, owned: Sequence[Owned]) -> None:
    """Change the owners of objects. Schemas come last: a schema's owner is the one who admits others.

    Raises:
        psycopg.Error: one cannot be changed.
    """
    statements = [
        f"ALTER {KEYWORDS.get(kind, kind.upper())} {identity} OWNER TO {sql.Identifier(owner).as_string(shadow)}"
        for kind, identity, owner in owned
    ]
    for start in range(0, len(statements), BATCH):
        shadow.execute("; ".join(statements[start : start + BATCH]).encode())


def copy_rights(live: Connection, shadow: Connection, database: str, roles: Roles) -> None:
    """Let each role do to the shadow itself what it may do to the live database, and the public nothing."""
    name = sql.Identifier(database)
    shadow.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(name))
    shadow.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO SESSION_USER").format(name))
    everyone = [roles.migrator, *roles.owners]
    for role, *held in live.execute(QUERIES["rights"], {"roles": everyone}).fetchall():
        who = sql.Identifier(role)
        shadow.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM {}").format(name, who))
        rights = [right for right, has in zip(("CREATE", "TEMPORARY"), held, strict=True) if has]
        if rights:
            shadow.execute(sql.SQL(f"GRANT {', '.join(rights)} ON DATABASE {{}} TO {{}}").format(name, who))
