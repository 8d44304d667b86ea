"""Requests to the API server: sent once, with a deadline, to paths that names cannot leave."""

import json
import socket

import pytest

from bot.adapters.cluster.api import JSON, Api, build_path
from bot.errors import TemporaryError
from tests.adapters.cluster.app import connected
from tests.adapters.cluster.canned import Canned
from tests.adapters.cluster.requests import PATH, TOKEN, WHAT


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
