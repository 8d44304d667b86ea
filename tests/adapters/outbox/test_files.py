"""Files in the outbox: as messages, but that they have no address and that their bytes do not stay."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from bot.adapters.clock import SystemClock
from bot.adapters.journal.connections import Pool
from bot.adapters.outbox import Pace, PostgresOutbox, Writer
from bot.errors import PermanentError, TemporaryError
from bot.ports import Attachment, Message
from tests.adapters.outbox.emptying import emptied
from tests.adapters.outbox.loudspeaker import Loudspeaker

SOON_S = 20.0
QUICK = Pace(
    edit_every_s=0.0, window_s=0.0, poll_s=0.05, stale_after_s=0.05, settle_s=0.05, first_delay_s=0.02,
    longest_delay_s=0.05,
)  # fmt: skip
AWAY = TemporaryError("slack-unreachable", "Slack could not be reached.")
LIMITED = TemporaryError("slack-rate-limited", "Slack asks for silence.", retry_after_s=0.3)


class CrashError(BaseException):
    """The process died here."""


def message(key: str, thread: str = "") -> Message:
    return Message(key, "C1", key, [{"type": "divider"}], thread_key=thread)


def file(content: bytes, thread: str = "card", text: str = "see") -> Message:
    return Message("file:r1", "C1", text, thread_key=thread, attachment=Attachment("report.html", "Report", content))


def picture(content: bytes) -> Message:
    return Message("file:r2", "C1", "see", thread_key="card", attachment=Attachment("trend.png", "Trend", content))


@contextmanager
def writing(outbox: PostgresOutbox, chat: Loudspeaker, pace: Pace = QUICK) -> Iterator[Writer]:
    writer = Writer(outbox, chat, SystemClock(), pace)
    writer.start()
    try:
        yield writer
    finally:
        writer.stop()


def sweep(outbox: PostgresOutbox, chat: Loudspeaker, pace: Pace = QUICK) -> int:
    return Writer(outbox, chat, SystemClock(), pace).sweep_channels()


def row(pool: Pool, key: str = "file:r1") -> dict[str, Any]:
    with pool.connection() as connection:
        columns = "attachment, attachment_digest, sent_revision, revision, ts, problem"
        found = connection.execute(f"SELECT {columns} FROM backstop.outbox WHERE key = %s".encode(), (key,))
        names = [column.name for column in found.description or ()]
        values = found.fetchone()
    assert values is not None
    return values if isinstance(values, dict) else dict(zip(names, values, strict=True))


def test_a_file_goes_into_its_thread_in_its_turn_and_its_bytes_go_from_the_database(
    outbox: PostgresOutbox, chat: Loudspeaker, pool: Pool
) -> None:
    for wanted in (message("card"), message("before", "card"), file(b"<html>"), message("after", "card")):
        outbox.put(wanted)
    with writing(outbox, chat):
        assert emptied(outbox, SOON_S)

    (shared,) = chat.files
    assert (shared.name, shared.thread_ts, shared.content) == ("report.html", chat.ts_of("card"), b"<html>")
    assert shared.text == "see"
    assert chat.calls == ["post", "post", "upload", "post"]
    kept = row(pool)
    assert kept["attachment"] is None
    assert len(kept["attachment_digest"]) == 64
    assert kept["ts"] == "", "Slack gives a file no address"


def test_a_file_can_stand_in_a_channel_by_itself(outbox: PostgresOutbox, chat: Loudspeaker) -> None:
    outbox.put(file(b"\x89PNG\0", thread=""))
    sweep(outbox, chat)

    assert [(shared.thread_ts, shared.content) for shared in chat.files] == [("", b"\x89PNG\0")]


def test_the_same_content_is_shared_once_and_another_as_another_file(
    outbox: PostgresOutbox, chat: Loudspeaker, pool: Pool
) -> None:
    outbox.put(message("card"))
    for content, text in ((b"one", "see"), (b"one", "other words"), (b"two", "see"), (b"one", "see")):
        outbox.put(file(content, text=text))
        sweep(outbox, chat)

    assert [(shared.name, shared.content) for shared in chat.files] == [
        ("report.html", b"one"),
        ("report-2.html", b"two"),
        ("report-3.html", b"one"),
    ]
    assert row(pool)["attachment"] is None


def test_of_many_contents_put_while_slack_is_away_the_last_goes_out(outbox: PostgresOutbox, chat: Loudspeaker) -> None:
    outbox.put(message("card"))
    for content in (b"one", b"two", b"three"):
        outbox.put(file(content))
    sweep(outbox, chat)

    assert [shared.content for shared in chat.files] == [b"three"]


@pytest.mark.parametrize("moment", ["upload", "upload-lost"])
def test_a_crash_around_the_upload_neither_loses_nor_doubles(
    outbox: PostgresOutbox, chat: Loudspeaker, pool: Pool, moment: str
) -> None:
    chat.fail(moment, CrashError())
    outbox.put(message("card"))
    outbox.put(file(b"one"))
    with pytest.raises(CrashError):
        sweep(outbox, chat)
    assert sweep(outbox, chat, replace(QUICK, stale_after_s=60)) == 0, "the other may still be waiting for Slack"
    with writing(outbox, chat):
        assert emptied(outbox, SOON_S)

    assert [shared.content for shared in chat.files] == [b"one"]
    assert row(pool)["attachment"] is None


@pytest.mark.parametrize("moment", ["upload", "upload-lost"])
def test_a_content_put_while_an_upload_is_uncertain_goes_out_as_well(
    outbox: PostgresOutbox, chat: Loudspeaker, moment: str
) -> None:
    chat.fail(moment, AWAY)
    outbox.put(message("card"))
    outbox.put(file(b"one"))
    sweep(outbox, chat)
    outbox.put(file(b"two"))
    with writing(outbox, chat):
        assert emptied(outbox, SOON_S)

    arrived = [b"one"] if moment == "upload-lost" else []
    assert [shared.content for shared in chat.files] == [*arrived, b"two"]


def test_an_uncertain_upload_is_looked_for_only_once_it_could_be_seen(
    outbox: PostgresOutbox, chat: Loudspeaker
) -> None:
    chat.fail("upload-lost", AWAY)
    outbox.put(message("card"))
    outbox.put(file(b"one"))
    patient = replace(QUICK, settle_s=60.0)
    sweep(outbox, chat, patient)

    assert sweep(outbox, chat, patient) == 0
    assert chat.calls == ["post", "upload"]


def test_a_file_that_fails_holds_nobody_up(outbox: PostgresOutbox, chat: Loudspeaker) -> None:
    chat.fail("upload", LIMITED, *[AWAY] * 5)
    for wanted in (message("card"), file(b"one"), message("request", "card"), picture(b"png")):
        outbox.put(wanted)
    sweep(outbox, chat)
    assert chat.texts() == ["card", "request"], "consent does not wait for Slack's files"
    with writing(outbox, chat):
        assert emptied(outbox, SOON_S)

    assert sorted(shared.content for shared in chat.files) == [b"one", b"png"]


def test_slack_s_pause_is_kept(outbox: PostgresOutbox, chat: Loudspeaker) -> None:
    chat.fail("upload", LIMITED)
    outbox.put(message("card"))
    outbox.put(file(b"one"))
    sweep(outbox, chat)
    sweep(outbox, chat)
    assert chat.calls.count("upload") == 1
    with writing(outbox, chat):
        assert emptied(outbox, SOON_S)

    assert [shared.content for shared in chat.files] == [b"one"]
    assert "find_file" not in chat.calls, "Slack said no: there is nothing to look for"


def test_a_file_slack_refuses_is_noted_and_another_content_is_another_chance(
    outbox: PostgresOutbox, chat: Loudspeaker, pool: Pool
) -> None:
    chat.fail("upload", PermanentError("slack-missing-scope", "Slack refused it: missing_scope."))
    outbox.put(message("card"))
    outbox.put(file(b"one"))
    with writing(outbox, chat):
        assert emptied(outbox, SOON_S)
        assert row(pool)["problem"].startswith("slack-missing-scope")
        outbox.put(file(b"two"))
        assert emptied(outbox, SOON_S)

    assert [shared.content for shared in chat.files] == [b"two"]
