"""The API server's answers become errors, without a secret."""

import pytest

from bot.adapters.cluster.api import Api
from bot.errors import PermanentError, TemporaryError
from tests.adapters.cluster.canned import Canned, status_object
from tests.adapters.cluster.requests import PATH, TOKEN, WHAT


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
