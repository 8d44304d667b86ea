"""Slack's rate limits, on a clock that the tests move."""

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bot.sandbox.slack import SlackEmulator
from bot.sandbox.slack.rates import RateLimits
from tests.sandbox.slack.desk import Clock, Desk

BURSTS = {"chat.postMessage": 5, "chat.update": 50, "users.info": 100, "usergroups.users.list": 20}


@pytest.mark.parametrize(("method", "burst"), BURSTS.items())
def test_a_burst_passes_and_then_the_wait_is_reported(clock: Clock, method: str, burst: int) -> None:
    limits = RateLimits(clock)

    waits = [limits.wait_s(method, "C1") for _ in range(burst + 1)]

    assert waits[:burst] == [0] * burst
    assert waits[burst] > 0
    clock.advance(waits[burst])
    assert limits.wait_s(method, "C1") == 0


def test_posts_go_one_a_second_a_channel(clock: Clock) -> None:
    limits = RateLimits(clock)
    for _ in range(5):
        limits.wait_s("chat.postMessage", "C1")

    assert limits.wait_s("chat.postMessage", "C1") == 1
    assert limits.wait_s("chat.postMessage", "C2") == 0


def test_a_tier_3_method_refills_fifty_a_minute(clock: Clock) -> None:
    limits = RateLimits(clock)
    while limits.wait_s("chat.update", "") == 0:
        pass

    clock.advance(60)

    assert [limits.wait_s("chat.update", "") for _ in range(51)].count(0) == 50


def test_the_scale_stretches_the_rates_and_zero_lifts_them(clock: Clock) -> None:
    assert [RateLimits(clock, 0.2).wait_s("chat.postMessage", "C1") for _ in range(3)].count(0) == 3
    slow = RateLimits(clock, 0.2)
    assert [slow.wait_s("chat.postMessage", "C1") for _ in range(2)] == [0, 5]
    free = RateLimits(clock, 0)
    assert {free.wait_s("chat.postMessage", "C1") for _ in range(500)} == {0}


def test_a_client_sees_429_with_retry_after(clock: Clock) -> None:
    with SlackEmulator(clock=clock) as emulator:
        client = WebClient(token=emulator.workspace.bot_token, base_url=emulator.api_url)
        for _ in range(5):
            client.chat_postMessage(channel="C0DEV", text="x")
        with pytest.raises(SlackApiError) as refused:
            client.chat_postMessage(channel="C0DEV", text="x")

    assert (refused.value.response.status_code, refused.value.response["error"]) == (429, "ratelimited")
    assert refused.value.response.headers["Retry-After"] == "1"


def test_the_rates_can_be_changed_while_running(desk: Desk, client: WebClient) -> None:
    desk.fault(kind="rates", scale=0.001)
    client.users_info(user="U0ENG")

    with pytest.raises(SlackApiError, match="ratelimited"):
        client.users_info(user="U0ENG")
