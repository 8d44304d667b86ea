import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.adapters.cluster.api import JSON, Api, build_path
from bot.adapters.cluster.client import connect
from bot.errors import PermanentError, TemporaryError
from tests.adapters.cluster.app import connected
from tests.adapters.cluster.canned import Canned, serve, status_object

TOKEN = "eyJhbGciOi"
PATH = build_path("apps/v1", "prod", "deployments", "api")
WHAT = "get deployments api in namespace prod"


@pytest.fixture
def server() -> Iterator[Canned]:
    with serve() as canned:
        yield canned


@pytest.fixture
def api(server: Canned) -> Iterator[Api]:
    with connected(server.url, TOKEN) as client:
        yield Api(client)


@pytest.mark.parametrize(
    ("status", "reason", "kind", "reference"),
    [
        (401, "Unauthorized", PermanentError, "cluster-forbidden"),
        (403, "Forbidden", PermanentError, "cluster-forbidden"),
        (404, "NotFound", PermanentError, "workload-not-found"),
        (400, "BadRequest", PermanentError, "cluster-refused"),
        (415, "UnsupportedMediaType", PermanentError, "cluster-refused"),
        (409, "Conflict", TemporaryError, "cluster-conflict"),
        (429, "TooManyRequests", TemporaryError, "cluster-unavailable"),
        (500, "InternalError", TemporaryError, "cluster-unavailable"),
        (503, "ServiceUnavailable", TemporaryError, "cluster-unavailable"),
    ],
)
def test_refusals(server: Canned, api: Api, status: int, reason: str, kind: type[Exception], reference: str) -> None:
    server.status, server.body = status, status_object(status, reason, f"no, {TOKEN}")
    with pytest.raises(kind, match=rf"^{reference}: .*{WHAT}.*{'' if status in {404, 409} else reason}") as caught:
        api.get(PATH, WHAT)
    assert TOKEN not in str(caught.value)


def test_an_invalid_field_is_named_and_its_value_is_not(server: Canned, api: Api) -> None:
    causes = [{"field": "spec.template.spec.containers[0].env[0].value", "message": 'Invalid value: "hunter2"'}]
    server.status, server.body = 422, status_object(422, "Invalid", 'Invalid value: "hunter2"', causes=causes)
    with pytest.raises(PermanentError, match=r"^cluster-refused: .*422 Invalid spec\.template") as caught:
        api.patch(PATH, WHAT, {})
    assert "hunter2" not in str(caught.value)


def test_the_server_says_when_to_come_back(server: Canned, api: Api) -> None:
    server.status, server.body = 429, status_object(429, "TooManyRequests", retryAfterSeconds=7)
    with pytest.raises(TemporaryError) as caught:
        api.get(PATH, WHAT)
    assert caught.value.retry_after_s == 7
    assert len(server.requests) == 1


@pytest.mark.parametrize("body", [b"<html>busy</html>", b"", b"[]"])
def test_what_is_no_object_comes_from_no_api_server(server: Canned, api: Api, body: bytes) -> None:
    server.body = body
    with pytest.raises(TemporaryError, match=r"^cluster-unavailable: "):
        api.get(PATH, WHAT)


def test_a_page_of_a_load_balancer_is_an_outage(server: Canned, api: Api) -> None:
    server.status, server.body = 502, b"<html>bad gateway</html>"
    with pytest.raises(TemporaryError, match=r"^cluster-unavailable: .*502"):
        api.get(PATH, WHAT)


def test_silence_ends_after_the_read_timeout_and_is_not_repeated(server: Canned) -> None:
    server.delay_s = 1.0
    with (
        connected(server.url, TOKEN) as client,
        pytest.raises(TemporaryError, match=r"^cluster-unavailable: .*ReadTimeoutError"),
    ):
        Api(client, read_timeout_s=0.3).get(PATH, WHAT)
    assert len(server.requests) == 1


def test_a_change_whose_answer_is_lost_is_not_sent_again_behind_our_back(server: Canned, api: Api) -> None:
    server.hang_up = True
    with pytest.raises(TemporaryError, match=r"^cluster-unavailable: .*ProtocolError"):
        api.patch(PATH, WHAT, {"spec": {}})
    assert [request[0] for request in server.requests] == ["PATCH"]


def test_a_server_that_refuses_connections() -> None:
    with socket.socket() as held:  # bound and not listening: nobody else gets the port
        held.bind(("127.0.0.1", 0))
        with (
            connected(f"http://127.0.0.1:{held.getsockname()[1]}", TOKEN) as client,
            pytest.raises(TemporaryError, match=r"^cluster-unavailable: .*NewConnectionError"),
        ):
            Api(client).get(PATH, WHAT)


def test_a_redirect_is_not_followed(server: Canned, api: Api) -> None:
    server.status, server.headers = 302, {"Location": f"{server.url}/elsewhere"}
    answer = api.raw("/somewhere", timeout_s=10.0, limit_bytes=10)
    assert answer.status == 302
    assert [request[1] for request in server.requests] == ["/somewhere"]


def test_what_is_sent(server: Canned, api: Api) -> None:
    api.get(PATH, WHAT, {"labelSelector": "app=a,tier in (x,y)"})
    api.patch(PATH, WHAT, {"spec": {"selector": {"gone": None}}})
    api.patch(PATH, WHAT, [{"op": "test", "path": "/a", "value": 1}], JSON)
    listed, merged, edited = server.requests
    assert listed[1] == f"{PATH}?labelSelector=app%3Da%2Ctier%20in%20%28x%2Cy%29"
    assert listed[2]["authorization"] == f"Bearer {TOKEN}"
    assert (merged[2]["Content-Type"], json.loads(merged[3])) == (
        "application/merge-patch+json",
        {"spec": {"selector": {"gone": None}}},
    )
    assert (edited[2]["Content-Type"], json.loads(edited[3])[0]["op"]) == ("application/json-patch+json", "test")


def test_names_cannot_leave_their_place_in_a_path() -> None:
    assert build_path("v1", "a/b", "pods", "../x", "log") == "/api/v1/namespaces/a%2Fb/pods/..%2Fx/log"
    assert build_path("v1", "prod", "pods", "p:80", "proxy") == "/api/v1/namespaces/prod/pods/p:80/proxy"


def test_a_kubeconfig(server: Canned, tmp_path: Path) -> None:
    config = {
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
        "clusters": [{"name": "k", "cluster": {"server": server.url}}],
        "users": [{"name": "u", "user": {"token": TOKEN}}],
    }
    (tmp_path / "config").write_text(json.dumps(config))
    with connected(kubeconfig=tmp_path / "config") as client:
        Api(client).get(PATH, WHAT)
    assert server.requests[0][2]["authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize("text", [None, "", f"token: {TOKEN}", f"{{{TOKEN}"])
def test_a_kubeconfig_that_cannot_be_used(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "config").write_text(text)
    with pytest.raises(PermanentError, match=r"^cluster-not-configured: The kubeconfig") as caught:
        connect(kubeconfig=tmp_path / "config")
    assert TOKEN not in str(caught.value)


def test_outside_a_pod_nothing_is_guessed() -> None:
    with pytest.raises(PermanentError, match=r"^cluster-not-configured: We run in no pod"):
        connect()
