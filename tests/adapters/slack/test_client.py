"""Slack's errors become ours, with its own word on when to come back."""

import pytest

from bot.adapters.slack.app import build_client
from bot.adapters.slack.chat import SlackChat
from bot.errors import BotError, PermanentError, TemporaryError
from bot.ports import BarredError
from tests.adapters.slack.conftest import Place
from tests.adapters.slack.messages import CARD


def test_slacks_own_word_on_when_to_try_again_is_handed_on(place: Place) -> None:
    place.hands.fault(kind="429", method="chat.postMessage", times=1, retry_after_s=7)

    with pytest.raises(TemporaryError, match="slack-rate-limited") as limited:
        place.chat.post(CARD, "")

    assert limited.value.retry_after_s == 7
    assert len(place.calls("chat.postMessage")) == 1


@pytest.mark.parametrize(
    ("fault", "kind", "reference"),
    [
        ({"kind": "5xx", "status": 503}, TemporaryError, "slack-unavailable"),
        ({"kind": "error", "error": "internal_error"}, TemporaryError, "slack-unavailable"),
        ({"kind": "error", "error": "ratelimited"}, TemporaryError, "slack-rate-limited"),
        ({"kind": "drop"}, TemporaryError, "slack-unreachable"),
        ({"kind": "error", "error": "msg_blocks_too_long"}, PermanentError, "slack-msg-blocks-too-long"),
        ({"kind": "error", "error": "invalid_auth"}, BarredError, "slack-invalid-auth"),
    ],
)
def test_slacks_errors_are_ours(place: Place, fault: dict[str, str], kind: type[Exception], reference: str) -> None:
    place.hands.fault(method="chat.postMessage", **fault)

    with pytest.raises(kind) as failed:
        place.chat.post(CARD, "")

    assert isinstance(failed.value, BotError)
    assert failed.value.reference == reference
    assert "xoxb" not in str(failed.value)


def test_nobody_there_is_temporary() -> None:
    nowhere = SlackChat(build_client("xoxb-1", "http://127.0.0.1:9/api/"))

    with pytest.raises(TemporaryError, match="slack-unreachable"):
        nowhere.post(CARD, "")


def test_a_missing_scope_is_named(place: Place) -> None:
    place.hands.fault(kind="error", method="conversations.info", error="missing_scope")
    with pytest.raises(BarredError, match="slack-missing-scope"):
        place.chat.is_in("C0INCIDENT")
