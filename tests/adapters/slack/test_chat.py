"""Posting, editing, showing, uploading and finding again, on a real wire."""

from typing import Any

import pytest

from bot.errors import PermanentError, TemporaryError
from bot.ports import Attachment, BarredError, Message
from bot.views.kit import blocks
from tests.adapters.slack.conftest import Place
from tests.adapters.slack.messages import BLOCKS, CARD
from tests.sandbox.slack.desk import Ear

LIST = [*BLOCKS, *blocks.actions([blocks.button("Older", "older_backups", "{}")])]


REPORT = Message(
    "file:rk3f9a", "C0INCIDENT", "the whole report", attachment=Attachment("report.json", "Report", b'{"ok": true}')
)


EPHEMERAL = Message("answer:1", "C0INCIDENT", "psst", BLOCKS, user="U0LEADA")


def test_a_message_carries_its_key_and_unfurls_nothing(place: Place) -> None:
    ts = place.chat.post(CARD, "")

    (said,) = place.messages(channel="C0INCIDENT")
    assert (said["ts"], said["text"]) == (ts, "hello")
    sent = place.calls("chat.postMessage")[0]["arguments"]
    assert sent["metadata"] == {"event_type": "backstop_message", "event_payload": {"key": "card:rk3f9a"}}
    assert (sent["unfurl_links"], sent["unfurl_media"]) == (False, False)


def test_a_reply_goes_to_its_thread(place: Place) -> None:
    card = place.chat.post(CARD, "")

    place.chat.post(CARD, card)

    assert [said["thread_ts"] for said in place.messages(channel="C0INCIDENT", thread_ts=card)][-1] == card


def test_an_edit_replaces_text_and_blocks(place: Place) -> None:
    ts = place.chat.post(CARD, "")

    place.chat.update(Message("card:rk3f9a", "C0INCIDENT", "closed", ()), ts)

    (said,) = place.messages(channel="C0INCIDENT")
    assert said["text"] == "closed"
    assert said["blocks"] == []


def test_a_message_is_found_again_by_its_key(place: Place) -> None:
    card = place.chat.post(CARD, "")
    reply = place.chat.post(Message("note:rk3f9a:started", "C0INCIDENT", "go", BLOCKS), card)
    for number in range(3):
        place.chat.post(Message(f"card:r{number}", "C0INCIDENT", "more", BLOCKS), "")

    assert place.chat.find_posted("C0INCIDENT", "", "card:rk3f9a") == card
    assert place.chat.find_posted("C0INCIDENT", card, "note:rk3f9a:started") == reply
    assert place.chat.find_posted("C0INCIDENT", "", "note:rk3f9a:started") is None
    assert place.chat.find_posted("C0INCIDENT", card, "card:nobody") is None


def test_an_answer_that_was_lost_is_found_instead_of_posted_twice(place: Place) -> None:
    place.hands.fault(kind="drop", method="chat.postMessage", times=1, after=True)

    with pytest.raises(TemporaryError, match="slack-unreachable"):
        place.chat.post(CARD, "")

    assert len(place.calls("chat.postMessage")) == 1
    found = place.chat.find_posted("C0INCIDENT", "", "card:rk3f9a")
    assert found == place.messages(channel="C0INCIDENT")[0]["ts"]


def test_pages_of_history_are_followed(place: Place) -> None:
    card = place.chat.post(CARD, "")
    for number in range(201):
        place.chat.post(Message(f"card:r{number}", "C0INCIDENT", "more"), "")

    assert place.chat.find_posted("C0INCIDENT", "", "card:rk3f9a") == card
    assert len(place.calls("conversations.history")) == 2


def test_an_answer_may_take_the_place_of_the_message_clicked_on(place: Place) -> None:
    place.chat.ephemeral(Message("answer:2", "C0INCIDENT", "page 1", LIST, user="U0LEADA"), "")
    (shown,) = place.messages(channel="C0INCIDENT")
    with Ear(place.emulator) as ear:
        where = {"channel": "C0INCIDENT", "ts": shown["ts"]}
        pressed = place.hands.later("press", user="U0LEADA", action_id="older_backups", **where)
        url = str(ear.answer()["payload"]["response_url"])
        pressed.result()
    place.chat.ephemeral(
        Message("answer:3", "C0INCIDENT", "page 2", user="U0LEADA", response_url=url, replace=True), ""
    )

    (turned,) = place.messages(channel="C0INCIDENT")
    assert (turned["ts"], turned["text"], turned["addressee"]) == (shown["ts"], "page 2", "U0LEADA")


def test_a_channel_the_bot_is_not_in_waits_for_an_invitation(place: Place) -> None:
    with pytest.raises(BarredError, match=r"slack-not-in-channel.* Invite the bot"):
        place.chat.post(Message("card:r", "C0NOBOT", "hello"), "")


def test_an_ephemeral_is_seen_by_one_person(place: Place) -> None:
    place.chat.ephemeral(EPHEMERAL, "")

    (said,) = place.messages(channel="C0INCIDENT")
    assert (said["addressee"], said["text"]) == ("U0LEADA", "psst")


def test_an_ephemeral_uses_the_response_url_until_it_is_used_up(place: Place) -> None:
    url = _response_url(place)
    for _ in range(7):
        place.chat.ephemeral(Message("answer:1", "C0INCIDENT", "psst", BLOCKS, user="U0LEADA", response_url=url), "")

    assert len(place.messages(channel="C0INCIDENT")) == 7
    assert len(place.calls("chat.postEphemeral")) == 2


def test_an_ephemeral_to_somebody_outside_the_channel_is_permanent(place: Place) -> None:
    with pytest.raises(PermanentError, match="slack-user-not-in-channel"):
        place.chat.ephemeral(Message("answer:1", "C0INCIDENT", "psst", user="USLACKBOT"), "")


def test_an_ephemeral_in_a_persons_own_conversation_is_a_message_there(place: Place) -> None:
    place.chat.ephemeral(Message("answer:1", "U0LEADA", "psst", BLOCKS, user="U0LEADA"), "")

    (said,) = place.messages(user="U0LEADA")
    assert (said["text"], said["addressee"], said["channel"][:1]) == ("psst", None, "D")
    assert place.calls("chat.postEphemeral") == []


def test_a_home_tab_is_published_whole(place: Place) -> None:
    place.chat.publish_home("U0LEADA", BLOCKS)
    place.chat.publish_home("U0LEADA", LIST)

    (view,) = place.hands.look("state")["views"]
    assert (view["type"], view["user"], len(view["blocks"])) == ("home", "U0LEADA", len(LIST))


def test_a_home_tab_of_nobody_is_permanent_and_a_limit_says_how_long(place: Place) -> None:
    with pytest.raises(PermanentError, match="slack-user-not-found"):
        place.chat.publish_home("U0NOBODY", BLOCKS)
    place.hands.fault(kind="429", method="views.publish", times=1, retry_after_s=7)
    with pytest.raises(TemporaryError, match="slack-rate-limited") as limited:
        place.chat.publish_home("U0LEADA", BLOCKS)
    assert limited.value.retry_after_s == 7


def test_a_file_lands_in_the_thread(place: Place) -> None:
    card = place.chat.post(CARD, "")

    place.chat.upload(REPORT, card, "report-2.json")

    shared = place.messages(channel="C0INCIDENT", thread_ts=card)[-1]
    assert [shared["files"][0][key] for key in ("name", "title", "size")] == ["report-2.json", "Report", 12]
    assert shared["text"] == "the whole report"
    assert place.hands.http.get(shared["files"][0]["url_private"]).content == b'{"ok": true}'


def test_a_file_is_found_again_by_its_name_where_it_was_shared(place: Place) -> None:
    card = place.chat.post(CARD, "")
    place.chat.upload(REPORT, card, "report.json")
    place.chat.upload(REPORT, "", "trend.png")

    def found(thread_ts: str, name: str) -> bool:
        return place.chat.find_file("C0INCIDENT", thread_ts, name)

    assert (found(card, "report.json"), found("", "trend.png")) == (True, True)
    assert (found("", "report.json"), found(card, "trend.png"), found(card, "report-2.json")) == (False, False, False)


@pytest.mark.parametrize(
    ("fault", "arrives"),
    [
        ({"kind": "5xx", "method": "files.getUploadURLExternal"}, False),
        ({"kind": "5xx", "method": "upload"}, False),
        ({"kind": "5xx", "method": "files.completeUploadExternal"}, False),
        ({"kind": "drop", "method": "files.completeUploadExternal", "after": True}, True),
    ],
)
def test_an_upload_that_breaks_between_its_moves_is_temporary_and_its_outcome_can_be_seen(
    place: Place,
    fault: dict[str, Any],
    arrives: bool,  # noqa: FBT001 -- a parameter
) -> None:
    card = place.chat.post(CARD, "")
    place.hands.fault(times=1, **fault)

    with pytest.raises(TemporaryError) as broken:
        place.chat.upload(REPORT, card, "report.json")

    assert broken.value.retry_after_s is None
    assert place.chat.find_file("C0INCIDENT", card, "report.json") is arrives


def test_an_upload_waits_as_long_as_slack_says(place: Place) -> None:
    place.hands.fault(kind="429", method="files.completeUploadExternal", times=1, retry_after_s=7)

    with pytest.raises(TemporaryError, match="slack-rate-limited") as limited:
        place.chat.upload(REPORT, "", "report.json")

    assert limited.value.retry_after_s == 7


def test_a_message_without_a_file_cannot_be_uploaded(place: Place) -> None:
    with pytest.raises(PermanentError, match="nothing-attached"):
        place.chat.upload(CARD, "", "report.json")


def test_an_upload_that_fails_is_ours(place: Place) -> None:
    place.hands.fault(kind="error", method="files.getUploadURLExternal", error="storage_limit_reached")

    with pytest.raises(PermanentError, match="slack-storage-limit-reached"):
        place.chat.upload(REPORT, "", "report.json")


def _response_url(place: Place) -> str:
    with Ear(place.emulator) as ear:
        typed = place.hands.later("slash", user="U0LEADA", channel="C0INCIDENT", command="/rollback", text="")
        payload = ear.answer()["payload"]
        typed.result()
    return str(payload["response_url"])
