"""Puts the rows of tables that stayed back as they were saved; rows that others have written since stay as they are.

A row carries the id of the transaction that wrote it. So the rows that were written after the chain are known before
anything is changed; everything else is led back to what was saved, by primary key.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import psycopg
from psycopg import sql

from bot.adapters.database.connections import Connection
from bot.adapters.database.hashing import read_contents
from bot.adapters.database.relations import Relation, count_rows, find_parents, find_relation
from bot.adapters.database.undo_rollback.contents import QUERIES
from bot.adapters.database.undo_rollback.exactness import not_exact
from bot.adapters.database.undo_rollback.row_statements import (
    Stayed,
    as_text,
    delete_unmatched,
    insert_unmatched,
    mine,
    names,
    same_key,
)
from bot.adapters.database.undo_rollback.table_body import unquoted
from bot.adapters.database.undo_rollback.written_since import written_later
from bot.domain.backups import SavedTable
from bot.ports import RecreationSpec, RowSource


class StayingRows:
    """Restores them in one session's open transaction.

    Args:
        conn: the session.
        spec: what is to come back.
        tracking_table: whose rows are the bot's own bookkeeping.
        with_rows: false on a copy, in which nobody has written.
    """

    def __init__(self, conn: Connection, spec: RecreationSpec, tracking_table: str, *, with_rows: bool = True) -> None:
        self._conn = conn
        self._with_rows = with_rows
        self._spec = spec
        self._tracking_table = tracking_table
        self._tables: list[Stayed] = []

    def look(self, tables: Sequence[SavedTable]) -> None:
        """Find the tables, and the rows that others have written since: before anything is changed."""
        for number, saved in enumerate(tables):
            refilled = tuple(unquoted(column) for table, column in self._spec.refilled if table == saved.table)
            completed = bool({saved.table, *find_parents(self._conn, saved.table)} & self._spec.completed)
            if refilled or completed:
                relation = find_relation(self._conn, saved.table)
                if relation is None:
                    raise not_exact(f"{saved.table} has saved rows and is gone")
                self._tables.append(self._look(number, saved, relation, refilled, completed=completed))

    @property
    def without_key(self) -> tuple[str, ...]:
        """Return the tables whose rows nothing identifies."""
        return tuple(table.saved.table for table in self._tables if not table.key)

    def _look(
        self, number: int, saved: SavedTable, relation: Relation, refilled: tuple[str, ...], *, completed: bool
    ) -> Stayed:
        columns = self._conn.execute(QUERIES["columns"], {"table": saved.table}).fetchall()
        key = tuple(name for name, _, in_key, _ in columns if in_key)
        later = sql.Identifier("pg_temp", f"backstop_later_{number}")
        stage = sql.Identifier("pg_temp", f"backstop_rows_{number}")
        since = self._collect_later(relation, key, later, saved)
        return Stayed(saved, relation, (), frozenset(), key, refilled, completed, stage, later, since)

    def _collect_later(self, relation: Relation, key: Sequence[str], later: sql.Identifier, saved: SavedTable) -> int:
        condition, trace = written_later(self._conn, self._spec.trace), self._spec.trace
        if not key:
            if trace is None:
                raise not_exact(f"{saved.table} has no primary key, so saved rows cannot be matched")
            count = sql.SQL("SELECT count(*) FROM {} t WHERE {}").format(relation.source, condition)
            since = int(self._conn.execute(count).fetchall()[0][0])
            if self._with_rows and (since or count_rows(self._conn, relation) != trace.rows.get(saved.table)):
                raise not_exact(f"{saved.table} has no primary key and has been written to since")
            return 0
        create = sql.SQL("CREATE TEMPORARY TABLE {} AS SELECT {} FROM {} t WHERE {}")
        return self._conn.execute(create.format(later, names(key), relation.source, condition)).rowcount

    @contextmanager
    def quiet(self) -> Iterator[None]:
        """Keep the tables' own triggers and rules from changing rows, and foreign keys from being looked at too early.

        Foreign keys are checked before the context ends.
        """
        undo: list[sql.Composed] = []
        for table in self._tables:
            for query in ("user_triggers", "user_rules", "foreign_keys"):
                found = self._conn.execute(QUERIES[query], {"table": table.saved.table}).fetchall()
                for on, off_words, name, words in found:
                    target = sql.SQL("ALTER TABLE {} {} {}{}")
                    off, _, off_after = off_words.partition("%")
                    back, _, back_after = words.partition("%")
                    self._conn.execute(
                        target.format(sql.SQL(on), sql.SQL(off), sql.Identifier(name), sql.SQL(off_after))
                    )
                    undo.append(target.format(sql.SQL(on), sql.SQL(back), sql.Identifier(name), sql.SQL(back_after)))
        yield
        self._conn.execute("SET CONSTRAINTS ALL IMMEDIATE")  # a table with events pending cannot be altered
        for statement in undo:
            self._conn.execute(statement)

    def restore(self, rows: RowSource) -> dict[str, int]:
        """Stage the saved rows; delete what the chain inserted, put back what it changed, insert what it deleted.

        Returns the number of rows it made or changed, by table.
        """
        self._tables = [self._stage(table, rows) for table in self._tables]
        made = dict.fromkeys((table.saved.table for table in self._tables), 0)
        # First, so that no row refers to what is then deleted, and no cascade follows.
        blocked = [table for table in self._tables if table.key and not self._update(table, made)]
        whole = [table for table in self._tables if table.completed or not table.key]
        for table in reversed(whole):  # children first
            made[table.saved.table] += self._delete(table)
        for table in blocked:
            if not self._update(table, made):
                self._replace(table)
        for table in whole:
            made[table.saved.table] += self._insert(table)
        return made

    def _stage(self, table: Stayed, rows: RowSource) -> Stayed:
        """Read the saved rows into a temporary table: the columns are all there now, so it has their types."""
        saved, name = table.saved, table.relation.name
        create = sql.SQL("CREATE TEMPORARY TABLE {} AS SELECT {} FROM {} WITH NO DATA")
        self._conn.execute(create.format(table.stage, names(saved.columns), name))
        copy = sql.SQL("COPY {} ({}) FROM STDIN WITH (FORMAT csv, HEADER)")
        with self._conn.cursor().copy(copy.format(table.stage, names(saved.columns))) as sink:
            for block in rows(saved):
                sink.write(block)
        self._conn.execute(sql.SQL("ANALYZE {}").format(table.stage))
        columns = self._conn.execute(QUERIES["columns"], {"table": saved.table}).fetchall()
        return replace(
            table,
            plain=tuple(name for name, generated, _, _ in columns if not generated),
            fixed=frozenset(name for name, _, _, fixed in columns if fixed),
        )

    def _delete(self, table: Stayed) -> int:
        if not table.key:
            return delete_unmatched(self._conn, table)
        query = sql.SQL("DELETE FROM {} t WHERE NOT EXISTS {} AND NOT EXISTS {}")
        same = sql.SQL("(SELECT FROM {} s WHERE {})")
        return self._conn.execute(
            query.format(
                table.relation.source,
                same.format(table.stage, same_key(table.key)),
                same.format(table.later, same_key(table.key)),
            )
        ).rowcount

    def _update(self, table: Stayed, made: dict[str, int]) -> bool:
        """Set the rows that the chain left to what was saved; of others' rows only the columns that come back.

        Returns whether it could: a value may be taken by a row that is still to go, or to change.
        """
        refilled = [name for name in table.refilled if name in table.plain and name not in table.fixed]
        free = [name for name in table.plain if name not in table.fixed]
        try:
            with self._conn.transaction():
                if table.completed:
                    made[table.saved.table] += self._set(table, free, mine(table))
                made[table.saved.table] += self._set(table, refilled, sql.SQL("true"))
        except psycopg.errors.UniqueViolation:
            return False
        return True

    def _set(self, table: Stayed, columns: Sequence[str], condition: sql.Composable) -> int:
        if not columns:
            return 0
        query = sql.SQL("UPDATE {} t SET {} FROM {} s WHERE {} AND {} AND {} IS DISTINCT FROM {}")
        sets = sql.SQL(", ").join(sql.SQL("{0} = s.{0}").format(sql.Identifier(name)) for name in columns)
        differ = (as_text("t", columns), as_text("s", columns))
        target, key = table.relation.source, same_key(table.key)
        return self._conn.execute(query.format(target, sets, table.stage, key, condition, *differ)).rowcount

    def _replace(self, table: Stayed) -> None:
        """Delete the rows that differ: the insertion brings them back. Values that change places are unique then."""
        if not table.completed:
            raise not_exact(f"values that come back to {table.saved.table} are there already")
        query = sql.SQL("DELETE FROM {} t USING {} s WHERE {} AND {} AND {} IS DISTINCT FROM {}")
        differ = (as_text("t", table.plain), as_text("s", table.plain))
        target, key = table.relation.source, same_key(table.key)
        self._conn.execute(query.format(target, table.stage, key, mine(table), *differ))

    def _insert(self, table: Stayed) -> int:
        if not table.key:
            return insert_unmatched(self._conn, table)
        query = sql.SQL(
            "INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE SELECT {} FROM {} t"
            " WHERE NOT EXISTS (SELECT FROM {} s WHERE {})"
        )
        listed = names(table.plain)
        return self._conn.execute(
            query.format(table.relation.name, listed, listed, table.stage, table.relation.source, same_key(table.key))
        ).rowcount

    def verify(self) -> None:
        """Compare what is there now with what was saved.

        Raises:
            PermanentError: ``undo-not-exact``.
        """
        for table in self._tables:
            if table.saved.table == self._tracking_table:
                continue
            wrong = self._differs(table) if table.key else 0
            if wrong:
                raise not_exact(f"{wrong} rows of {table.saved.table} would not be what was saved")
            if not table.written_since and table.completed:
                self._compare(table)

    def _differs(self, table: Stayed) -> int:
        """Count the saved rows that nobody has written since and that are not there as saved."""
        columns = table.plain if table.completed else [name for name in table.refilled if name in table.plain]
        if not columns:
            return 0
        query = sql.SQL(
            "SELECT count(*) FROM {} s LEFT JOIN {} t ON {} WHERE {} IS DISTINCT FROM {} {}"
            "AND NOT EXISTS (SELECT FROM {} l WHERE {})"
        )
        key_of_later = sql.SQL(" AND ").join(
            sql.SQL("l.{0} = s.{0}").format(sql.Identifier(name)) for name in table.key
        )
        return int(
            self._conn.execute(
                query.format(
                    table.stage,
                    table.relation.source,
                    same_key(table.key),
                    sql.SQL("CASE WHEN t.ctid IS NOT NULL THEN {} END").format(as_text("t", columns)),
                    as_text("s", columns),
                    sql.SQL("") if table.completed else sql.SQL("AND t.ctid IS NOT NULL "),
                    table.later,
                    key_of_later,
                )
            ).fetchall()[0][0]
        )

    def _compare(self, table: Stayed) -> None:
        with self._conn.transaction(force_rollback=True):  # hashing changes settings
            (now,) = read_contents(self._conn, [table.relation])
        saved = table.saved
        if (now.rows, now.content_hash) != (saved.rows, saved.content_hash or now.content_hash):
            raise not_exact(f"{saved.table} would have {now.rows} rows that are not the {saved.rows} saved ones")
