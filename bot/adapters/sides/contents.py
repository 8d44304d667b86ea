"""Counts and hashes every table of a side database, as a dump does for the live one, in several sessions."""

from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from queue import Empty, SimpleQueue

from bot.adapters.database.connections import Connection, Connections
from bot.adapters.database.dump import CANCEL_S, REPORT_EVERY_S
from bot.adapters.database.export import snapshot
from bot.adapters.database.hashing import Table, hash_tables, read_saved_tables
from bot.domain.backups import TableContent
from bot.domain.runs import Progress
from bot.ports import Report

SESSIONS = 2


class ContentReader:
    """Reads one database's content; nobody writes to it, so its sessions need no common snapshot.

    Args:
        connections: to its server.
        name: of the database.
    """

    def __init__(self, connections: Connections, name: str) -> None:
        self._connections = connections
        self._name = name
        self._waiting: SimpleQueue[Table] = SimpleQueue()
        self._found: list[TableContent] = []
        self._done_bytes = 0

    def read(self, report: Report) -> Sequence[TableContent]:
        """Hash the biggest tables first; gives them in the order of a dump's."""
        with ExitStack() as stack:
            conns = [
                stack.enter_context(self._connections.session(self._name, statement_timeout_s=0))
                for _ in range(SESSIONS)
            ]
            tables = read_saved_tables(conns[0])
            for table in sorted(tables, key=lambda table: -table.size_bytes):
                self._waiting.put(table)
            self._share(conns, sum(table.size_bytes for table in tables), report)
            order = {identity: place for place, identity in enumerate(self._identities(conns[0], tables))}
        return sorted(self._found, key=lambda content: order[content.table])

    def _share(self, conns: Sequence[Connection], total_bytes: int, report: Report) -> None:
        with ThreadPoolExecutor(len(conns), "side-hash") as pool:
            works = [pool.submit(self._hash, conn) for conn in conns]
            try:
                self._await(works, total_bytes, report)
            except BaseException:
                self._stop()
                for conn in conns:
                    conn.cancel_safe(timeout=CANCEL_S)
                raise

    def _await(self, works: Sequence[Future[None]], total_bytes: int, report: Report) -> None:
        left = set(works)
        while left:
            done, left = wait(left, timeout=REPORT_EVERY_S, return_when=FIRST_COMPLETED)
            for work in done:
                work.result()
            report(Progress(min(self._done_bytes, total_bytes), total_bytes, "bytes"))

    def _hash(self, conn: Connection) -> None:
        while (table := self._next()) is not None:
            with snapshot(conn):
                self._found += hash_tables(conn, [table])
            self._done_bytes += table.size_bytes

    def _next(self) -> Table | None:
        try:
            return self._waiting.get_nowait()
        except Empty:
            return None

    def _stop(self) -> None:
        while self._next() is not None:
            pass

    def _identities(self, conn: Connection, tables: Sequence[Table]) -> Sequence[str]:
        names = [[schema, name] for schema, name, *_ in tables]
        query = (
            "SELECT format('%%I.%%I', s, t) FROM unnest(%s::text[], %s::text[]) WITH ORDINALITY n (s, t, i) ORDER BY i"
        )
        return [row[0] for row in conn.execute(query, ([s for s, _ in names], [t for _, t in names])).fetchall()]
