"""Puts saved rows back: whole relations, single columns, and rows a script has deleted."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from psycopg import sql

from bot.adapters.database.connections import Connection
from bot.adapters.database.hashing import read_contents
from bot.adapters.database.relations import Relation, find_parents, find_relation, order_by_references
from bot.adapters.database.undo_rollback.contents import QUERIES
from bot.adapters.database.undo_rollback.script import unquoted
from bot.domain.backups import SavedSequence, SavedTable
from bot.errors import PermanentError
from bot.ports import RecreationSpec

STAGE = sql.Identifier("pg_temp", "backstop_rows")


@dataclass(frozen=True)
class Columns:
    """A relation's columns by their role, as the server names them."""

    plain: tuple[str, ...]
    generated: frozenset[str]
    key: tuple[str, ...]


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
        """Put one saved relation back, as specified, and return the number of rows it made or filled.

        Raises:
            PermanentError: ``undo-not-exact`` where the table has no primary key to find its rows by.
        """
        relation = find_relation(self._conn, saved.table)
        if relation is None:
            raise _not_exact(f"{saved.table} has saved rows and does not come back")
        columns = self._columns(saved.table)
        if saved.table in self._spec.reloaded:
            return self._reload(relation, saved, columns, rows) if relation.lockable else 0
        refilled = [unquoted(column) for table, column in self._spec.refilled if table == saved.table]
        wanted = [column for column in refilled if column not in columns.generated]
        completes = bool({saved.table, *find_parents(self._conn, saved.table)} & self._spec.completed)
        if not wanted and not completes:
            return 0
        # decision 14: rows that stayed are matched by primary key; nothing else identifies them.
        if not columns.key:
            raise _not_exact(f"{saved.table} has no primary key, so saved rows cannot be matched")
        with self._triggers_off(relation), self._staged(relation, saved, rows):
            filled = self._refill(relation, wanted, columns) if wanted else 0
            return filled + (self._complete(relation, saved, columns) if completes else 0)

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

    def advance(self, saved: SavedSequence) -> None:
        """Move a sequence to its saved value, unless it is further by now."""
        row = self._conn.execute(QUERIES["sequence"], {"sequence": saved.sequence}).fetchone()
        if row is None:
            return
        name, step = sql.Identifier(*row[:2]), row[2]
        here = self._conn.execute(sql.SQL("SELECT last_value, is_called FROM {}").format(name)).fetchall()[0]
        direction = 1 if step > 0 else -1
        if (saved.last_value * direction, saved.is_called) > (here[0] * direction, here[1]):
            self._conn.execute(
                "SELECT pg_catalog.setval(%s::regclass, %s, %s)", (saved.sequence, saved.last_value, saved.is_called)
            )

    def _columns(self, table: str) -> Columns:
        rows = self._conn.execute(QUERIES["columns"], {"table": table}).fetchall()
        return Columns(
            plain=tuple(name for name, generated, _ in rows if not generated),
            generated=frozenset(name for name, generated, _ in rows if generated),
            key=tuple(name for name, _, in_key in rows if in_key),
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
        query = sql.SQL("COPY {} ({}) FROM STDIN WITH (FORMAT csv, HEADER)").format(name, _names(columns))
        cursor = self._conn.cursor()
        with cursor.copy(query) as sink:
            for block in rows:
                sink.write(block)
        return cursor.rowcount

    @contextmanager
    def _staged(self, relation: Relation, saved: SavedTable, rows: Iterable[bytes]) -> Iterator[None]:
        create = sql.SQL("CREATE TEMPORARY TABLE backstop_rows AS SELECT {} FROM {} WITH NO DATA")
        self._conn.execute(create.format(_names(saved.columns), relation.name))
        self._copy(STAGE, saved.columns, rows)
        yield
        self._conn.execute(sql.SQL("DROP TABLE {}").format(STAGE))

    @contextmanager
    def _triggers_off(self, relation: Relation) -> Iterator[None]:
        """Disable the table's own triggers, which would change the rows. Foreign keys still hold."""
        triggers = self._conn.execute(QUERIES["user_triggers"], {"table": relation.identity}).fetchall()
        for name, _ in triggers:
            self._alter(relation, "DISABLE TRIGGER", name)
        yield
        self._conn.execute("SET CONSTRAINTS ALL IMMEDIATE")  # a table with events pending cannot be altered
        for name, enable in triggers:
            self._alter(relation, enable, name)

    def _alter(self, relation: Relation, action: str, trigger: str) -> None:
        statement = sql.SQL("ALTER TABLE {} {} {}")
        words = sql.SQL(action)
        self._conn.execute(statement.format(relation.name, words, sql.Identifier(trigger)))

    def _refill(self, relation: Relation, wanted: Sequence[str], columns: Columns) -> int:
        sets = sql.SQL(", ").join(sql.SQL("{0} = s.{0}").format(sql.Identifier(name)) for name in wanted)
        update = sql.SQL("UPDATE {} t SET {} FROM {} s WHERE {}")
        return self._conn.execute(update.format(relation.source, sets, STAGE, _same(columns.key))).rowcount

    def _complete(self, relation: Relation, saved: SavedTable, columns: Columns) -> int:
        names = [name for name in saved.columns if name not in columns.generated]
        return self._insert(relation, names, unless_there=True)

    def _insert(self, relation: Relation, names: Sequence[str], *, unless_there: bool = False) -> int:
        insert = sql.SQL("INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE SELECT {} FROM {}{}")
        listed, ending = _names(names), sql.SQL(" ON CONFLICT DO NOTHING" if unless_there else "")
        return self._conn.execute(insert.format(relation.name, listed, listed, STAGE, ending)).rowcount


def _names(columns: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, columns))


def _same(key: Sequence[str]) -> sql.Composed:
    return sql.SQL(" AND ").join(sql.SQL("t.{0} = s.{0}").format(sql.Identifier(name)) for name in key)


def _not_exact(why: str) -> PermanentError:
    return PermanentError(
        "undo-not-exact",
        f"The undo would not lead back to what was: {why}.",
        "Nothing was changed. Restore the emergency backup instead, or bring it back by hand.",
    )
