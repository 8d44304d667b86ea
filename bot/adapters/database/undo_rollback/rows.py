"""Puts the saved rows of relations back that were created again."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from psycopg import sql

from bot.adapters.database.connections import Connection
from bot.adapters.database.hashing import read_contents
from bot.adapters.database.relations import Relation, find_relation, order_by_references
from bot.adapters.database.undo_rollback.contents import QUERIES
from bot.adapters.database.undo_rollback.exactness import not_exact
from bot.adapters.database.undo_rollback.row_statements import names
from bot.domain.backups import SavedTable
from bot.errors import PermanentError
from bot.ports import RecreationSpec

STAGE = sql.Identifier("pg_temp", "backstop_rows")


@dataclass(frozen=True)
class Columns:
    """A relation's columns by their role, as the server names them."""

    plain: tuple[str, ...]
    generated: frozenset[str]


class RowLoader:
    """Fills relations that were created again, in one session's open transaction."""

    def __init__(self, conn: Connection, spec: RecreationSpec) -> None:
        self._conn = conn
        self._spec = spec

    def parents_first(self, tables: Sequence[SavedTable]) -> list[SavedTable]:
        """Order tables so that rows come after those they refer to; circular references are in no particular order."""
        parents: dict[str, list[str]] = {}
        for child, parent in self._conn.execute(QUERIES["references"]):
            parents.setdefault(child, []).append(parent)
        by_name = {saved.table: saved for saved in tables}
        return [by_name[name] for name in order_by_references(by_name, parents)]

    def load(self, saved: SavedTable, rows: Iterable[bytes]) -> int:
        """Fill a relation that was created again, and return the number of its rows.

        Raises:
            PermanentError: ``undo-not-exact`` where it does not come back.
        """
        relation = find_relation(self._conn, saved.table)
        if relation is None:
            raise not_exact(f"{saved.table} has saved rows and does not come back")
        return self._reload(relation, saved, self._columns(saved.table), rows) if relation.lockable else 0

    def verify(self, saved: SavedTable, *, with_rows: bool) -> None:
        """Compare a reloaded relation's rows with what was saved.

        Raises:
            PermanentError: ``undo-failed``.
        """
        relation = find_relation(self._conn, saved.table)
        if saved.table not in self._spec.reloaded or relation is None or not with_rows:
            return
        with self._conn.transaction(force_rollback=True):  # hashing changes settings
            (now,) = read_contents(self._conn, [relation])
        wrong = f"{now.rows} rows again, and {saved.rows} were saved" if now.rows != saved.rows else ""
        if not wrong and saved.content_hash and now.content_hash != saved.content_hash:
            wrong = f"its {now.rows} rows again, with other values than were saved"
        if wrong:
            raise PermanentError(
                "undo-failed", f"{saved.table} has {wrong}.", "Everything was rolled back; nothing was changed."
            )

    def _columns(self, table: str) -> Columns:
        rows = self._conn.execute(QUERIES["columns"], {"table": table}).fetchall()
        return Columns(
            plain=tuple(name for name, generated, *_ in rows if not generated),
            generated=frozenset(name for name, generated, *_ in rows if generated),
        )

    def _reload(self, relation: Relation, saved: SavedTable, columns: Columns, rows: Iterable[bytes]) -> int:
        """Copy the rows in; by way of a temporary table where they hold values that only the server may write."""
        if self._is_partitioned(relation):
            return 0  # its rows are its partitions', and those are saved by themselves
        if not columns.generated:
            return self._copy(relation.name, saved.columns, rows)
        with self._staged(relation, saved, rows):
            return self._insert(relation, columns.plain)

    def _is_partitioned(self, relation: Relation) -> bool:
        query = "SELECT relkind = 'p' FROM pg_catalog.pg_class WHERE oid = pg_catalog.to_regclass(%s)"
        return bool(self._conn.execute(query, (relation.identity,)).fetchall()[0][0])

    def _copy(self, name: sql.Identifier, columns: Sequence[str], rows: Iterable[bytes]) -> int:
        query = sql.SQL("COPY {} ({}) FROM STDIN WITH (FORMAT csv, HEADER)").format(name, names(columns))
        cursor = self._conn.cursor()
        with cursor.copy(query) as sink:
            for block in rows:
                sink.write(block)
        return cursor.rowcount

    @contextmanager
    def _staged(self, relation: Relation, saved: SavedTable, rows: Iterable[bytes]) -> Iterator[None]:
        create = sql.SQL("CREATE TEMPORARY TABLE backstop_rows AS SELECT {} FROM {} WITH NO DATA")
        self._conn.execute(create.format(names(saved.columns), relation.name))
        self._copy(STAGE, saved.columns, rows)
        yield
        self._conn.execute(sql.SQL("DROP TABLE {}").format(STAGE))

    def _insert(self, relation: Relation, columns: Sequence[str]) -> int:
        insert = sql.SQL("INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE SELECT {} FROM {}")
        return self._conn.execute(insert.format(relation.name, names(columns), names(columns), STAGE)).rowcount
