"""The outbox and its writer: order, pace, failures, crashes, several writers."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import pairwise

import pytest

from bot.adapters.clock import SystemClock
from bot.adapters.journal.connections import Pool
from bot.adapters.outbox import Pace, PostgresOutbox, Writer
from bot.adapters.outbox.store import FORGET_BATCH, read_message
from bot.errors import PermanentError, TemporaryError
from bot.ports import Message, Posted
from tests.adapters.outbox.emptying import emptied
from tests.adapters.outbox.loudspeaker import Loudspeaker

EDIT_S = 0.3
SOON_S = 20.0
QUICK = Pace(
    edit_every_s=EDIT_S, window_s=0.0, poll_s=0.05, stale_after_s=0.05, settle_s=0.02, first_delay_s=0.02,
    longest_delay_s=0.05,
)  # fmt: skip


def limited(retry_after_s: float) -> TemporaryError:
    return TemporaryError("slack-rate-limited", "Slack asks for silence.", retry_after_s=retry_after_s)


LIMITED = limited(0.3)
AWAY = TemporaryError("slack-unreachable", "Slack could not be reached.")
REFUSED = PermanentError("slack-invalid-blocks", "Slack refused it: invalid_blocks.")


class CrashError(BaseException):
    """The process died here."""


def message(key: str, text: str = "", thread: str = "", channel: str = "C1") -> Message:
    return Message(key, channel, text or key, [{"type": "divider"}], thread_key=thread, run_id="raaaaa")


def ephemeral(key: str, text: str = "", response_url: str = "") -> Message:
    return Message(f"answer:{key}", "C1", text or key, user="U1", response_url=response_url)


@contextmanager
def writing(outbox: PostgresOutbox, chat: Loudspeaker, pace: Pace = QUICK, writers: int = 1) -> Iterator[Writer]:
    with ExitStack() as stack:
        made = [Writer(outbox, chat, SystemClock(), pace) for _ in range(writers)]
        for writer in made:
            writer.start()
            stack.callback(writer.stop)
        yield made[0]


def a_writer(outbox: PostgresOutbox, chat: Loudspeaker, pace: Pace = QUICK) -> Writer:
    """One that is swept by hand."""
    return Writer(outbox, chat, SystemClock(), pace)


def problem_of(pool: Pool, key: str) -> str:
    with pool.connection() as connection:
        row = connection.execute("SELECT problem FROM backstop.outbox WHERE key = %s", (key,)).fetchone()
    assert row is not None
    return str(row["problem"] if isinstance(row, dict) else row[0])


def test_a_message_is_sent_and_known_by_its_address(outbox: PostgresOutbox, chat: Loudspeaker) -> None:
    outbox.put(message("card"))
    with writing(outbox, chat):
        assert emptied(outbox, SOON_S)
    ts = chat.ts_of("card")
    assert outbox.posted("C1", ts) == Posted("card", "raaaaa", "C1", ts)
    assert outbox.posted("C1", "1.2") is None
    assert outbox.posted("C1", "") is None


def test_the_same_wish_twice_is_sent_once(outbox: PostgresOutbox, chat: Loudspeaker) -> None:
    writer = a_writer(outbox, chat)
    for _ in range(2):
        outbox.put(message("card"))
        writer.sweep_channels()
    assert chat.calls == ["post"]


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


def test_of_many_wishes_the_last_one_shows_and_edits_keep_their_distance(
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


def test_messages_wanted_by_many_at_once_all_go_out_once(outbox: PostgresOutbox, chat: Loudspeaker) -> None:
    with writing(outbox, chat, writers=3), ThreadPoolExecutor(20) as threads:
        list(threads.map(lambda number: outbox.put(message(f"m{number % 50}")), range(100)))
        assert emptied(outbox, SOON_S)
    assert sorted(chat.texts()) == sorted(f"m{number}" for number in range(50))


def test_several_writers_keep_the_order_and_double_nothing(outbox: PostgresOutbox, chat: Loudspeaker) -> None:
    chat.busy_s = 0.005  # the chat itself refuses two calls at once in a channel
    for number in range(20):
        for channel in ("C1", "C2"):
            outbox.put(message(f"{channel} {number}", f"{number}", channel=channel))
    with writing(outbox, chat, writers=3):
        assert emptied(outbox, SOON_S)
    expected = [f"{number}" for number in range(20)]
    assert chat.texts("C1") == expected
    assert chat.texts("C2") == expected


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


def test_a_message_somebody_deleted_is_posted_anew(outbox: PostgresOutbox, chat: Loudspeaker) -> None:
    writer = a_writer(outbox, chat)
    outbox.put(message("card"))
    writer.sweep_channels()
    chat.messages.clear()
    outbox.put(message("card", "newer"))
    writer.sweep_channels()
    assert chat.texts() == ["newer"]
    assert outbox.posted("C1", chat.ts_of("card")) is not None


def test_answers_are_not_held_up_by_channels_or_each_other(outbox: PostgresOutbox, chat: Loudspeaker) -> None:
    chat.hang = threading.Event()
    for number in range(10):
        outbox.put(message(f"m{number}"))
    with writing(outbox, chat, replace(QUICK, window_s=60, ephemerals_at_once=2)):
        outbox.put(ephemeral("stuck", "hang"))
        for number in range(5):
            outbox.put(ephemeral(f"w{number}"))
        deadline = time.monotonic() + SOON_S
        while len(chat.ephemerals) < 5 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert sorted(text for _, text, _ in chat.ephemerals) == [f"w{number}" for number in range(5)]
        chat.hang.set()
    assert len(chat.messages) == 3


@pytest.mark.parametrize("wanted", [True, False])
def test_an_answer_knows_whether_it_replaces_another(outbox: PostgresOutbox, wanted: bool) -> None:  # noqa: FBT001 -- a parameter
    outbox.put(replace(ephemeral("1", response_url="https://slack.test/1"), replace=wanted))

    row = outbox.fetch("claim_ephemeral", {"claim_s": 60})
    assert row is not None
    assert read_message(row).replace is wanted


def test_each_answer_goes_out_once_over_all_writers(outbox: PostgresOutbox, chat: Loudspeaker) -> None:
    chat.busy_s = 0.002
    with writing(outbox, chat, writers=3):
        for number in range(40):
            outbox.put(ephemeral(f"{number}"))
        assert emptied(outbox, SOON_S)
    assert sorted(key for key, _, _ in chat.ephemerals) == sorted(f"answer:{number}" for number in range(40))


def test_a_used_up_response_url_gives_way_to_an_ephemeral(outbox: PostgresOutbox, chat: Loudspeaker) -> None:
    chat.dead_urls.add("https://slack.test/dead")
    outbox.put(ephemeral("1", response_url="https://slack.test/dead"))
    outbox.put(ephemeral("2", response_url="https://slack.test/alive"))
    with writing(outbox, chat):
        assert emptied(outbox, SOON_S)
    assert sorted(chat.ephemerals) == [("answer:1", "1", ""), ("answer:2", "2", "https://slack.test/alive")]


def test_an_answer_is_tried_again_but_not_for_ever(outbox: PostgresOutbox, chat: Loudspeaker, pool: Pool) -> None:
    chat.fail("ephemeral", AWAY, LIMITED)
    outbox.put(ephemeral("1"))
    with writing(outbox, chat):
        assert emptied(outbox, SOON_S)
    assert [key for key, _, _ in chat.ephemerals] == ["answer:1"]

    chat.fail("ephemeral", *[AWAY] * 100)
    outbox.put(ephemeral("2"))
    with writing(outbox, chat, replace(QUICK, ephemeral_late_s=0.1)):
        assert emptied(outbox, SOON_S)
    assert problem_of(pool, "answer:2").startswith("answer-too-late")


def test_an_answer_that_changes_is_given_again(outbox: PostgresOutbox, chat: Loudspeaker) -> None:
    with writing(outbox, chat):
        for text in ("working on it", "done"):
            outbox.put(ephemeral("1", text))
            assert emptied(outbox, SOON_S)
    assert [text for _, text, _ in chat.ephemerals] == ["working on it", "done"]


def test_old_answers_are_forgotten_once_nobody_waits_for_them(
    outbox: PostgresOutbox, chat: Loudspeaker, pool: Pool
) -> None:
    chat.failures["ephemeral"] = [REFUSED]
    with writing(outbox, chat):
        for number in range(3):
            outbox.put(ephemeral(str(number)))
        outbox.put(message("card:raaaaa"))
        assert emptied(outbox, SOON_S)
    outbox.put(ephemeral("still to be sent"))
    assert outbox.forget_ephemerals(3600.0) == 0
    time.sleep(0.02)
    assert outbox.forget_ephemerals(0.01) == 3
    with pool.connection() as conn:
        left = {row["key"] for row in conn.execute("SELECT key FROM backstop.outbox").fetchall()}
    assert left == {"card:raaaaa", "answer:still to be sent"}


def test_old_answers_are_forgotten_batch_by_batch(outbox: PostgresOutbox, pool: Pool) -> None:
    with pool.connection() as conn:
        conn.execute(
            "INSERT INTO backstop.outbox (key, channel, thread_key, run_id, user_id, response_url, text, blocks, "
            "sent_revision) SELECT 'answer:' || n, 'C1', '', '', 'U1', '', 'x', '[]', 1 FROM generate_series(1, %s) n",
            [FORGET_BATCH * 2 + 1],
        )
    time.sleep(0.02)
    assert outbox.forget_ephemerals(0.01) == FORGET_BATCH * 2 + 1


def test_every_character_arrives_but_the_one_postgresql_has_not(outbox: PostgresOutbox, chat: Loudspeaker) -> None:
    outbox.put(message("card", "Ngân \0 <&> 🩺"))
    a_writer(outbox, chat).sweep_channels()
    assert chat.texts() == ["Ngân  <&> 🩺"]


def test_a_writer_that_was_never_started_or_stops_at_once_stops(outbox: PostgresOutbox, chat: Loudspeaker) -> None:
    a_writer(outbox, chat).stop()
    with writing(outbox, chat):
        pass
    assert outbox._listeners == []


def test_pauses_double_up_to_a_cap_and_slack_s_own_word_counts() -> None:
    pace = Pace()
    for attempts, longest in ((0, 0.5), (1, 1.0), (3, 4.0), (20, 30.0)):
        assert longest / 2 <= pace.delay_s(attempts, AWAY) <= longest
    assert 7.0 <= pace.delay_s(9, TemporaryError("x", "y", retry_after_s=7.0)) <= 7.25
