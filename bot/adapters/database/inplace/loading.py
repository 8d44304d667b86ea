"""Loads a bundle into an emptied database, in the stages in which a side database is loaded."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.pq import TransactionStatus

from bot.adapters.database.connections import Connection
from bot.adapters.database.inplace.keeping import Kept
from bot.adapters.database.inplace.obstacles import LOADING
from bot.adapters.database.inplace.splitting import CutShortError, Part, ScriptReader
from bot.adapters.pgtools import PgTools
from bot.adapters.sides.archive import Contents
from bot.adapters.sides.privileges import failed_privilege, privilege_statements
from bot.domain.runs import Progress
from bot.errors import PermanentError
from bot.ports import Clock, Report

BATCH_BYTES = 64 * 1024
REPORT_EVERY_S = 0.5
KEPT_SETTING = re.compile(rb"SET (default_tablespace|default_table_access_method) ")
SETTING = re.compile(rb"SET \w+ ?=|SELECT pg_catalog\.set_config\('search_path'")
ENCODING = re.compile(rb"SET client_encoding = '(?!UTF8')")
WRAPPING = re.compile(rb"(BEGIN|COMMIT);", re.IGNORECASE)
"""What pg_restore puts around large objects."""
CONTROL = re.compile(
    rb"(BEGIN|COMMIT|END|ROLLBACK|ABORT|SAVEPOINT|RELEASE|START\s+TRANSACTION|PREPARE\s+TRANSACTION"
    rb"|SET\s+(SESSION|TRANSACTION|ROLE|LOCAL|CONSTRAINTS))\b",
    re.IGNORECASE,
)
NOT_TO_BE_GIVEN = (
    psycopg.errors.UndefinedObject,  # a role that is gone
    psycopg.errors.InsufficientPrivilege,
    psycopg.errors.InvalidGrantOperation,
    psycopg.errors.InvalidGrantor,
)
SETTINGS = """
SET LOCAL search_path = '';
SET LOCAL check_function_bodies = off;
SET LOCAL row_security = off;
SET LOCAL xmloption = content;
SET LOCAL client_min_messages = error;
SET LOCAL synchronous_commit = on
"""


class ContentLoader:
    """Loads one bundle in one session's open transaction.

    Args:
        conn: in a transaction that the caller begins and ends, in an emptied database.
        tools: pg_restore.
        kept: what emptying has left.
        clock: for the reports.
        report: is told the rows' bytes.
        guess_bytes: how many there will be.
    """

    def __init__(
        self, conn: Connection, tools: PgTools, kept: Kept, clock: Clock, report: Report, guess_bytes: int
    ) -> None:
        self._conn = conn
        self._tools = tools
        self._kept = kept
        self._clock = clock
        self._report = report
        self._guess_bytes = guess_bytes
        self._done_bytes = 0
        self._next_at = 0.0
        self._statements = 0
        self.lacking: list[str] = []
        """What could not be granted or taken, one line each, once it is loaded."""

    def load(self, path: Path, lines: Sequence[str]) -> int:
        """Load everything that is not there; gives how many statements that took.

        Args:
            path: a dump in directory format.
            lines: its list of contents.

        Raises:
            PermanentError: ``load-failed``.
            ToolFailedError: pg_restore could not read it.
            psycopg.Error: the server refuses something.
        """
        roles = {name: (member, ours) for name, member, ours in self._conn.execute(LOADING["roles"])}
        contents = Contents.read(self._kept.missing(lines), roles)
        others = [owner for owner in contents.owners if not roles[owner][1]]
        self._conn.execute(SETTINGS)
        self._restore(path, contents.schemas)
        with self._owners_let_in(others):
            self._restore(path, contents.body)
        self._apply_privileges(path, contents.privileges)
        self._restore(path, contents.refreshes)
        self._restore(path, contents.optional)
        return self._statements

    def _restore(self, path: Path, entries: Sequence[str]) -> None:
        if not entries:
            return
        with self._tools.stream_sql(path, entries) as blocks:
            try:
                self._run(ScriptReader(blocks).parts())
            except CutShortError as error:
                raise _refused("its SQL ends in the middle of a statement") from error

    def _run(self, parts: Iterator[Part]) -> None:
        waiting: list[bytes] = []
        for part in parts:
            statement = _ours(part.statement)
            if part.rows is not None:
                self._execute(waiting)
                self._copy(part.statement, part.rows)
            elif statement:
                waiting.append(statement)
            if sum(map(len, waiting)) > BATCH_BYTES:
                self._execute(waiting)
        self._execute(waiting)

    def _execute(self, statements: list[bytes]) -> None:
        if statements:
            self._conn.execute(b"\n".join(statements))
            self._statements += len(statements)
            statements.clear()
            self._must_be_ours()
            self._tell(0)

    def _copy(self, statement: bytes, rows: Iterator[bytes]) -> None:
        with self._conn.cursor().copy(statement.removesuffix(b";")) as sink:
            for block in rows:
                sink.write(block)
                self._tell(len(block))
        self._statements += 1

    def _must_be_ours(self) -> None:
        if self._conn.info.transaction_status is not TransactionStatus.INTRANS:  # pragma: no cover -- see `CONTROL`
            raise _refused("its SQL has ended the transaction")

    def _tell(self, size_bytes: int) -> None:
        self._done_bytes += size_bytes
        if self._clock.monotonic() >= self._next_at:
            self._next_at = self._clock.monotonic() + REPORT_EVERY_S
            self._report(Progress(self._done_bytes, max(self._guess_bytes, self._done_bytes), "bytes"))

    @contextmanager
    def _owners_let_in(self, owners: Sequence[str]) -> Iterator[None]:
        """Let future owners create in every schema meanwhile.

        The database's own privileges are left alone: whoever takes over has to open and close it, and would wait for a
        transaction that has changed anything of it.
        """
        granted = self._conn.execute(LOADING["schemas"], {"roles": list(owners)}).fetchall()
        for schema, role in granted:
            words = sql.SQL("GRANT ALL ON SCHEMA {} TO {}")
            self._conn.execute(words.format(sql.Identifier(schema), sql.Identifier(role)))
        yield
        for schema, role in granted:
            words = sql.SQL("REVOKE ALL ON SCHEMA {} FROM {}")
            self._conn.execute(words.format(sql.Identifier(schema), sql.Identifier(role)))

    def _apply_privileges(self, path: Path, entries: Sequence[str]) -> None:
        """Give what was given, by whom it was given: a dump asks for sessions of those roles, and we become them.

        A role that is gone, or that we may not become, is no reason to go without everything else: a copy beside the
        live database does not insist on it either.
        """
        if not entries:
            return
        with self._tools.stream_sql(path, entries) as blocks:
            script = b"".join(blocks).decode()
        for statement in privilege_statements(script):
            try:
                with self._conn.transaction():
                    self._conn.execute(statement.encode())
            except NOT_TO_BE_GIVEN as error:
                self.lacking.append(failed_privilege(statement, error))
            self._statements += 1
        self._conn.execute("RESET ROLE")


def _ours(statement: bytes) -> bytes:
    """What is run of a statement: nothing of a session's setting, of an object's one that lasts for the transaction.

    Raises:
        PermanentError: ``load-failed`` for anything that would begin or end a transaction.
    """
    if KEPT_SETTING.match(statement):
        return statement.replace(b"SET ", b"SET LOCAL ", 1)
    if ENCODING.match(statement):
        raise _refused("it is in another encoding than UTF8")
    if SETTING.match(statement) or WRAPPING.fullmatch(statement):
        return b""
    if CONTROL.match(statement):
        raise _refused("its SQL would end the transaction")
    return statement


def _refused(why: str) -> PermanentError:
    return PermanentError(
        "load-failed",
        f"The bundle cannot be loaded in one transaction: {why}.",
        "Everything was rolled back; the old content is as it was. Verify the bundle, or choose another.",
    )
