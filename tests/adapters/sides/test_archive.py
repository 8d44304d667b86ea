"""Archives: newer than the tool, damaged, with extensions."""

from pathlib import Path

import psycopg

from bot.adapters.clock import SystemClock
from bot.adapters.database import Server
from bot.adapters.database.connections import Connection
from bot.adapters.pgclient.tools import PgTools
from bot.adapters.sides import PostgresSides
from bot.domain.backups import BundleKind
from bot.sandbox.postgres import PostgresServer
from tests.adapters.sides.conftest import TIMING, TRACKING, Nasty, dump_directory, ignore, loader_login
from tests.adapters.sides.dumps import dump_as, refused


def test_an_archive_newer_than_the_tool(nasty: Nasty, tmp_path: Path) -> None:
    bundle = dump_as(nasty, BundleKind.CUSTOM, tmp_path / "dump")
    data = bytearray(bundle.path.read_bytes())
    data[6] = 99  # the format's minor version
    bundle.path.write_bytes(data)
    assert refused(nasty, bundle).reference == "tool-too-old"


def test_a_damaged_archive(nasty: Nasty, tmp_path: Path) -> None:
    bundle = dump_as(nasty, BundleKind.CUSTOM, tmp_path / "dump")
    bundle.path.write_bytes(bundle.path.read_bytes()[: bundle.size_bytes // 2])
    assert refused(nasty, bundle).reference == "load-failed"


def test_an_extension_only_a_superuser_can_make(
    nasty: Nasty, tmp_path: Path, server: Connection, tools: PgTools, postgres: PostgresServer
) -> None:
    with psycopg.connect(nasty.superuser_dsn, autocommit=True) as conn:
        conn.execute("CREATE EXTENSION pageinspect")
    bundle = dump_directory(nasty, tmp_path)
    error = refused(nasty, bundle)
    assert error.reference == "extension-needed"
    assert "pageinspect" in error.message
    assert "shadow_template" in error.hint
    server.execute("CREATE DATABASE nasty_with_extension TEMPLATE template0 IS_TEMPLATE true")
    try:
        with psycopg.connect(nasty.superuser_dsn.replace(nasty.name, "nasty_with_extension"), autocommit=True) as conn:
            conn.execute("CREATE EXTENSION pageinspect")
        sides = PostgresSides(
            Server(
                nasty.bot_dsn,
                TRACKING,
                TIMING,
                tools,
                SystemClock(),
                template="nasty_with_extension",
                loader=loader_login(postgres),
            )
        )
        side = sides.load("r1", bundle, ignore)
        assert sides.problems(side)
    finally:
        server.execute("ALTER DATABASE nasty_with_extension IS_TEMPLATE false")
        server.execute("DROP DATABASE nasty_with_extension WITH (FORCE)")
