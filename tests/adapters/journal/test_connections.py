"""How soon a server that vanished without a word is noticed."""

import socket

import psycopg
import pytest

from bot.adapters.database.connections import Connections
from bot.adapters.journal import migrate, open_pool
from bot.adapters.journal.connections import Pool
from bot.engine.runs.step_execution import LEASE_S, RENEW_EVERY_S
from bot.errors import PermanentError

OPTIONS = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT, socket.TCP_USER_TIMEOUT)


def patience_of(connection: psycopg.Connection) -> tuple[int, ...]:
    """What the kernel was told: seconds idle, seconds between probes, probes, milliseconds without an answer."""
    with socket.socket(fileno=connection.fileno()) as wire:
        try:
            return tuple(wire.getsockopt(socket.IPPROTO_TCP, option) for option in OPTIONS)
        finally:
            wire.detach()


def test_the_journal_s_connections_notice_within_the_lease(pool: Pool) -> None:
    with pool.connection() as connection:
        idle_s, interval_s, count, unanswered_ms = patience_of(connection)
    assert RENEW_EVERY_S + max(idle_s + interval_s * count, unanswered_ms / 1000) < LEASE_S


def test_the_state_dsn_s_own_patience_counts_more(state_dsn: str) -> None:
    dsn = f"{state_dsn} tcp_user_timeout=9000" if "://" not in state_dsn else f"{state_dsn}?tcp_user_timeout=9000"
    migrate(dsn)
    with open_pool(dsn, max_size=1) as pool, pool.connection() as connection:
        assert patience_of(connection) == (2, 1, 4, 9000)


def test_a_state_dsn_that_cannot_be_read_is_not_repeated() -> None:
    with pytest.raises(PermanentError, match="bad-dsn") as refused:
        migrate("host=db password='sesame")
    assert "sesame" not in str(refused.value)
    assert refused.value.__cause__ is None


@pytest.mark.parametrize(("said", "unanswered_ms"), [("", 120_000), ("tcp_user_timeout=30000", 30_000)])
def test_an_environment_s_connections_are_more_patient(state_dsn: str, said: str, unanswered_ms: int) -> None:
    connections = Connections(psycopg.conninfo.make_conninfo(state_dsn + (f"?{said}" if said else "")), "postgres", 1.0)
    with connections.session() as connection:
        assert patience_of(connection) == (15, 5, 3, unanswered_ms)
