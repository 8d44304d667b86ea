"""Makes schema-only copies of the live database for the dry run of a chain, and drops orphaned ones."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from bot.adapters.database.connections import Connection, translated
from bot.adapters.database.execution import PostgresShadow
from bot.adapters.database.server import Server
from bot.adapters.database.shadow_load import ShadowLoader
from bot.adapters.database.shadow_source import describe
from bot.adapters.named_queries import load
from bot.errors import PermanentError

QUERIES = load("sql.checks", "shadow.sql")
PREFIX = "backstop_shadow_"
MADE_AT = re.compile(r"made at (\d+)")
# A shadow this young may belong to a preview that has not connected to it yet.
YOUNG_S = 600.0


class ShadowMaker:
    """Makes and drops shadows.

    Args:
        server: of the live database. The rows of its tracking table are copied, too: a chain's bookkeeping is rehearsed
            with them.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._connections = server.connections
        self._loader = ShadowLoader(server)
        self._clock = server.clock

    @contextmanager
    def shadow(self, run_id: str) -> Iterator[PostgresShadow]:
        """Make a shadow; see `bot.ports.Database.shadow`."""
        name = PREFIX + re.sub(r"[^a-z0-9]", "", run_id.lower())[:30]
        with translated("Making the shadow"), self._connections.maintenance() as server:
            # A process that died may have left one of the same run.
            self._drop(server, name)
            try:
                with self._connections.session() as live:
                    source = describe(live, self._server)
                    self._create(server, name, source.owner)
                    self._loader.fill(live, name, source)
                with self._connections.session(name, statement_timeout_s=0) as conn:
                    apply_settings(conn, source.settings)
                    yield PostgresShadow(conn, self._server, source.original)
            finally:
                self._drop(server, name)

    def drop_leftovers(self, run_ids_alive: Collection[str]) -> Sequence[str]:
        """Drop shadows of processes that died, and name them. A young one, or one in use, is left alone."""
        alive = {PREFIX + run_id for run_id in run_ids_alive}
        now_s = self._clock.now().timestamp()
        dropped = []
        with translated("Dropping old shadows"), self._connections.maintenance() as server:
            for name, comment in server.execute(QUERIES["leftovers"], {"prefix": PREFIX}).fetchall():
                # The age comes from the comment: the server keeps no creation time of a database.
                made = MADE_AT.search(comment or "")
                if name not in alive and (made is None or now_s - int(made[1]) > YOUNG_S):
                    self._drop(server, name)
                    dropped.append(name)
        return dropped

    def _drop(self, server: Connection, name: str) -> None:
        server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def _create(self, server: Connection, name: str, owner: str) -> None:
        options = {"TEMPLATE": sql.Identifier(self._server.template), **read_locale(server, self._connections.database)}
        # decision 40: `public` is the database owner's, as in the live one.
        options["OWNER"] = sql.Identifier(owner)
        options.pop("TABLESPACE", None)  # a schema without rows fits anywhere
        create_database(server, name, options)
        comment = sql.Literal(f"Backstop's rehearsal, made at {int(self._clock.now().timestamp())}")
        server.execute(sql.SQL("COMMENT ON DATABASE {} IS {}").format(sql.Identifier(name), comment))


def create_database(conn: Connection, name: str, options: Mapping[str, sql.Composable]) -> None:
    """Create a database with the options of CREATE DATABASE."""
    parts = sql.SQL(" ").join(sql.SQL("{} = {}").format(sql.SQL(key), value) for key, value in options.items())
    conn.execute(sql.SQL("CREATE DATABASE {} {}").format(sql.Identifier(name), parts))


def read_locale(conn: Connection, database: str) -> dict[str, sql.Composable]:
    """Read a database's encoding, locale and tablespace as options of CREATE DATABASE."""
    with conn.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(QUERIES["locale"], {"database": database}).fetchone()
    if row is None:
        raise PermanentError("database-unreachable", "There is no such database on the server.", "Check the DSN.")
    provider = {"i": "ICU", "b": "BUILTIN"}.get(row["provider"])
    options: dict[str, Any] = {
        "ENCODING": row["encoding"],
        "LC_COLLATE": row["collate"],
        "LC_CTYPE": row["ctype"],
        "LOCALE_PROVIDER": provider and provider.lower(),
        f"{provider}_LOCALE": row["locale"] if provider else None,
        "ICU_RULES": row["rules"],
    }
    given: dict[str, sql.Composable] = {key: sql.Literal(value) for key, value in options.items() if value}
    return given | ({"TABLESPACE": sql.Identifier(row["tablespace"])} if row["tablespace"] else {})


def apply_settings(conn: Connection, settings: Sequence[tuple[str, str]]) -> None:
    """Apply those settings to a session in a copy."""
    for name, value in settings:
        with suppress(psycopg.errors.InsufficientPrivilege):  # a superuser's setting is not ours to copy
            conn.execute("SELECT pg_catalog.set_config(%s, %s, false)", (name, value))
