"""Replaces the content of the fenced database: compare, empty, load, compare, commit."""

import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import psycopg
from psycopg import sql

from bot.adapters.database.catalogue import catalogue_within
from bot.adapters.database.chain import CHAIN_LOCK
from bot.adapters.database.connections import Connection
from bot.adapters.database.execution import commit
from bot.adapters.database.failures import is_disconnect, server_words, translate
from bot.adapters.database.hashing import hash_tables, read_saved_tables
from bot.adapters.database.inplace.keeping import read_kept
from bot.adapters.database.inplace.loading import ContentLoader
from bot.adapters.database.inplace.obstacles import obstacles_of, obstacles_within, read_list, uncounted_within
from bot.adapters.database.inplace.wiping import Wiper
from bot.adapters.database.tracking import Tracking, TrackingTable
from bot.adapters.pgtools import PgTools
from bot.adapters.toolfailures import ToolFailedError
from bot.domain.backups import TableContent
from bot.errors import BotError, PermanentError, TemporaryError
from bot.ports import Clock, FetchedBundle, Replaced, ReplacementOrder, Supervision

BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"
LIMITS = "SET LOCAL lock_timeout = '15s'; SET LOCAL statement_timeout = 0; SET LOCAL maintenance_work_mem = '256MB'"
"""The wait for locks outlasts what an autovacuum takes to give way."""
AS_IT_WAS = "Everything was rolled back; the old content is as it was."
SHOWN = 5


class Replacement:
    """One bundle into one database.

    Args:
        tracking: the tracking table's name and columns.
        tools: pg_restore.
        clock: for the reports.
        order: what may go.
        watch: who is asked.
    """

    def __init__(
        self, tracking: Tracking, tools: PgTools, clock: Clock, order: ReplacementOrder, watch: Supervision
    ) -> None:
        self._tracking = tracking
        self._tools = tools
        self._clock = clock
        self._order = order
        self._watch = watch

    def commit(self, conn: Connection, bundle: FetchedBundle) -> Replaced:
        """Do it for good; see `bot.ports.Fence.replace`."""
        started = time.monotonic()
        try:
            with _refused():
                lines = read_list(self._tools, bundle)
                self._begin(conn)
                self._check(conn, bundle)
                old_bytes = self._compare(conn)
                statements, tables = self._replace(conn, bundle, lines, old_bytes)
            self._watch.may_commit()
            _commit(conn)
        finally:
            with suppress(psycopg.Error):  # a connection that is gone has rolled back by itself
                conn.execute("ROLLBACK") if conn.info.transaction_status else None
        rows = sum(table.rows for table in tables)
        return Replaced(statements, rows, len(tables), time.monotonic() - started)

    def _begin(self, conn: Connection) -> None:
        conn.execute(BEGIN)
        conn.execute(LIMITS)
        if not conn.execute("SELECT pg_catalog.pg_try_advisory_xact_lock(%s, %s)", CHAIN_LOCK).fetchall()[0][0]:
            raise TemporaryError(
                "chain-running", "Another process changes this database.", "Wait for it; see /rollback status."
            )
        self._watch.began(str(conn.execute("SELECT pg_catalog.pg_current_xact_id()::text").fetchall()[0][0]))

    def _check(self, conn: Connection, bundle: FetchedBundle) -> None:
        """Once more, because the world may have moved since it was asked while the app served."""
        found = [*obstacles_within(conn), *obstacles_of(conn, self._tools, bundle)]
        if found:
            raise PermanentError(
                "cannot-replace-in-place",
                f"Not all of it could be made again: {'; '.join(found[:SHOWN])}.",
                AS_IT_WAS,
            )

    def _compare(self, conn: Connection) -> int:
        """Nothing may go that the emergency backup lacks; from here on nothing can be written. Gives bytes on disk."""
        tables = read_saved_tables(conn)
        stays = {(each.schema, each.name) for each in read_kept(conn).configuration if not each.replaceable}
        goes = [table[:2] for table in tables if table[:2] not in stays]
        if goes:
            names = sql.SQL(", ").join(sql.SQL("ONLY {}").format(sql.Identifier(*table)) for table in goes)
            conn.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(names))
        with _savepoint(conn):  # whose settings go with it
            here = {content.table: content for content in hash_tables(conn, tables)}
        saved = {content.table: content for content in self._order.saved}
        changed = sorted(table for table in {*here, *saved} if here.get(table) != saved.get(table))
        with _savepoint(conn):
            if catalogue_within(conn).fingerprint != self._order.fingerprint:
                changed.append("the schema")
        with _savepoint(conn):
            if uncounted_within(conn) != self._order.uncounted:
                changed.append("sequences or large objects")
        if changed:
            raise PermanentError(
                "changed-since-backup",
                f"Something has been written since the emergency backup was taken: {', '.join(changed[:SHOWN])}.",
                "Nothing was changed. Find who writes while the app is stopped, then ask for the restore again.",
            )
        return sum(table.size_bytes for table in tables)

    def _replace(
        self, conn: Connection, bundle: FetchedBundle, lines: Sequence[str], guess_bytes: int
    ) -> tuple[int, Sequence[TableContent]]:
        kept = read_kept(conn)
        guard = Guard(conn)
        Wiper(conn, kept).wipe()
        loader = ContentLoader(conn, self._tools, kept, self._clock, self._watch.report, guess_bytes)
        statements = loader.load(bundle.path, lines)
        if loader.lacking:
            self._watch.lacking(loader.lacking)
        guard.lower()
        with _savepoint(conn):
            tables = hash_tables(conn, read_saved_tables(conn))
        conn.execute("SET LOCAL search_path TO DEFAULT")
        applied = TrackingTable(conn, self._tracking).applied()
        self._watch.judge(tables, max((migration.version for migration in applied), default=0))
        conn.execute("ANALYZE")
        return statements, tables


class Guard:
    """Makes every COMMIT fail but ours: a foreign key that is checked last is broken until the guard is lowered.

    Whatever a bundle's SQL holds, it cannot make half a replacement stay.
    """

    def __init__(self, conn: Connection) -> None:
        self._conn = conn
        self._name = sql.Identifier(f"backstop_{secrets.token_hex(8)}")
        columns = "(id int PRIMARY KEY, other int REFERENCES {0} DEFERRABLE INITIALLY DEFERRED)"
        conn.execute(sql.SQL("CREATE TEMPORARY TABLE {0} " + columns).format(self._name))
        conn.execute(sql.SQL("INSERT INTO {} VALUES (1, 2)").format(self._qualified))

    @property
    def _qualified(self) -> sql.Composed:
        return sql.SQL("pg_temp.{}").format(self._name)

    def lower(self) -> None:
        """Let COMMIT through."""
        self._conn.execute(sql.SQL("UPDATE {} SET other = 1").format(self._qualified))
        self._conn.execute("SET CONSTRAINTS ALL IMMEDIATE")
        self._conn.execute(sql.SQL("DROP TABLE {}").format(self._qualified))


@contextmanager
def _savepoint(conn: Connection) -> Iterator[None]:
    """What only looks and changes settings: they are put back."""
    conn.execute("SAVEPOINT look")
    yield
    conn.execute("ROLLBACK TO SAVEPOINT look; RELEASE SAVEPOINT look")


@contextmanager
def _refused() -> Iterator[None]:
    """Turn what the server or the tool says before COMMIT into our errors."""
    try:
        yield
    except BotError:
        raise
    except ToolFailedError as error:
        words = f"{error.tool} could not read the bundle: {error.words}."
        raise PermanentError("load-failed", words, AS_IT_WAS) from error
    except psycopg.Error as error:
        raise _translated(error) from error


def _translated(error: psycopg.Error) -> BotError:
    translated = translate(error, "The load")
    if isinstance(translated, TemporaryError):
        return translated
    if isinstance(error, psycopg.errors.DiskFull):
        return PermanentError("disk-full", "The server's disk is full.", f"Make room, then try again. {AS_IT_WAS}")
    if isinstance(error, psycopg.errors.OutOfMemory):
        hint = f"{AS_IT_WAS} Raise max_locks_per_transaction, or free memory on the server."
        return PermanentError("load-failed", f"The server has no room for the load: {server_words(error)}.", hint)
    return PermanentError("load-failed", f"The server refused the load: {server_words(error)}.", AS_IT_WAS)


def _commit(conn: Connection) -> None:
    try:
        commit(conn)
    except psycopg.Error as error:
        if not is_disconnect(error):
            words = f"COMMIT failed: {server_words(error)}."
            raise PermanentError("load-failed", words, AS_IT_WAS) from error
        raise TemporaryError(
            "outcome-unknown",
            "The connection was lost during COMMIT; the load may or may not have happened.",
            "The server remembers the transaction: it is asked before anything else is done.",
        ) from error
