"""Describes the live database for its shadow: what a dump does not say, and what no shadow of ours can have."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from bot.adapters.database.catalogue import Owners, catalogue_within, fingerprint, read_owners
from bot.adapters.database.connections import Connection, snapshot
from bot.adapters.database.roles import Roles, read_roles
from bot.adapters.database.server import Server
from bot.adapters.database.shadow_owners import (
    Extension,
    Owned,
    read_extension_owners,
    read_extensions,
    read_owned,
)
from bot.adapters.named_queries import load
from bot.domain.catalogue import Catalogue, DatabaseObject
from bot.errors import PermanentError

QUERIES = load("sql.checks", "shadow.sql")
PUBLICATIONS = load("sql.checks", "publications.sql")

MAX_NAMED = 12
Key = tuple[str, str]
"""An object's kind and identity."""
Published = tuple[str, str, bool, bool, bool, list[list[str]] | None, str]
"""A publication; see ``published`` in ``publications.sql``."""


@dataclass(frozen=True)
class Omitted:
    """The objects that hang on extensions which only a superuser can create, so that they are in no shadow.

    Attributes:
        addresses: catalogue's and object's OIDs.
        extensions: the extension by kind and identity.
        foundations: what the shadow has and these need.
        objects: as they are in the live catalogue.
    """

    addresses: frozenset[tuple[int, int]] = frozenset()
    extensions: Mapping[Key, str] = field(default_factory=dict)
    foundations: frozenset[Key] = frozenset()
    objects: frozenset[DatabaseObject] = frozenset()

    def add_to(self, catalogue: Catalogue) -> Catalogue:
        """Add them to a shadow's catalogue, so that it can be compared with the live one's."""
        if not self.objects:
            return catalogue
        objects = catalogue.objects | self.objects
        return Catalogue(objects, fingerprint(objects), catalogue.dependencies)

    def find_named(self, statements: Sequence[str]) -> Key | None:
        """Find one that statements name; None where there is none."""
        names = {_bare_name(identity): (kind, identity) for kind, identity in self.extensions if kind not in INNER}
        if not names:
            return None
        words = re.compile(r"(?<![\w$])(?:" + "|".join(map(re.escape, sorted(names))) + r")(?![\w$])")
        found = next((match[0] for text in statements for match in [words.search(text)] if match), None)
        return names[found] if found else None


# Kinds whose names are never typed, or are as good as any word.
INNER = frozenset({"rule", "default value", "table constraint", "type", "table column", "trigger", "toast table"})


@dataclass(frozen=True)
class Original:
    """The facts of the live database that a shadow's user has to know.

    Attributes:
        roles: as which a chain runs.
        owners: of the objects that belong to strangers.
        omitted: what the shadow lacks.
        extension_owners: by their names.
    """

    roles: Roles
    owners: Owners = field(default_factory=dict)
    omitted: Omitted = field(default_factory=Omitted)
    extension_owners: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Source:
    """The state of the live database that is not in its dump.

    Attributes:
        original: for those who use the shadow.
        owner: of the shadow.
        settings: of the database, and of our role in it.
        owned: objects that are not the migrator's, with the owners they get.
        extensions: those that are not the migrator's, with the owners they get.
        unmakeable: extensions that no shadow can have unless its template has them.
        published: its publications.
    """

    original: Original
    owner: str
    settings: Sequence[tuple[str, str]]
    owned: Sequence[Owned]
    extensions: Sequence[Extension]
    unmakeable: frozenset[str]
    published: Sequence[Published]


def describe(live: Connection, server: Server) -> Source:
    """Read all that in a session of ours."""
    roles = read_roles(live, server.tracking)
    refuse_unreadable(live, roles)
    unmakeable = frozenset(name for (name,) in live.execute(QUERIES["unmakeable"]))
    # A template of our own has them all: that is what it is for.
    omitted = read_omitted(live, sorted(unmakeable)) if server.template == "template0" else Omitted()
    return Source(
        Original(roles, _strangers_objects(live, roles), omitted, read_extension_owners(live)),
        str(live.execute(QUERIES["owner"]).fetchall()[0][0]),
        read_settings(live),
        [each for each in read_owned(live, roles) if each[:2] not in omitted.extensions],
        [each for each in read_extensions(live, roles) if each[0] not in unmakeable],
        unmakeable,
        live.execute(PUBLICATIONS["published"]).fetchall(),
    )


def refuse_unreadable(live: Connection, roles: Roles) -> None:
    """Refuse while there are tables that our role may not read: pg_dump wants to, even for the schema alone.

    Raises:
        PermanentError: ``missing-rights``.
    """
    rows = live.execute(QUERIES["unreadable"]).fetchall()
    schemas = sorted({schema for _, schema in rows if schema})
    if rows:
        typed = [f"GRANT SELECT ON TABLE {', '.join(table for table, _ in rows[:MAX_NAMED])} TO {roles.ours};"]
        typed += [f"GRANT USAGE ON SCHEMA {', '.join(schemas)} TO {roles.ours};"] if schemas else []
        raise PermanentError(
            "missing-rights",
            f"{roles.ours} may not read {len(rows)} of the tables here, so neither they nor their schema can be saved.",
            f"Have a superuser type: {' '.join(typed)} Then ask again.",
        )


def read_omitted(live: Connection, extensions: Sequence[str]) -> Omitted:
    """Find what hangs on these extensions."""
    rows = live.execute(QUERIES["omitted"], {"extensions": list(extensions)}).fetchall() if extensions else []
    if not rows:
        return Omitted()
    addresses = {"classes": [row[0] for row in rows], "objects": [row[1] for row in rows]}
    named: dict[Key, str] = {(kind, identity): extension for *_, kind, identity, extension in rows}
    wholes = {identity for _, identity in named}
    with snapshot(live):
        live.execute("SET LOCAL search_path = ''")
        foundations = live.execute(QUERIES["foundations"], addresses).fetchall()
        objects = catalogue_within(live).objects
    return Omitted(
        frozenset((row[0], row[1]) for row in rows),
        named,
        frozenset((kind, identity) for kind, identity in foundations),
        # Their numbers are the live database's, and would be others' in the shadow.
        frozenset(
            replace(item, oid="", number="", kept_as="")
            for item in objects
            if (item.kind, item.identity) in named or item.part_of in wholes
        ),
    )


def read_settings(live: Connection) -> Sequence[tuple[str, str]]:
    """Read the settings of the live database, and of our role in it; a copy of it has none of them."""
    return live.execute(QUERIES["settings"]).fetchall()


def _strangers_objects(live: Connection, roles: Roles) -> Owners:
    if not roles.strangers:
        return {}
    return {key: owner for key, owner in read_owners(live).items() if owner in roles.strangers}


def _bare_name(identity: str) -> str:
    return identity.partition("(")[0].rpartition(".")[2].strip('"')
