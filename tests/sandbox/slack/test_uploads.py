"""Uploads in Slack's three moves, through the real client."""

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from tests.sandbox.slack.desk import Desk

INCIDENT = "C0INCIDENT"


def test_a_file_in_a_thread(client: WebClient, desk: Desk) -> None:
    root = client.chat_postMessage(channel=INCIDENT, text="root")["ts"]
    client.files_upload_v2(
        filename="trend.png", content=b"\x89PNG", channel=INCIDENT, thread_ts=root, initial_comment="see"
    )

    message = desk.messages(channel=INCIDENT, thread_ts=root)[1]
    assert (message["text"], message["files"][0]["name"], message["files"][0]["size"]) == ("see", "trend.png", 4)
    assert desk.http.get(message["files"][0]["url_private"]).content == b"\x89PNG"


def test_an_upload_of_the_wrong_size_is_refused(client: WebClient, desk: Desk) -> None:
    begun = client.files_getUploadURLExternal(filename="a.txt", length=3)

    assert desk.http.post(begun["upload_url"], content=b"four").status_code == 400
    with pytest.raises(SlackApiError, match="file_not_found"):
        client.files_completeUploadExternal(files=[{"id": begun["file_id"]}])


def test_a_file_is_completed_once(client: WebClient, desk: Desk) -> None:
    begun = client.files_getUploadURLExternal(filename="a.txt", length=3)
    desk.http.post(begun["upload_url"], content=b"abc")
    client.files_completeUploadExternal(files=[{"id": begun["file_id"]}])

    assert desk.messages() == []
    assert desk.http.post(begun["upload_url"], content=b"abc").status_code == 404
    with pytest.raises(SlackApiError, match="file_not_found"):
        client.files_completeUploadExternal(files=[{"id": begun["file_id"]}])


def test_a_file_for_a_channel_that_is_not_there(client: WebClient, desk: Desk) -> None:
    begun = client.files_getUploadURLExternal(filename="a.txt", length=3)
    desk.http.post(begun["upload_url"], content=b"abc")

    with pytest.raises(SlackApiError, match="invalid_channel"):
        client.files_completeUploadExternal(files=[{"id": begun["file_id"]}], channel_id="C0NOWHERE")
