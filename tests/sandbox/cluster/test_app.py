import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql

from bot.sandbox.cluster import ClusterEmulator, PodInfo
from bot.sandbox.cluster.app import PhysioFlowApp
from bot.sandbox.cluster.layout import image_name
from bot.sandbox.physioflow.clones import Clone
from bot.sandbox.postgres import PostgresServer, free_port
from tests.sandbox.cluster.conftest import QUICK
from tests.sandbox.cluster.kube import NAMESPACE, Kube, deployment, wait_until

TABLES = {1: "clinics", 15: "audit_log", 20: "report_templates", 27: "feature_flags"}


@pytest.fixture(scope="module")
def database(postgres: PostgresServer) -> Iterator[str]:
    """A database with the few tables the app looks at."""
    with psycopg.connect(postgres.superuser_dsn, autocommit=True) as conn:
        conn.execute("CREATE DATABASE app_sample")
    dsn = postgres.dsn("postgres", "app_sample")
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute("CREATE TABLE schema_migrations (name text PRIMARY KEY, applied_at timestamptz DEFAULT now())")
    yield dsn
    with psycopg.connect(postgres.superuser_dsn, autocommit=True) as conn:
        conn.execute("DROP DATABASE app_sample WITH (FORCE)")


def _migrate(dsn: str, schema: int) -> None:
    """Bring the sample to a schema: its tables, its tracking rows, the column that 026 adds."""
    with psycopg.connect(dsn) as conn:
        conn.execute("TRUNCATE schema_migrations")
        conn.execute("ALTER TABLE schema_migrations DROP COLUMN IF EXISTS version")
        names = [f"{number:03d}_step" for number in range(1, schema + 1)]
        conn.cursor().executemany("INSERT INTO schema_migrations (name) VALUES (%s)", [(name,) for name in names])
        if schema >= 26:
            conn.execute("ALTER TABLE schema_migrations ADD COLUMN version text")
            conn.execute("UPDATE schema_migrations SET version = left(name, 3)")
        for number, table in TABLES.items():
            word = "CREATE TABLE IF NOT EXISTS {} (id int)" if number <= schema else "DROP TABLE IF EXISTS {}"
            conn.execute(sql.SQL(word).format(sql.Identifier(table)))


def _ask(app: PhysioFlowApp, version: str, path: str = "/health", method: str = "GET", body: bytes = b"") -> Any:
    image = image_name("api", version)
    status, _, text = app.answer(NAMESPACE, "physioflow-api", image, method, path, body)
    return status, json.loads(text)


@pytest.mark.parametrize(
    ("schema", "healthy"),
    [
        (27, {"v1.3.0"}),
        (28, {"v1.3.0"}),
        (26, {"v1.2.3"}),
        (25, {"v1.2.3"}),
        (20, {"v1.2.3"}),
        (19, {"v1.1.4"}),
        (15, {"v1.1.4"}),
        (14, {"v1.0.9"}),
        (1, {"v1.0.9"}),
    ],
)
def test_only_a_version_that_can_use_the_schema_is_healthy(database: str, schema: int, healthy: set[str]) -> None:
    _migrate(database, schema)
    app = PhysioFlowApp({NAMESPACE: database})
    answers = {version: _ask(app, version) for version in ("v1.0.9", "v1.1.4", "v1.2.3", "v1.3.0")}
    assert {version for version, (status, _) in answers.items() if status == 200} == healthy
    assert {body["schema"] for _, body in answers.values()} == {f"{schema:03d}"}
    assert all(body["reason"] for status, body in answers.values() if status == 503)


def test_an_old_app_says_that_the_schema_is_too_new(database: str) -> None:
    _migrate(database, 27)
    status, body = _ask(PhysioFlowApp({NAMESPACE: database}), "v1.2.3")
    assert status == 503
    assert body["reason"] == "schema 027 is newer than this version knows (020 to 026)"


def test_a_new_app_really_misses_its_table(database: str) -> None:
    _migrate(database, 27)
    with psycopg.connect(database, autocommit=True) as conn:
        conn.execute("DROP TABLE feature_flags")
    app = PhysioFlowApp({NAMESPACE: database})
    status, body = _ask(app, "v1.3.0")
    assert (status, body["reason"]) == (503, 'relation "feature_flags" does not exist')
    status, body = _ask(app, "v1.3.0", "/api/appointments")
    assert (status, body["error"]) == (500, 'relation "feature_flags" does not exist')


def test_an_unknown_version_is_unhealthy(database: str) -> None:
    assert _ask(PhysioFlowApp({NAMESPACE: database}), "latest")[0] == 503


def test_a_database_that_is_away_is_a_503_without_its_address() -> None:
    port = free_port()
    app = PhysioFlowApp({NAMESPACE: f"postgresql://me:secret@127.0.0.1:{port}/none"})
    status, body = _ask(app, "v1.3.0")
    assert status == 503
    assert "database unavailable" in body["reason"]
    assert "secret" not in str(body)
    assert str(port) not in str(body)


def test_a_namespace_without_a_database_is_a_503() -> None:
    assert _ask(PhysioFlowApp({}), "v1.3.0")[0] == 503


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/nowhere", 404), ("DELETE", "/health", 405), ("GET", "/version", 200)]
)
def test_routes(database: str, method: str, path: str, status: int) -> None:
    assert _ask(PhysioFlowApp({NAMESPACE: database}), "v1.3.0", path, method)[0] == status


def test_the_web_frontend_needs_no_database() -> None:
    app = PhysioFlowApp({})
    for path in ("/health", "/"):
        assert app.answer(NAMESPACE, "physioflow-web", image_name("web", "v1.3.0"), "GET", path, b"")[0] == 200
    assert app.answer(NAMESPACE, "physioflow-web", image_name("web", "v1.3.0"), "GET", "/none", b"")[0] == 404


def test_appointments_are_counted_and_booked(sample_database: Callable[[], Clone]) -> None:
    app = PhysioFlowApp({NAMESPACE: sample_database().app_dsn})
    assert _ask(app, "v1.3.0")[1] == {"version": "v1.3.0", "status": "ok", "schema": "027"}
    status, before = _ask(app, "v1.3.0", "/api/appointments")
    assert status == 200
    assert _ask(app, "v1.3.0", "/api/appointments", "POST")[0] == 201
    wanted = b'{"patient_id": 2, "therapist_id": 3, "starts_at": "2026-03-02T08:00:00+07:00"}'
    assert _ask(app, "v1.3.0", "/api/appointments?x=1", "POST", wanted)[0] == 201
    assert _ask(app, "v1.3.0", "/api/appointments")[1]["count"] == before["count"] + 2


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{no", 400),
        (b"[]", 400),
        (b'{"colour": 1}', 400),
        (b'{"patient_id": 0}', 422),
        (b'{"starts_at": "soon"}', 500),
    ],
)
def test_an_appointment_that_cannot_be_booked(sample_database: Callable[[], Clone], body: bytes, status: int) -> None:
    app = PhysioFlowApp({NAMESPACE: sample_database().app_dsn})
    assert _ask(app, "v1.3.0", "/api/appointments", "POST", body)[0] == status


def _sessions(conn: psycopg.Connection[Any]) -> list[int]:
    query = "SELECT pid FROM pg_stat_activity WHERE datname = 'app_sample' AND application_name = 'physioflow-api'"
    return [pid for (pid,) in conn.execute(query)]


def _deploy(kube: Kube, replicas: int) -> None:
    body = deployment("physioflow-api", replicas=replicas, container={"image": image_name("api", "v1.3.0")})
    kube.apps.create_namespaced_deployment(NAMESPACE, body)


def test_running_pods_hold_sessions_and_fight_for_them(database: str, postgres: PostgresServer) -> None:
    before = set(threading.enumerate())
    app = PhysioFlowApp({NAMESPACE: database})
    with (
        psycopg.connect(postgres.superuser_dsn, autocommit=True) as conn,
        ClusterEmulator(app, namespaces=(NAMESPACE,), delays=QUICK) as emulator,
        Kube(emulator) as kube,
    ):
        _deploy(kube, 2)
        wait_until(lambda: len(_sessions(conn)) == 2)
        first = set(_sessions(conn))
        for pid in first:
            conn.execute("SELECT pg_terminate_backend(%s)", (pid,))
        wait_until(lambda: len(_sessions(conn)) == 2 and not first & set(_sessions(conn)))
        conn.execute("ALTER DATABASE app_sample ALLOW_CONNECTIONS false")
        for pid in _sessions(conn):
            conn.execute("SELECT pg_terminate_backend(%s)", (pid,))
        wait_until(lambda: not _sessions(conn))
        conn.execute("ALTER DATABASE app_sample ALLOW_CONNECTIONS true")
        wait_until(lambda: len(_sessions(conn)) == 2)
        kube.scale(1, "physioflow-api")
        wait_until(lambda: len(kube.pods()) == 1)
        assert len(_sessions(conn)) == 1
        emulator.stop()
        wait_until(lambda: not _sessions(conn))
    assert set(threading.enumerate()) == before


@pytest.mark.parametrize("image", [image_name("web", "v1.3.0"), "registry.example/other:v1.3.0"])
def test_only_the_api_holds_a_session(database: str, postgres: PostgresServer, image: str) -> None:
    app = PhysioFlowApp({NAMESPACE: database})
    app.pod_started(NAMESPACE, PodInfo(NAMESPACE, "pod", "uid", "deployment", image, {}))
    app.pod_stopping(NAMESPACE, PodInfo(NAMESPACE, "pod", "uid", "deployment", image, {}))
    with psycopg.connect(postgres.superuser_dsn, autocommit=True) as conn:
        assert _sessions(conn) == []


def test_sessions_can_be_turned_off(database: str) -> None:
    before = set(threading.enumerate())
    app = PhysioFlowApp({NAMESPACE: database}, hold_sessions=False)
    app.pod_started(NAMESPACE, PodInfo(NAMESPACE, "pod", "uid", "physioflow-api", image_name("api", "v1.3.0"), {}))
    assert set(threading.enumerate()) == before
