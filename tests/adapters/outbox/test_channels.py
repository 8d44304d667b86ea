"""Messages in channels: order, pace, failures, crashes."""

import time
from dataclasses import replace
from itertools import pairwise

import pytest

from bot.adapters.journal.connections import Pool
from bot.adapters.outbox import PostgresOutbox
from bot.errors import PermanentError
from bot.ports import Posted
from tests.adapters.outbox.emptying import emptied
from tests.adapters.outbox.loudspeaker import Loudspeaker
from tests.adapters.outbox.writing import (
    AWAY,
    EDIT_S,
    LIMITED,
    QUICK,
    REFUSED,
    SOON_S,
    a_writer,
    limited,
    message,
    problem_of,
    writing,
)


class CrashError(BaseException):
    """The process died here."""


def test_a_message_is_sent_and_known_by_its_address(outbox: PostgresOutbox, chat: Loudspeaker) -> None:
    outbox.put(message("card"))
    with writing(outbox, chat):
        assert emptied(outbox, SOON_S)
    ts = chat.ts_of("card")
    assert outbox.posted("C1", ts) == Posted("card", "raaaaa", "C1", ts)
    assert outbox.posted("C1", "1.2") is None
    assert outbox.posted("C1", "") is None


def test_replies_go_into_the_thread_of_their_card_whatever_came_first(
    outbox: PostgresOutbox, chat: Loudspeaker
) -> None:
    outbox.put(message("note", thread="card"))
    writer = a_writer(outbox, chat)
    writer.sweep_channels()
    assert chat.texts() == []
    assert emptied(outbox, 0), "a reply to nothing is not waited for"
    outbox.put(message("card"))
    writer.sweep_channels()
    assert [(said.key, said.thread_ts) for said in chat.messages.values()] == [
        ("card", ""),
        ("note", chat.ts_of("card")),
    ]


def test_of_many_versions_the_last_one_shows_and_edits_keep_their_distance(
    outbox: PostgresOutbox, chat: Loudspeaker
) -> None:
    with writing(outbox, chat):
        for number in range(40):
            outbox.put(message("card", f"step {number}"))
            time.sleep(0.02)
        assert emptied(outbox, SOON_S)
    (said,) = chat.messages.values()
    assert said.text == "step 39"
    edits = [at for at, _ in said.edits[1:]]
    assert len(edits) <= 5
    assert all(later - earlier >= EDIT_S * 0.95 for earlier, later in pairwise(edits))


def test_posts_keep_slack_s_pace_with_a_small_burst(outbox: PostgresOutbox, chat: Loudspeaker) -> None:
    for number in range(5):
        outbox.put(message(f"m{number}"))
    started = time.monotonic()
    with writing(outbox, chat, replace(QUICK, window_s=1.5, burst=3)):
        assert emptied(outbox, SOON_S)
    at = [said.edits[0][0] - started for said in chat.messages.values()]
    assert at[2] - at[0] < 1.5, "three at once"
    assert at[3] - at[0] >= 1.5, "never four in a window"


def test_a_rate_limit_is_honoured_and_nothing_overtakes(outbox: PostgresOutbox, chat: Loudspeaker) -> None:
    chat.fail("post", limited(1.5))
    outbox.put(message("first"))
    outbox.put(message("second"))
    outbox.put(message("elsewhere", channel="C2"))
    started = time.monotonic()
    with writing(outbox, chat):
        assert emptied(outbox, SOON_S)
    assert chat.texts() == ["first", "second"]
    at = {said.key: said.edits[0][0] - started for said in chat.messages.values()}
    assert at["first"] >= 1.5
    assert at["elsewhere"] < at["first"], "the limit is the channel's"
    assert "find_posted" not in chat.calls, "Slack said no: there is nothing to look for"


def test_a_limit_on_edits_quiets_every_edit(outbox: PostgresOutbox, chat: Loudspeaker) -> None:
    for key in ("a", "b"):
        outbox.put(message(key))
    writer = a_writer(outbox, chat)
    writer.sweep_channels()
    chat.fail("update", LIMITED)
    for key in ("a", "b"):
        outbox.put(message(key, f"{key} new"))
    writer.sweep_channels()
    assert chat.calls.count("update") == 1
    time.sleep(0.5)
    writer.sweep_channels()
    assert chat.texts() == ["a new", "b new"]


def test_slack_away_for_a_while_loses_nothing_and_doubles_nothing(outbox: PostgresOutbox, chat: Loudspeaker) -> None:
    chat.fail("post", AWAY, AWAY, AWAY)
    chat.fail("find_posted", AWAY)
    outbox.put(message("first"))
    outbox.put(message("second"))
    with writing(outbox, chat):
        assert emptied(outbox, SOON_S)
    assert chat.texts() == ["first", "second"]


def test_a_post_whose_answer_was_lost_is_found_not_doubled(outbox: PostgresOutbox, chat: Loudspeaker) -> None:
    chat.fail("post-lost", AWAY)
    outbox.put(message("card"))
    with writing(outbox, chat):
        time.sleep(0.02)
        outbox.put(message("card", "newer"))
        assert emptied(outbox, SOON_S)
    assert chat.texts() == ["newer"]
    assert outbox.posted("C1", chat.ts_of("card")) is not None


@pytest.mark.parametrize("moment", ["post", "post-lost"])
def test_a_crash_around_the_post_neither_loses_nor_doubles(
    outbox: PostgresOutbox, chat: Loudspeaker, moment: str
) -> None:
    chat.fail(moment, CrashError())
    outbox.put(message("card"))
    with pytest.raises(CrashError):
        a_writer(outbox, chat).sweep_channels()
    early, late = (a_writer(outbox, chat, replace(QUICK, stale_after_s=stale_s)) for stale_s in (60.0, 0.0))
    assert early.sweep_channels() == 0, "the other may still be waiting for Slack"
    late.sweep_channels()
    assert chat.texts() == ["card"]
    assert outbox.posted("C1", chat.ts_of("card")) is not None


def test_a_search_that_is_not_allowed_holds_nothing_up(outbox: PostgresOutbox, chat: Loudspeaker) -> None:
    chat.fail("post", AWAY)
    chat.fail("find_posted", PermanentError("slack-missing-scope", "Slack refused it: missing_scope."))
    outbox.put(message("card"))
    with writing(outbox, chat):
        assert emptied(outbox, SOON_S)
    assert chat.texts() == ["card"]


def test_a_message_slack_refuses_is_noted_and_the_next_ones_go_out(
    outbox: PostgresOutbox, chat: Loudspeaker, pool: Pool, caplog: pytest.LogCaptureFixture
) -> None:
    chat.fail("post", REFUSED)
    outbox.put(message("bad"))
    outbox.put(message("reply", thread="bad"))
    outbox.put(message("good"))
    with writing(outbox, chat):
        assert emptied(outbox, SOON_S)
        assert chat.texts() == ["reply", "good"], "a reply whose card cannot be sent is shown all the same"
        assert problem_of(pool, "bad") == "slack-invalid-blocks: Slack refused it: invalid_blocks."
        outbox.put(message("bad", "mended"))
        assert emptied(outbox, SOON_S)
    assert chat.texts() == ["reply", "good", "mended"]
    assert "message bad cannot be sent: slack-invalid-blocks" in caplog.messages


def test_a_message_somebody_deleted_is_posted_again(outbox: PostgresOutbox, chat: Loudspeaker) -> None:
    writer = a_writer(outbox, chat)
    outbox.put(message("card"))
    writer.sweep_channels()
    chat.messages.clear()
    outbox.put(message("card", "newer"))
    writer.sweep_channels()
    assert chat.texts() == ["newer"]
    assert outbox.posted("C1", chat.ts_of("card")) is not None
