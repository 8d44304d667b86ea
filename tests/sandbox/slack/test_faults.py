"""Faults on the Web API, as the client feels them."""

import time
from http.client import RemoteDisconnected
from typing import Any

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from tests.sandbox.slack.desk import Desk


def post(client: WebClient, channel: str = "C0DEV") -> Any:
    return client.chat_postMessage(channel=channel, text="x")


def test_429_for_one_method_with_its_retry_after(desk: Desk, client: WebClient) -> None:
    desk.fault(kind="429", method="chat.postMessage", retry_after_s=7, times=1)
    client.auth_test()

    with pytest.raises(SlackApiError) as refused:
        post(client)

    assert refused.value.response.headers["Retry-After"] == "7"
    assert post(client)["ok"]


def test_5xx_before_and_after_the_effect(desk: Desk, client: WebClient) -> None:
    desk.fault(kind="5xx", method="chat.postMessage", times=1)
    desk.fault(kind="5xx", method="chat.postMessage", times=1, after=True)
    for expected in (0, 1):
        with pytest.raises(SlackApiError) as refused:
            post(client)
        assert refused.value.response.status_code == 503
        assert len(desk.messages()) == expected


def test_a_dropped_call(desk: Desk, client: WebClient) -> None:
    desk.fault(kind="drop", method="chat.postMessage", times=1, after=True)

    with pytest.raises((RemoteDisconnected, ConnectionError)):
        post(client)

    assert len(desk.messages()) == 1


def test_a_named_error_in_one_channel_until_cleared(desk: Desk, client: WebClient) -> None:
    desk.fault(kind="error", channel="C0DEV", error="fatal_error")
    for _ in range(2):
        with pytest.raises(SlackApiError, match="fatal_error"):
            post(client)
    assert post(client, "C0STAGING")["ok"]

    assert [f["kind"] for f in desk.look("faults")["faults"]] == ["error"]
    desk.http.delete("/sandbox/faults")
    assert post(client)["ok"]


def test_a_delay(desk: Desk, client: WebClient) -> None:
    desk.fault(kind="delay", method="auth.test", delay_s=0.15, times=1)
    began = time.perf_counter()

    client.auth_test()

    assert time.perf_counter() - began >= 0.15


def test_a_fault_is_in_the_log(desk: Desk, client: WebClient) -> None:
    desk.fault(kind="error", method="auth.test")
    with pytest.raises(SlackApiError):
        client.auth_test()

    assert [(c["fault"], c["answer"]["error"]) for c in desk.look("calls")["calls"]] == [("error", "internal_error")]
