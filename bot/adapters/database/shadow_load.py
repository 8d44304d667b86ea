"""Fills a shadow with the live database's schema, its owners, and what a dump leaves out."""

import re
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from bot.adapters.database.connections import KNOWS_TRANSACTION_TIMEOUT, Connection
from bot.adapters.database.hashing import TEXT_FORM
from bot.adapters.database.server import Server, Tracking
from bot.adapters.database.sessions import BlockerWatch
from bot.adapters.database.shadow_owners import Admission, copy_rights, create_extensions, hand_over
from bot.adapters.database.shadow_source import PUBLICATIONS, QUERIES, Published, Source
from bot.adapters.database.tracking import TrackingTable
from bot.adapters.database.undo_rollback.assembly import GRANTS, RESTRICT
from bot.adapters.database.undo_rollback.contents import Entry, read_entries
from bot.adapters.migration_files.syntax import name_kind, parse_statements
from bot.adapters.pgclient.restore_errors import tolerated_errors
from bot.adapters.pgclient.tools import PgTools, ToolFailedError, use_list
from bot.errors import BotError, PermanentError, TemporaryError

TRANSACTION_SIZE_SINCE = 17
# A shadow does not outlive its run, so no COMMIT in it needs to wait for the disk.
OPTIONS = "-c synchronous_commit=off"
STAND_IN = "backstop_rehearsal_"

SKIPPED = re.compile(r"(EVENT TRIGGER|COMMENT - EVENT TRIGGER|COMMENT - EXTENSION) ")
DEFAULT_ACL = re.compile(r"DEFAULT ACL .* (?P<owner>\S+)", re.DOTALL)
ACL = re.compile(r"(DEFAULT )?ACL ")
SCHEMA = re.compile(r"SCHEMA ")


@dataclass(frozen=True)
class _Parts:
    """Lines of a dump's list, in the order they are loaded in."""

    schemas: Sequence[str]
    body: Sequence[str]
    privileges: Sequence[str]


class ShadowLoader:
    """Fills shadows.

    Args:
        server: of the live database.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._connections = server.connections
        self._tools = server.tools

    def fill(self, live: Connection, name: str, source: Source) -> None:
        """Copy schema, owners, privileges and tracking rows into the empty database of that name.

        Raises:
            TemporaryError: ``table-locked``, ``database-unreachable``.
            PermanentError: ``shadow-failed``.
        """
        tag = f"backstop {name}"
        with tempfile.TemporaryDirectory(prefix="backstop-shadow-") as scratch:
            file = Path(scratch) / "schema"
            self._dump(file, tag)
            try:
                parts = sort_entries(read_entries(self._tools.list_dependencies(file)), source)
                load = _Load(self._tools, self._environment(name, tag), file, live.info.server_version)
                with self._connections.session(name, statement_timeout_s=0) as shadow:
                    _fill(load, parts, shadow, name, source)
            except ToolFailedError as error:
                raise _failed(error) from error
        with self._connections.session(name) as shadow:
            _copy_rows(live, shadow, self._server.tracking)
            # decision 27: the server itself judges replica identities, at the very statement.
            _publish(shadow, source.published)
            copy_rights(live, shadow, name, source.original.roles)

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

    def _environment(self, name: str, tag: str) -> Mapping[str, str]:
        environment = dict(self._connections.tool_environment(name, tag))
        environment["PGOPTIONS"] = f"{environment.get('PGOPTIONS', '')} {OPTIONS}".strip()
        return environment


@dataclass(frozen=True)
class _Load:
    """A dump, and where it is loaded; called with entries, and the role that is to own what they create."""

    tools: PgTools
    environment: Mapping[str, str]
    file: Path
    server_version: int

    def __call__(self, entries: Sequence[str], role: str) -> None:
        if entries:
            lenient = self.server_version < KNOWS_TRANSACTION_TIMEOUT
            load_schema(self.tools, self.environment, self.file, entries, role=role, lenient=lenient)


def sort_entries(entries: Sequence[Entry], source: Source) -> _Parts:
    """Leave out what no shadow can have, and part the rest by when it is loaded."""
    wanted = [entry for entry in entries if _is_wanted(entry, source)]
    # Comments and privileges of what is left out have no OID of their own.
    left_out = {entry.number for entry in entries} - {entry.number for entry in wanted}
    wanted = [entry for entry in wanted if entry.objid or not entry.needs & left_out]
    return _Parts(
        [entry.line for entry in wanted if SCHEMA.match(entry.text)],
        [entry.line for entry in wanted if not SCHEMA.match(entry.text) and not ACL.match(entry.text)],
        [entry.line for entry in wanted if ACL.match(entry.text)],
    )


def _is_wanted(entry: Entry, source: Source) -> bool:
    if SKIPPED.match(entry.text) or (entry.classid, entry.objid) in source.original.omitted.addresses:
        return False
    # Default privileges of a role are for itself to set.
    default = DEFAULT_ACL.fullmatch(entry.text)
    if default and default["owner"] in source.original.roles.strangers:
        return False
    return not any(f"EXTENSION - {name} " in entry.text + " " for name in source.unmakeable)


def _fill(load: _Load, parts: _Parts, shadow: Connection, name: str, source: Source) -> None:
    roles = source.original.roles
    admission = Admission(shadow, name, roles)
    admission.admit()
    load(parts.schemas, roles.migrator)
    if source.extensions:
        admission.admit()
        create_extensions(shadow, source.extensions)
    load(parts.body, roles.migrator)
    admission.admit()
    hand_over(shadow, [each for each in source.owned if each[0] != "schema"])
    admission.end()
    hand_over(shadow, [each for each in source.owned if each[0] == "schema"])
    _grant(shadow, load.tools.write_sql(load.file, parts.privileges) if parts.privileges else "")


def _grant(shadow: Connection, script: str) -> None:
    """Run the grants of a dump. It repeats another role's in that role's session, for which SET ROLE stands.

    A stranger's are ours on a shadow, as its objects are.
    """
    for _, statement, node in parse_statements(RESTRICT.sub("", script)):
        kind = name_kind(node)
        if kind == "variable_set_stmt" and node.variable_set_stmt.name == "session_authorization":
            shadow.execute("RESET ROLE")
            for value in node.variable_set_stmt.args:
                with suppress(psycopg.errors.InsufficientPrivilege):
                    shadow.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(value.a_const.sval.sval)))
        elif kind in GRANTS:
            shadow.execute(statement.encode())
    shadow.execute("RESET ROLE")


def load_schema(
    tools: PgTools, environment: Mapping[str, str], file: Path, entries: Sequence[str], *, role: str, lenient: bool
) -> None:
    """Load entries of a schema dump; the first error ends it, if not `lenient`.

    Args:
        tools: pg_restore.
        environment: names the target database.
        file: the dump.
        entries: to be loaded.
        role: creates them, and owns them.
        lenient: the server is older than a setting that pg_restore begins with: that error, and no other, is ignored.

    Raises:
        ToolFailedError: with pg_restore's message.
    """
    arguments = [f"--dbname={environment['PGDATABASE']}", "--no-owner", f"--role={role}"]
    arguments += [] if lenient else ["--exit-on-error"]
    if not lenient and tools.major("pg_restore") >= TRANSACTION_SIZE_SINCE:
        arguments.append("--transaction-size=200")  # all in one transaction may need more locks than there are
    try:
        with use_list(file, entries) as wanted:
            tools.start("pg_restore", [wanted, *arguments, str(file)], environment).wait()
    except ToolFailedError as error:
        if not lenient or tolerated_errors(error) != []:
            raise


def _publish(shadow: Connection, published: Sequence[Published]) -> None:
    """Publish the same tables in the shadow; there is no slot that anybody could read from.

    A script may change a publication, and the server refuses to update or delete rows of a published table without a
    replica identity, even where there are no rows. Our dump leaves publications out.
    """
    ours = {(schema, name) for schema, name in shadow.execute(PUBLICATIONS["publishable"])}
    for number, (name, actions, via_root, _, changeable, tables, owner) in enumerate(published):
        # decision 41: only a superuser can publish whole schemas, so a list of their tables stands in for them. What
        # our role may not change has another name, and a script that changes it fails in its rehearsal.
        known = [sql.Identifier(*table) for table in tables or () if tuple(table) in ours]
        called = sql.Identifier(name if changeable else f"{STAND_IN}{number}")
        shadow.execute(
            sql.SQL("CREATE PUBLICATION {} {} {} WITH (publish = {}, publish_via_partition_root = {})").format(
                called,
                sql.SQL("FOR TABLE" if known else ""),
                sql.SQL(", ").join(known),
                sql.Literal(actions),
                sql.Literal(via_root),
            )
        )
        if changeable:
            change = sql.SQL("ALTER PUBLICATION {} OWNER TO {}")
            shadow.execute(change.format(called, sql.Identifier(owner)))


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
