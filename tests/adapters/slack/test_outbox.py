"""The outbox on a real wire, while Slack refuses the bot or takes its messages late."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from bot.adapters.clock import SystemClock
from bot.adapters.outbox import Pace, PostgresOutbox, Writer
from bot.adapters.slack.app import build_client
from bot.adapters.slack.chat import SlackChat
from bot.ports import Message
from tests.adapters.outbox.emptying import emptied
from tests.adapters.slack.conftest import Place

QUICK = Pace(edit_every_s=0.0, window_s=0.0, poll_s=0.05, first_barred_delay_s=0.1, longest_barred_delay_s=0.2)
CARD = Message("card:rk3f9a", "C0INCIDENT", "running", run_id="rk3f9a")
ENDED = replace(CARD, text="done")
REPORT = Message("report:rk3f9a", "C0INCIDENT", "report", thread_key="card:rk3f9a", run_id="rk3f9a")


@contextmanager
def writing(outbox: PostgresOutbox, chat: SlackChat, pace: Pace = QUICK) -> Iterator[None]:
    writer = Writer(outbox, chat, SystemClock(), pace)
    writer.start()
    try:
        yield
    finally:
        writer.stop()


def said(place: Place) -> list[str]:
    return [message["text"] for message in place.messages(channel="C0INCIDENT")]


@pytest.mark.parametrize(
    "error", ["token_revoked", "invalid_auth", "account_inactive", "not_in_channel", "is_archived", "channel_not_found",
              "missing_scope"]
)  # fmt: skip
def test_a_run_that_ended_while_the_bot_was_barred_is_reported_afterwards(
    place: Place, outbox: PostgresOutbox, error: str
) -> None:
    with writing(outbox, place.chat):
        outbox.put(CARD)
        assert emptied(outbox, 10.0)
        place.hands.fault(kind="error", error=error)
        outbox.put(ENDED)
        outbox.put(REPORT)
        assert not emptied(outbox, 1.0)
        place.hands.http.delete(f"{place.emulator.base_url}/sandbox/faults")
        assert emptied(outbox, 10.0)
    assert said(place) == ["done", "report"]


def test_a_new_token_comes_with_a_new_process(place: Place, outbox: PostgresOutbox) -> None:
    stale = SlackChat(build_client("xoxb-old", place.emulator.api_url))
    outbox.put(CARD)
    with writing(outbox, stale, Pace()):
        assert not emptied(outbox, 1.0)
    with writing(outbox, place.chat, Pace()):
        assert emptied(outbox, 5.0)
    assert said(place) == ["running"]


def test_a_post_slack_takes_a_second_after_it_timed_out_is_not_doubled(place: Place, outbox: PostgresOutbox) -> None:
    client = build_client(place.emulator.workspace.bot_token, place.emulator.api_url)
    client.timeout = 1
    place.hands.fault(kind="delay", method="chat.postMessage", delay_s=2.0, times=1)
    outbox.put(CARD)
    began_s = time.monotonic()
    with writing(outbox, SlackChat(client), replace(QUICK, settle_s=2.5)):
        assert emptied(outbox, 10.0)
    time.sleep(max(0.0, 3.0 - (time.monotonic() - began_s)))
    assert said(place) == ["running"]
    assert len(place.calls("chat.postMessage")) == 1
