"""Compares a chain in the bot's own executor with `psql` running the same statements in one transaction."""

import statistics
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bot.adapters.clock import SystemClock
from bot.adapters.database import PostgresDatabase, Server, Tracking
from bot.adapters.migration_files.files import ScriptFiles
from bot.adapters.pgclient.tools import PgTools
from bot.domain.environments import Timing
from bot.domain.migrations import DownScript
from bot.sandbox.physioflow import clones
from bot.sandbox.workplace import DOWN_DIR, Sandbox

ROUNDS = 9
DOWN_TO = 18


def measure(sandbox: Sandbox) -> tuple[float, float]:
    """Median seconds of the whole chain 027…018: (ours, psql's), each round on a fresh copy, in turn."""
    scripts = ScriptFiles(DOWN_DIR, "schema_migrations").load()
    chain = [scripts[version] for version in range(27, DOWN_TO - 1, -1)]
    ours, theirs = [], []
    for number in range(ROUNDS):
        ours.append(_ours(sandbox, chain, f"bench_ours_{number}"))
        theirs.append(_psql(sandbox, chain, f"bench_psql_{number}"))
    return statistics.median(ours), statistics.median(theirs)


def _ours(sandbox: Sandbox, chain: Sequence[DownScript], name: str) -> float:
    clone = clones.clone(sandbox.postgres, "sample_prod", name)
    tracking = Tracking("schema_migrations", ("version", "name"))
    database = PostgresDatabase(
        Server(clone.bot_dsn, tracking, Timing(), PgTools(sandbox.postgres.bin_dir), SystemClock())
    )
    access = database.take_exclusive_access("bench")
    try:
        began = time.monotonic()
        access.run_chain(chain, frozenset(range(1, DOWN_TO)), (), lambda: None)
        return time.monotonic() - began
    finally:
        access.close()
        clones.drop(sandbox.postgres, name)


def _psql(sandbox: Sandbox, chain: Sequence[DownScript], name: str) -> float:
    clone = clones.clone(sandbox.postgres, "sample_prod", name)
    lines = [f"{statement.sql};" for script in chain for statement in script.statements]
    deletes = [f"DELETE FROM schema_migrations WHERE name = '{script.name}';" for script in chain]
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "chain.sql"
        path.write_text("\n".join(lines + deletes))
        command = [str(sandbox.postgres.bin_dir / "psql"), "-q", "-X", "-1", "-v", "ON_ERROR_STOP=1", "-f", str(path)]
        began = time.monotonic()
        subprocess.run([*command, clone.owner_dsn], check=True, capture_output=True)  # noqa: S603 - our own server's tool
        took = time.monotonic() - began
    clones.drop(sandbox.postgres, name)
    return took
