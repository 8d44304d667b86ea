"""Makes schema-only copies of the live database for the dry run of a chain, and drops orphaned ones."""

import re
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from bot.adapters.database.catalogue import Owners, read_owners
from bot.adapters.database.connections import KNOWS_TRANSACTION_TIMEOUT, Connection, translated
from bot.adapters.database.execution import PostgresShadow
from bot.adapters.database.hashing import TEXT_FORM
from bot.adapters.database.inspection import TrackingTable
from bot.adapters.database.server import Server, Tracking
from bot.adapters.database.sessions import BlockerWatch
from bot.adapters.named_queries import load
from bot.adapters.pgclient.restore_errors import tolerated_errors
from bot.adapters.pgclient.tools import PgTools, ToolFailedError, use_list
from bot.errors import BotError, PermanentError, TemporaryError

QUERIES = load("sql.checks", "shadow.sql")
PUBLICATIONS = load("sql.checks", "publications.sql")
TRANSACTION_SIZE_SINCE = 17
# A shadow does not outlive its run, so no COMMIT in it needs to wait for the disk.
OPTIONS = "-c synchronous_commit=off"
PREFIX = "backstop_shadow_"
STAND_IN = "backstop_rehearsal_"
MADE_AT = re.compile(r"made at (\d+)")
# A shadow this young may belong to a preview that has not connected to it yet.
YOUNG_S = 600.0

SKIPPED_ENTRIES = re.compile(r"^\d+; \d+ \d+ (EVENT TRIGGER|COMMENT - EVENT TRIGGER|COMMENT - EXTENSION) ")
ENTRY_OWNER = re.compile(r"^\d+; \d+ \d+ DEFAULT ACL .* (\S+)$")


Published = tuple[str, str, bool, bool, bool, list[list[str]] | None]
"""A publication; see ``published`` in ``publications.sql``."""


@dataclass(frozen=True)
class Source:
    """The state of the live database that is not in its dump."""

    settings: Sequence[tuple[str, str]]
    foreign_owners: frozenset[str]
    foreign_extensions: frozenset[str]
    owners: Owners
    published: Sequence[Published]


class ShadowMaker:
    """Makes and drops shadows.

    Args:
        server: of the live database. The rows of its tracking table are copied, too: a chain's bookkeeping is rehearsed
            with them.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._connections = server.connections
        self._tools = server.tools
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
                    source = self._describe(live)
                    self._create(server, name)
                    self._fill(live, name, source)
                with self._connections.session(name, statement_timeout_s=0) as conn:
                    apply_settings(conn, source.settings)
                    yield PostgresShadow(conn, self._server, source.owners)
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

    def _create(self, server: Connection, name: str) -> None:
        options = {"TEMPLATE": sql.Identifier(self._server.template), **read_locale(server, self._connections.database)}
        options.pop("TABLESPACE", None)  # a schema without rows fits anywhere
        create_database(server, name, options)
        comment = sql.Literal(f"Backstop's rehearsal, made at {int(self._clock.now().timestamp())}")
        server.execute(sql.SQL("COMMENT ON DATABASE {} IS {}").format(sql.Identifier(name), comment))

    def _describe(self, live: Connection) -> Source:
        owners = frozenset(row[0] for row in live.execute(QUERIES["foreign_owners"]))
        extensions: dict[str, str | None] = dict(live.execute(QUERIES["foreign_extensions"]).fetchall())
        needed = {name: user for name, user in extensions.items() if user is not None}
        if needed and self._server.template == "template0":
            name, user = min(needed.items())
            raise PermanentError(
                "shadow-failed",
                f"The {user} hangs on the extension {name}, which only a superuser can create: no shadow can be made.",
                "Have a superuser make a database with that extension, owned by our role; name it as shadow_template.",
            )
        return Source(
            read_settings(live),
            owners,
            frozenset(extensions),
            read_owners(live) if owners else {},
            live.execute(PUBLICATIONS["published"]).fetchall(),
        )

    def _fill(self, live: Connection, name: str, source: Source) -> None:
        tag = f"backstop {name}"
        with tempfile.TemporaryDirectory(prefix="backstop-shadow-") as scratch:
            file = Path(scratch) / "schema"
            self._dump(file, tag)
            try:
                self._load(file, name, tag, source, live.info.server_version)
            except ToolFailedError as error:
                raise _failed(error) from error
        with self._connections.session(name) as shadow:
            _copy_rows(live, shadow, self._server.tracking)
            # decision 27: the server itself judges replica identities, at the very statement.
            _publish(shadow, source.published)

    def _dump(self, file: Path, tag: str) -> None:
        with BlockerWatch(self._connections, "Copying the schema", application=tag) as watch:
            try:
                environment = self._connections.tool_environment(application=tag)
                run = self._tools.start_schema_dump(environment, file, self._connections.lock_timeout_s)
                while run.is_running():
                    if watch.waits_too_long:
                        run.kill()
                        raise watch.locked()
                run.wait()
            except ToolFailedError as error:
                raise (watch.locked() if error.locked else _failed(error)) from error

    def _load(self, file: Path, name: str, tag: str, source: Source, server_version: int) -> None:
        entries = [line for line in self._tools.list_contents(file) if self._is_wanted(line, source)]
        environment = dict(self._connections.tool_environment(name, tag))
        environment["PGOPTIONS"] = f"{environment.get('PGOPTIONS', '')} {OPTIONS}".strip()
        owners, lenient = not source.foreign_owners, server_version < KNOWS_TRANSACTION_TIMEOUT
        load_schema(self._tools, environment, file, entries, owners=owners, lenient=lenient)

    def _is_wanted(self, entry: str, source: Source) -> bool:
        """Leave out what only a superuser can make, and default privileges of roles that are not ours."""
        if SKIPPED_ENTRIES.match(entry):
            return False
        owner = ENTRY_OWNER.match(entry)
        if owner and owner[1] in source.foreign_owners:
            return False
        return not any(f" EXTENSION - {name} " in entry + " " for name in source.foreign_extensions)


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


def load_schema(
    tools: PgTools, environment: Mapping[str, str], file: Path, entries: Sequence[str], *, owners: bool, lenient: bool
) -> None:
    """Load entries of a schema dump; the first error ends it, if not `lenient`.

    Args:
        tools: pg_restore.
        environment: names the target database.
        file: the dump.
        entries: to be loaded.
        owners: give objects to the roles that owned them; otherwise all are ours.
        lenient: the server is older than a setting that pg_restore begins with: that error, and no other, is ignored.

    Raises:
        ToolFailedError: with pg_restore's message.
    """
    arguments = [f"--dbname={environment['PGDATABASE']}", *([] if owners else ["--no-owner"])]
    arguments += [] if lenient else ["--exit-on-error"]
    if not lenient and tools.major("pg_restore") >= TRANSACTION_SIZE_SINCE:
        arguments.append("--transaction-size=200")  # all in one transaction may need more locks than there are
    try:
        with use_list(file, entries) as wanted:
            tools.start("pg_restore", [wanted, *arguments, str(file)], environment).wait()
    except ToolFailedError as error:
        if not lenient or tolerated_errors(error) != []:
            raise


def read_settings(live: Connection) -> Sequence[tuple[str, str]]:
    """Read the settings of the live database, and of our role in it; a copy of it has none of them."""
    return live.execute(QUERIES["settings"]).fetchall()


def apply_settings(conn: Connection, settings: Sequence[tuple[str, str]]) -> None:
    """Apply those settings to a session in a copy."""
    for name, value in settings:
        with suppress(psycopg.errors.InsufficientPrivilege):  # a superuser's setting is not ours to copy
            conn.execute("SELECT pg_catalog.set_config(%s, %s, false)", (name, value))


def _publish(shadow: Connection, published: Sequence[Published]) -> None:
    """Publish the same tables in the shadow; there is no slot that anybody could read from.

    A script may change a publication, and the server refuses to update or delete rows of a published table without a
    replica identity, even where there are no rows. Our dump leaves publications out.
    """
    ours = {(schema, name) for schema, name in shadow.execute(PUBLICATIONS["publishable"])}
    for number, (name, actions, via_root, _, changeable, tables) in enumerate(published):
        # decision 41: only a superuser can publish whole schemas, so a list of their tables stands in for them. What
        # our role may not change has another name, and a script that changes it fails in its rehearsal.
        known = [sql.Identifier(*table) for table in tables or () if tuple(table) in ours]
        shadow.execute(
            sql.SQL("CREATE PUBLICATION {} {} {} WITH (publish = {}, publish_via_partition_root = {})").format(
                sql.Identifier(name if changeable else f"{STAND_IN}{number}"),
                sql.SQL("FOR TABLE" if known else ""),
                sql.SQL(", ").join(known),
                sql.Literal(actions),
                sql.Literal(via_root),
            )
        )


def _copy_rows(live: Connection, shadow: Connection, tracking: Tracking) -> None:
    table = TrackingTable(live, tracking).name
    names = live.execute(QUERIES["copied_columns"], {"table": table.as_string()}).fetchall()
    columns = sql.SQL(", ").join(sql.Identifier(name) for (name,) in names)
    read = sql.SQL("COPY {} ({}) TO STDOUT").format(table, columns)
    write = sql.SQL("COPY {} ({}) FROM STDIN").format(table, columns)
    with live.transaction(), shadow.transaction():
        for conn in (live, shadow):  # the shadow has not the live database's own settings
            conn.execute(TEXT_FORM)
        with live.cursor().copy(read) as rows, shadow.cursor().copy(write) as sink:
            for row in rows:
                sink.write(row)


def _failed(error: ToolFailedError) -> BotError:
    if error.gone:
        return TemporaryError(
            "database-unreachable", f"Copying the schema was cut off: {error.message}.", "Check that the server is up."
        )
    return PermanentError(
        "shadow-failed",
        f"{error.tool} could not copy the schema: {error.message}.",
        "Nothing was changed. Give our role what it lacks (docs/operations.md), then ask again.",
    )
