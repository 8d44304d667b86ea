"""Contents of tables, and databases loaded from a dump."""

import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bot.adapters.database.connections import Connection, Connections, snapshot
from bot.adapters.database.hashing import hash_tables, read_tables
from bot.adapters.pgclient.tools import PgTools
from bot.domain.backups import TableContent
from bot.domain.runs import Progress
from bot.sandbox.physioflow.clones import Clone
from bot.sandbox.postgres import find_bin_dir


def ignore(progress: Progress) -> None:
    del progress


@contextmanager
def restored(directory: Path, clone: Clone, server: Connection) -> Iterator[Connection]:
    """A database loaded from the dump, as a bundle's verification does."""
    name = f"{clone.name}_restored"
    server.execute(f"CREATE DATABASE {name} OWNER physioflow_prod TEMPLATE template0".encode())
    connections = Connections(clone.bot_dsn, "postgres", 1.0)
    environment = connections.tool_environment(name)
    command = [str(find_bin_dir() / "pg_restore"), "--exit-on-error", f"--dbname={name}", str(directory)]
    subprocess.run(  # noqa: S603 -- our own tool
        command, env=dict(environment), check=True, capture_output=True
    )
    try:
        with connections.session(name) as conn:
            yield conn
    finally:
        server.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def contents(conn: Connection) -> list[TableContent]:
    with snapshot(conn):
        return hash_tables(conn, read_tables(conn))


def wrapped_tools(directory: Path, before: str = "", after: str = "") -> PgTools:
    """The real tools, with something done in the shell before and after pg_dump dumps."""
    directory.mkdir()
    for tool in ("pg_dump", "pg_restore"):
        real, script = find_bin_dir() / tool, directory / tool
        dumps = tool == "pg_dump"
        script.write_text(
            f'#!/bin/sh\n[ "$1" = --version ] && exec {real} "$@"\n'
            f'{before if dumps else ""}\n{real} "$@" || exit\n{after if dumps else ""}\n'
        )
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return PgTools(directory)
