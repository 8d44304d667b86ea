"""Files from the outbox to a real wire: Slack breaks between the three moves, or the bot dies; one file is there."""

from typing import Any

import pytest

from bot.adapters.clock import SystemClock
from bot.adapters.journal.connections import Pool
from bot.adapters.outbox import Pace, PostgresOutbox, Writer
from bot.ports import Attachment, Message
from tests.adapters.outbox.emptying import emptied
from tests.adapters.slack.conftest import Place

QUICK = Pace(
    edit_every_s=0.0, window_s=0.0, poll_s=0.05, stale_after_s=0.1, settle_s=0.1, first_delay_s=0.05,
    longest_delay_s=0.1,
)  # fmt: skip
CONTENT = b"<!doctype html><title>report</title>"
MOVES = ("files.getUploadURLExternal", "upload", "files.completeUploadExternal")
BROKEN: list[dict[str, Any]] = [
    *({"kind": "5xx", "method": move, "times": 2} for move in MOVES),
    *({"kind": "drop", "method": move, "times": 1} for move in MOVES if move != "upload"),
    *({"kind": "drop", "method": move, "times": 1, "after": True} for move in MOVES if move != "upload"),
    *({"kind": "429", "method": move, "times": 1, "retry_after_s": 0.2} for move in MOVES if move != "upload"),
]


def wanted(outbox: PostgresOutbox) -> None:
    report = Attachment("backstop-rk3f9a.html", "Report", CONTENT)
    outbox.put(Message("card:rk3f9a", "C0INCIDENT", "card"))
    outbox.put(Message("file:rk3f9a", "C0INCIDENT", "see", thread_key="card:rk3f9a", attachment=report))
    outbox.put(Message("note:rk3f9a", "C0INCIDENT", "after", thread_key="card:rk3f9a"))


def shared(place: Place) -> list[tuple[str, bytes]]:
    """Names and bytes of the files in the card's thread."""
    card, *replies = place.messages(channel="C0INCIDENT")
    assert {said["thread_ts"] for said in replies} <= {card["ts"]}
    files = [file for said in replies for file in said["files"]]
    return [(file["name"], place.hands.http.get(file["url_private"]).content) for file in files]


@pytest.mark.parametrize("fault", BROKEN, ids=lambda fault: " ".join(map(str, fault.values())))
def test_slack_breaks_between_the_moves(place: Place, outbox: PostgresOutbox, fault: dict[str, Any]) -> None:
    place.hands.fault(**fault)
    wanted(outbox)
    writer = Writer(outbox, place.chat, SystemClock(), QUICK)
    writer.start()
    try:
        assert emptied(outbox, 10.0)
    finally:
        writer.stop()

    assert shared(place) == [("backstop-rk3f9a.html", CONTENT)]
    said = [message["text"] for message in place.messages(channel="C0INCIDENT")]
    assert sorted(said) == ["after", "card", "see"]


@pytest.mark.parametrize("done", [False, True], ids=["before", "after"])
def test_the_bot_dies_around_the_last_move(place: Place, outbox: PostgresOutbox, pool: Pool, *, done: bool) -> None:
    """All that a dead process leaves behind is the mark that it was sending."""
    wanted(outbox)
    Writer(outbox, place.chat, SystemClock(), QUICK).sweep_channels()
    with pool.connection() as connection:
        connection.execute(
            "UPDATE backstop.outbox SET sent_revision = 0, attachment = %s, sending_since = clock_timestamp(),"
            " sending_revision = 1 WHERE key = 'file:rk3f9a'",
            (CONTENT,),
        )
    if not done:
        never_sent = place.messages(channel="C0INCIDENT")[1]
        place.chat._client.chat_delete(channel="C0INCIDENT", ts=never_sent["ts"])
    writer = Writer(outbox, place.chat, SystemClock(), QUICK)
    writer.start()
    try:
        assert emptied(outbox, 10.0)
    finally:
        writer.stop()

    assert shared(place) == [("backstop-rk3f9a.html", CONTENT)]
