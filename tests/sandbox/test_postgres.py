import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from bot.errors import PermanentError
from bot.sandbox.postgres import PostgresServer, find_bin_dir

ROOT = Path(__file__).parents[2]

# A parent that starts a server, says where, and then waits to be killed.
PARENT = """
import sys, time
from pathlib import Path
from bot.sandbox.postgres import PostgresServer
server = PostgresServer(Path(sys.argv[1]))
server.start()
print("started", flush=True)
time.sleep(60)
"""


def one(dsn: str, query: str) -> object:
    with psycopg.connect(dsn) as conn:
        return next(conn.execute(query.encode()))[0]


def server_pids(data_dir: Path) -> set[int]:
    """The postmaster and its children, from /proc."""
    postmaster = int((data_dir / "postmaster.pid").read_text().splitlines()[0])
    children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
    return {postmaster, *map(int, children)}


def is_alive(pid: int) -> bool:
    """A zombie waiting to be reaped is not alive."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def eventually(condition: Callable[[], bool], timeout_s: float = 10) -> bool:
    deadline = time.monotonic() + timeout_s
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("max_connections", "200"),
        ("max_prepared_transactions", "10"),
        ("wal_level", "logical"),
        ("listen_addresses", "127.0.0.1"),
        ("server_encoding", "UTF8"),
    ],
)
def test_settings(postgres: PostgresServer, setting: str, expected: str) -> None:
    assert one(postgres.superuser_dsn, f"SELECT current_setting('{setting}')") == expected


def test_a_wrong_password_is_refused(postgres: PostgresServer) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(postgres.superuser_dsn.replace(postgres.password, "wrong"))


@pytest.mark.parametrize("program", ["pg_dump", "pg_restore", "psql", "vacuumdb", "pg_amcheck"])
def test_bin_dir_has_the_programs_of_the_same_major(postgres: PostgresServer, program: str) -> None:
    command = [str(postgres.bin_dir / program), "--version"]
    reply = subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603 - the server's own
    major = int(str(one(postgres.superuser_dsn, "SHOW server_version_num"))) // 10000
    assert f"(PostgreSQL) {major}." in reply


def test_stop_leaves_no_process_and_no_listener(tmp_path: Path) -> None:
    with PostgresServer(tmp_path / "data") as server:
        pids = server_pids(server.data_dir)
        assert len(pids) > 3
        assert server.is_running()
        client = psycopg.connect(server.superuser_dsn)  # an open session does not hold up a fast shutdown
    client.close()
    assert not server.is_running()
    assert not any(map(is_alive, pids))
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port), timeout=1)
    server.stop()  # a second stop is nothing


def test_server_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    with subprocess.Popen(  # noqa: S603 - this interpreter, a script of this file
        [sys.executable, "-c", PARENT, data_dir], cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "started\n"
        pids = server_pids(data_dir)
        parent.kill()
    assert eventually(lambda: not any(map(is_alive, pids)))
    with PostgresServer(data_dir) as server:  # it was a shutdown, not a crash: nothing to recover
        assert one(server.superuser_dsn, "SELECT 1") == 1
        assert "not properly shut down" not in server.log_tail(200)


def test_immediate_restart_recovers_what_was_committed_on_the_same_port(tmp_path: Path) -> None:
    with PostgresServer(tmp_path / "data") as server:
        port = server.port
        with psycopg.connect(server.superuser_dsn) as conn:
            conn.execute("CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n")
        server.restart()
        assert server.port == port
        assert one(server.superuser_dsn, "SELECT count(*) FROM kept") == 1000
        assert "not properly shut down" in server.log_tail(50)


def test_a_data_directory_is_started_again_with_its_data(tmp_path: Path) -> None:
    with PostgresServer(tmp_path / "data") as first, psycopg.connect(first.superuser_dsn) as conn:
        conn.execute("CREATE TABLE kept ()")
    with PostgresServer(tmp_path / "data") as second:
        assert one(second.superuser_dsn, "SELECT to_regclass('kept')::text") == "kept"


def test_a_server_that_died_is_noticed_and_can_be_started_again(tmp_path: Path) -> None:
    with PostgresServer(tmp_path / "data") as server:
        pids = server_pids(server.data_dir)
        os.kill(int((server.data_dir / "postmaster.pid").read_text().splitlines()[0]), signal.SIGQUIT)
        assert eventually(lambda: not server.is_running())
        assert eventually(lambda: not any(map(is_alive, pids)))
        server.restart()
        assert one(server.superuser_dsn, "SELECT 1") == 1


def test_a_fixed_port_is_taken_and_a_busy_one_is_an_error_with_the_log(tmp_path: Path) -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        server = PostgresServer(tmp_path / "data", port=port)
        with pytest.raises(PermanentError) as refused:
            server.start()
        assert refused.value.reference == "postgres-not-started"
        assert "could not bind" in refused.value.hint
        assert not server.is_running()
    with server:
        assert one(server.superuser_dsn, "SELECT current_setting('port')") == str(port)


def test_binaries_are_those_of_backstop_pg_bin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgres: PostgresServer
) -> None:
    other = tmp_path / "bin"
    other.symlink_to(postgres.bin_dir)
    monkeypatch.setenv("BACKSTOP_PG_BIN", str(other))
    assert find_bin_dir() == other


def test_missing_binaries_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKSTOP_PG_BIN", str(tmp_path))
    with pytest.raises(PermanentError, match="has no initdb, postgres, pg_dump, pg_restore, psql") as refused:
        PostgresServer(tmp_path / "data")
    assert refused.value.reference == "postgres-binaries-missing"


def test_a_data_directory_that_cannot_be_used_is_an_error_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a cluster")
    with pytest.raises(PermanentError, match="postgres-not-created") as refused:
        PostgresServer(tmp_path).start()
    assert "not empty" in refused.value.hint
