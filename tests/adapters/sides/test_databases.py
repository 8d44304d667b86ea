"""Side databases: ours are known by name, and only ours are dropped."""

from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from bot.adapters.database.connections import Connection
from bot.errors import PermanentError
from bot.sandbox.postgres import PostgresServer
from tests.adapters.sides.conftest import Nasty, dump_directory, ignore


def test_only_ours_are_dropped(nasty: Nasty, pair: tuple[str, str], postgres: PostgresServer) -> None:
    for name in (nasty.name, "postgres", "other_backstop_side_r1", f"{nasty.name}_backstop_shadow_r1"):
        with pytest.raises(PermanentError) as refused:
            nasty.sides.drop(name)
        assert refused.value.reference == "not-ours"
    with psycopg.connect(postgres.dsn("nasty_owner", pair[0])):
        nasty.sides.drop(pair[0])
    nasty.sides.drop(pair[0])
    assert nasty.sides.list() == []


def test_a_leftover_is_replaced(nasty: Nasty, tmp_path: Path, server: Connection) -> None:
    side = nasty.sides.name("side", "r1")
    server.execute(sql.SQL("CREATE DATABASE {} OWNER nasty_owner").format(sql.Identifier(side)))
    assert nasty.sides.load("r1", dump_directory(nasty, tmp_path), ignore) == side
    (facts,) = nasty.sides.list()
    assert (facts.name, facts.kind, facts.run_id) == (side, "side", "r1")
    assert nasty.sides.inspect(side).applied[0].name == "001_all"
