"""Plays PhysioFlow's app in the emulator's pods: its version comes from the image, its data from PostgreSQL."""

import json
import threading
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any

import psycopg

from bot.sandbox.cluster import schema_check
from bot.sandbox.cluster.ports import Answer, PodInfo
from bot.sandbox.cluster.schema_check import Needs
from bot.sandbox.cluster.sessions import APPLICATION_NAME, HeldSession, connect

_BOOK = """
INSERT INTO appointments (clinic_id, patient_id, therapist_id, starts_at)
SELECT patient.clinic_id, patient.id, therapist.id, coalesce(%(starts_at)s::timestamptz, now() + interval '1 day')
FROM (SELECT id, clinic_id FROM patients WHERE coalesce(id = %(patient_id)s, true) ORDER BY id LIMIT 1) patient,
     (SELECT id FROM therapists WHERE coalesce(id = %(therapist_id)s, true) ORDER BY id LIMIT 1) therapist
RETURNING id
"""
FIELDS = ("patient_id", "therapist_id", "starts_at")

_WEB = "physioflow-web"
_Route = Callable[[psycopg.Connection[Any], Needs, bytes], Answer]


class PhysioFlowApp:
    """Implements `AppBehaviour`.

    The api's ``/health`` is 200 or 503 by its version and the live schema; ``/api/appointments`` counts (GET) and
    books (POST); ``/version``. The web frontend has no database.

    Args:
        dsns: libpq DSN per namespace.
        hold_sessions: whether each running api pod keeps a session open, and takes it again when it is cut.
    """

    def __init__(self, dsns: Mapping[str, str], *, hold_sessions: bool = True) -> None:
        self._dsns, self._hold_sessions = dict(dsns), hold_sessions
        self._sessions: dict[str, HeldSession] = {}
        self._lock = threading.Lock()

    def answer(self, namespace: str, deployment: str, image: str, method: str, path: str, body: bytes) -> Answer:  # noqa: ARG002 -- the port's signature
        """Answer one request; every database trouble is a 503."""
        place = path.partition("?")[0]
        if place == "/version" and method == "GET":
            return _say(200, version=schema_check.read_tag(image), app=schema_check.read_name(image))
        if schema_check.read_name(image) == _WEB:
            return _answer_web(place, image)
        routes = _ROUTES.get(place)
        if routes is None:
            return _say(404, error=f"no route {place}")
        if method not in routes:
            return _say(405, error=f"{place} takes {', '.join(routes)}")
        return self._serve(namespace, image, routes[method], body)

    def _serve(self, namespace: str, image: str, route: _Route, body: bytes) -> Answer:
        version, needs = schema_check.read_tag(image), Needs.of_image(image)
        if needs is None:
            return _say(503, status="unhealthy", version=version, reason=f"unknown version {version}")
        if namespace not in self._dsns:
            return _say(503, status="unhealthy", version=version, reason=f"no database configured for {namespace}")
        try:
            with closing(connect(self._dsns[namespace])) as conn:
                status, headers, text = route(conn, needs, body)
        except psycopg.Error as error:
            reason = f"database unavailable: {schema_check.say(error)}"
            return _say(503, status="unhealthy", version=version, reason=reason)
        return status, headers, json.dumps({"version": version} | json.loads(text)).encode()

    def pod_started(self, namespace: str, pod: PodInfo) -> None:
        """Open the pod's session, if it is an api pod."""
        wanted = self._hold_sessions and namespace in self._dsns
        if wanted and schema_check.read_name(pod.image) == APPLICATION_NAME:
            with self._lock:
                self._sessions[pod.uid] = HeldSession(self._dsns[namespace], pod.name)

    def pod_stopping(self, namespace: str, pod: PodInfo) -> None:  # noqa: ARG002 -- the port's signature
        """Close the pod's session; returns when it is closed."""
        with self._lock:
            session = self._sessions.pop(pod.uid, None)
        if session:
            session.close()


def _answer_web(path: str, image: str) -> Answer:
    version = schema_check.read_tag(image)
    if path == "/health":
        return _say(200, status="ok", version=version)
    if path == "/":
        page = f"<!doctype html><title>PhysioFlow {version}</title><h1>PhysioFlow</h1>"
        return 200, {"Content-Type": "text/html; charset=utf-8"}, page.encode()
    return _say(404, error=f"no page {path}")


def _check_health(conn: psycopg.Connection[Any], needs: Needs, _body: bytes) -> Answer:
    health = schema_check.check_health(conn, needs)
    if health.reason:
        return _say(503, status="unhealthy", schema=f"{health.schema:03d}", reason=health.reason)
    return _say(200, status="ok", schema=f"{health.schema:03d}")


def _guard(route: _Route) -> _Route:
    """Run the version's own query first, as every request of the app does."""

    def guarded(conn: psycopg.Connection[Any], needs: Needs, body: bytes) -> Answer:
        try:
            conn.execute(needs.query)
            return route(conn, needs, body)
        except (psycopg.ProgrammingError, psycopg.IntegrityError, psycopg.DataError) as error:
            return _say(500, error=schema_check.say(error))

    return guarded


def _count(conn: psycopg.Connection[Any], _needs: Needs, _body: bytes) -> Answer:
    return _say(200, count=_count_appointments(conn))


def _book(conn: psycopg.Connection[Any], _needs: Needs, body: bytes) -> Answer:
    try:
        wanted = json.loads(body or b"{}")
    except ValueError:
        return _say(400, error="the body is no JSON")
    if not isinstance(wanted, dict) or wanted.keys() - set(FIELDS):
        return _say(400, error=f"the body is an object with any of {', '.join(FIELDS)}")
    booked = _insert_appointment(conn, wanted)
    return _say(422, error="no such patient or therapist") if booked is None else _say(201, id=booked)


_ROUTES: dict[str, dict[str, _Route]] = {
    "/health": {"GET": _check_health},
    "/api/appointments": {"GET": _guard(_count), "POST": _guard(_book)},
}


def _say(code: int, /, **fields: object) -> Answer:
    return code, {"Content-Type": "application/json"}, json.dumps(fields).encode()


def _count_appointments(conn: psycopg.Connection[Any]) -> int:
    """Count all appointments."""
    row = conn.execute("SELECT count(*) FROM appointments").fetchone()
    return int(row[0]) if row else 0


def _insert_appointment(conn: psycopg.Connection[Any], wanted: Mapping[str, Any]) -> int | None:
    """Book one for the patient and therapist wanted, or for the first ones; None when there is no such person."""
    row = conn.execute(_BOOK, {field: wanted.get(field) for field in FIELDS}).fetchone()
    return int(row[0]) if row else None
