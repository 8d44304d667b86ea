"""Writes directory-format dumps, and reads the exact content of every table in the same snapshot."""

import re
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from psycopg import sql

from bot.adapters.database.connections import Connection, snapshot, too_many_locks, translated
from bot.adapters.database.hashing import CANCEL_S, REPORT_EVERY_S, hash_tables, read_saved_tables
from bot.adapters.database.relations import QUERIES
from bot.adapters.database.server import Server
from bot.adapters.database.sessions import BlockerWatch
from bot.adapters.database.settings import read_settings
from bot.adapters.pgclient.tools import OUT_OF_LOCKS, ToolFailedError, ToolRun
from bot.domain.backups import TableContent
from bot.domain.runs import Progress
from bot.errors import BotError, PermanentError, TemporaryError
from bot.ports import Dump, Report

# The share of a table's size that gzip at level 1 leaves, roughly.
COMPRESSED_SHARE = 0.4


class Dumper:
    """Takes dumps of one database; see `bot.ports.Database.dump`."""

    def __init__(self, server: Server) -> None:
        self._connections = server.connections
        self._tools = server.tools
        self._timing = server.timing
        self._clock = server.clock
        self._limits = server.limits

    def dump(self, directory: Path, report: Report) -> Dump:
        """Write the dump while counting and hashing every table."""
        tag = re.sub(r"[^A-Za-z0-9 _.-]", "", f"backstop dump {directory.parent.name}")[:60]
        with (
            translated("The dump"),
            self._connections.session(statement_timeout_s=0) as conn,
            BlockerWatch(self._connections, "The dump", pid=conn.info.backend_pid, application=tag) as watch,
        ):
            self._tools.check_version(conn.info.server_version)
            conn.execute("SET idle_in_transaction_session_timeout = 0")  # pg_dump may take longer than our hashing
            try:
                with snapshot(conn):
                    return self._dump(conn, directory, report, watch)
            except ToolFailedError as error:
                raise (watch.locked() if error.locked else _failed(error)) from error

    def _dump(self, conn: Connection, directory: Path, report: Report, watch: BlockerWatch) -> Dump:
        self._lock(conn)
        taken_at = self._clock.now()
        self._check_files(conn)
        exported = conn.execute("SELECT pg_catalog.pg_export_snapshot()").fetchall()[0][0]
        tables = read_saved_tables(conn)
        environment = self._connections.tool_environment(application=watch.application)
        statistics = self._tools.knows_statistics(conn.info.server_version)
        run = self._tools.start_dump(
            environment, directory, exported, self._timing.lock_timeout_s, statistics=statistics
        )
        guess_bytes = int(sum(table.size_bytes for table in tables) * COMPRESSED_SHARE)
        # decision 15: hashing in a session of its own costs the backup little waiting.
        with ThreadPoolExecutor(1, "dump-hash") as pool:
            contents = pool.submit(hash_tables, conn, tables)
            try:
                work = _Work(run, contents, directory, guess_bytes)
                self._follow(work, report, watch)
                if work.lost_snapshot:
                    contents.result()  # says why; pg_dump says only that it has no snapshot
                run.wait()
            finally:
                # Without our snapshot pg_dump cannot finish, and without pg_dump nobody needs the hashes.
                run.kill()
                if not contents.done():
                    conn.cancel_safe(timeout=CANCEL_S)
        settings = read_settings(conn, self._connections.database)
        return Dump(contents.result(), self._tools.version(), taken_at, settings)

    def _check_files(self, conn: Connection) -> None:
        """Refuse a dump with more files than a bundle may have, before pg_dump writes the first."""
        (tables, objects), *_ = conn.execute(QUERIES["dump_files"]).fetchall()
        self._limits.check_files(tables + objects, f"{tables:,} tables and {objects:,} large objects")

    def _lock(self, conn: Connection) -> None:
        """Lock every table against TRUNCATE and DROP before the snapshot is taken; LOCK itself takes none."""
        # In another session: reading the catalogue in this one would take the snapshot.
        with self._connections.session() as other:
            tables = other.execute(QUERIES["stored_table_names"]).fetchall()
        if tables:
            names = sql.SQL(", ").join(sql.SQL("ONLY {}").format(sql.Identifier(*table)) for table in tables)
            conn.execute(sql.SQL("LOCK TABLE {} IN ACCESS SHARE MODE").format(names))

    def _follow(self, work: "_Work", report: Report, watch: BlockerWatch) -> None:
        """Report progress until both are done; stop when nothing has moved for too long."""
        moved_at = reported_at = self._clock.monotonic()
        done_bytes = -1
        while not work.is_done():
            now, written = self._clock.monotonic(), work.written_bytes()
            if watch.waits_too_long:
                raise watch.locked()
            moved_at, done_bytes = (now if written != done_bytes else moved_at), written
            if now - moved_at > self._timing.stall_s:
                raise TemporaryError(
                    "dump-stalled", f"The dump has not moved for {now - moved_at:.0f} s.", "Try again."
                )
            if now - reported_at >= REPORT_EVERY_S:
                reported_at = now
                report(Progress(written, max(work.guess_bytes, written), "bytes"))
        report(Progress(work.written_bytes(), work.written_bytes(), "bytes"))


@dataclass(frozen=True)
class _Work:
    """A running pg_dump, and our own session that counts and hashes."""

    run: ToolRun
    contents: Future[list[TableContent]]
    directory: Path
    guess_bytes: int

    @property
    def lost_snapshot(self) -> bool:
        """Say if our own session has failed: the snapshot went with its transaction."""
        return self.contents.done() and self.contents.exception() is not None

    def is_done(self) -> bool:
        """Say if both have ended, or one has failed; wait a moment for the one that has not."""
        if self.lost_snapshot:
            return True
        if self.run.is_running():
            return False
        if self.run.failed:
            return True
        wait([self.contents], timeout=REPORT_EVERY_S)
        return self.contents.done()

    def written_bytes(self) -> int:
        """Count the bytes written so far; a file may vanish meanwhile."""
        total = 0
        with suppress(FileNotFoundError):
            for file in self.directory.iterdir():
                total += file.stat().st_size
        return total


def _failed(error: ToolFailedError) -> BotError:
    if OUT_OF_LOCKS in error.stderr:
        return too_many_locks("The dump")
    if error.gone:
        return TemporaryError(
            "database-unreachable", f"The dump was cut off: {error.message}.", "Check that the server is up."
        )
    return PermanentError(
        "dump-failed",
        f"pg_dump failed: {error.message}.",
        "No backup was written and nothing was changed. Give our role what it lacks, then try again.",
    )
