"""The API server's answers become errors, without a secret."""

import pytest

from bot.adapters.cluster.api import Api
from bot.errors import PermanentError, RefusedError, TemporaryError
from tests.adapters.cluster.canned import Canned, status_object
from tests.adapters.cluster.requests import PATH, TOKEN, WHAT


@pytest.mark.parametrize(
    ("status", "reason", "kind", "reference"),
    [
        (401, "Unauthorized", PermanentError, "cluster-forbidden"),
        (403, "Forbidden", PermanentError, "cluster-denied"),
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
    named = "" if status in {403, 404, 409} else reason
    with pytest.raises(kind, match=rf"^{reference}: .*{WHAT}.*{named}") as caught:
        api.get(PATH, WHAT)
    assert TOKEN not in str(caught.value)


RBAC = 'deployments.apps "api" is forbidden: User "system:serviceaccount:b:b" cannot patch resource "deployments"'


@pytest.mark.parametrize(("status", "message"), [(401, "Unauthorized"), (403, RBAC), (403, "Forbidden"), (403, "")])
def test_a_missing_right_is_a_refusal_that_may_pass(server: Canned, api: Api, status: int, message: str) -> None:
    server.status, server.body = status, status_object(status, "Forbidden", message)
    with pytest.raises(RefusedError, match=r"^cluster-forbidden: "):
        api.patch(PATH, WHAT, {})


DENIED = [
    (403, 'admission webhook "policy.example.org" denied the request: images must be signed', []),
    (400, 'admission webhook "policy.example.org" denied the request: no labels of others', []),
    (
        422,
        "ValidatingAdmissionPolicy 'hold' with binding 'b' denied request: no hold label",
        [{"message": "no hold label"}],
    ),
    (403, 'pods "api-1" is forbidden: exceeded quota: small, requested: pods=3, used: pods=2, limited: pods=4', []),
    (403, 'pods "api" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true', []),
]


@pytest.mark.parametrize(("status", "message", "causes"), DENIED)
def test_what_admission_says_is_shown(
    server: Canned, api: Api, status: int, message: str, causes: list[dict[str, str]]
) -> None:
    reason = "Invalid" if causes else "Forbidden"
    server.status, server.body = status, status_object(status, reason, message, causes=causes)
    with pytest.raises(PermanentError) as caught:
        api.patch(PATH, WHAT, {})
    assert not isinstance(caught.value, RefusedError)
    assert caught.value.reference == "cluster-denied"
    assert message in caught.value.message


def test_the_words_of_admission_are_cut_and_hold_no_token(server: Canned, api: Api) -> None:
    words = f'admission webhook "x" denied the request:\n{TOKEN}.abc Bearer {TOKEN} ' + "long " * 100
    server.status, server.body = 403, status_object(403, "Forbidden", words)
    with pytest.raises(PermanentError) as caught:
        api.patch(PATH, WHAT, {})
    assert TOKEN not in str(caught.value)
    assert "\n" not in caught.value.message
    assert len(caught.value.message) < 300


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
