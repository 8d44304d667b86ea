"""Checks the integrity of a loaded database."""

from collections.abc import Iterator, Mapping, Sequence

import psycopg
from psycopg import sql

from bot.adapters.database.connections import Connection, is_disconnect, safe_message
from bot.adapters.named_queries import load
from bot.adapters.pgclient.tools import PgTools, ToolFailedError

QUERIES = load("sql.sides", "integrity.sql")
SHOWN = 5
JOBS = 2


def find_problems(conn: Connection, live_extensions: Mapping[str, str]) -> Iterator[str]:
    """Check indexes, constraints, sequences, collations and extensions; yields one line per problem.

    Args:
        conn: in the database.
        live_extensions: versions in the live database, by name.
    """
    for query in ("invalid_indexes", "unvalidated_constraints", "collations"):
        yield from (line for (line,) in conn.execute(QUERIES[query]).fetchall())
    yield from _find_sequences_behind(conn)
    for name, version in read_extensions(conn).items():
        if live_extensions.get(name, version) != version:
            yield f"Extension {name} is {version} here and {live_extensions[name]} in the live database."


def read_extensions(conn: Connection) -> Mapping[str, str]:
    """Read the versions of a database's extensions, by name."""
    return dict(conn.execute(QUERIES["extensions"]).fetchall())


def _find_sequences_behind(conn: Connection) -> Iterator[str]:
    for sequence_schema, sequence, schema, table, column, increment in conn.execute(
        QUERIES["owned_sequences"]
    ).fetchall():
        query = sql.SQL("SELECT s.last_value, (SELECT {extreme}({column}) FROM {table}) FROM {sequence} s").format(
            extreme=sql.SQL("max" if increment > 0 else "min"),
            column=sql.Identifier(column),
            table=sql.Identifier(schema, table),
            sequence=sql.Identifier(sequence_schema, sequence),
        )
        try:
            value, extreme = conn.execute(query).fetchall()[0]
        except psycopg.Error as error:
            if is_disconnect(error):
                raise
            yield f"Sequence {sequence_schema}.{sequence} could not be looked at: {safe_message(error)}."
            continue
        if extreme is not None and (value < extreme if increment > 0 else value > extreme):
            yield f"Sequence {sequence_schema}.{sequence} is at {value}, behind {schema}.{table}.{column} at {extreme}."


def check_heap(conn: Connection, tools: PgTools, environment: Mapping[str, str]) -> Sequence[str]:
    """Run pg_amcheck where its extension is installed and we may use it; return the first lines of its report."""
    if not conn.execute(QUERIES["amcheck"]).fetchall()[0][0]:
        return []
    database = f"--database={environment['PGDATABASE']}"
    arguments = [database, "--heapallindexed", f"--jobs={JOBS}", "--no-strict-names"]
    try:
        tools.start("pg_amcheck", arguments, environment).wait()
    except ToolFailedError as error:
        lines = [line.strip() for line in error.stderr.splitlines() if line.strip()] or [error.message]
        return [f"pg_amcheck: {line}" for line in lines[:SHOWN]]
    return []
