"""Slack does not let the bot in for a while: nothing is lost, and nothing else waits for it."""

from dataclasses import replace

import pytest

from bot.adapters.journal.connections import Pool
from bot.adapters.outbox import Pace, PostgresOutbox
from bot.errors import TemporaryError
from bot.ports import Attachment, Backlog, BarredError, Message
from tests.adapters.outbox.emptying import emptied
from tests.adapters.outbox.loudspeaker import Loudspeaker
from tests.adapters.outbox.test_ephemerals import tab, texts
from tests.adapters.outbox.writing import AWAY, QUICK, SOON_S, a_writer, ephemeral, message, problem_of, writing

OUTSIDE = BarredError("slack-not-in-channel", "Slack refused it: not_in_channel.", "Invite the bot.")
NO_FILES = BarredError("slack-missing-scope", "Slack refused it: missing_scope.", "Reinstall the app.")
LIMITED = TemporaryError("slack-rate-limited", "Slack asks for silence.", retry_after_s=0.05)
PERSISTENT = replace(QUICK, edit_every_s=0.0, first_barred_delay_s=0.05, longest_barred_delay_s=0.1)
LONG = replace(QUICK, edit_every_s=0.0)


def test_what_waits_for_an_invitation_goes_out_after_it_in_order(outbox: PostgresOutbox, chat: Loudspeaker) -> None:
    chat.fail("post", *[OUTSIDE] * 5)
    for key in ("first", "second"):
        outbox.put(message(key))
    with writing(outbox, chat, PERSISTENT):
        assert emptied(outbox, SOON_S)
    assert chat.texts() == ["first", "second"]
    assert chat.calls == ["post"] * 7, "Slack said no: there is nothing to look for"


def test_no_other_channel_waits_and_no_edit_of_another_message(outbox: PostgresOutbox, chat: Loudspeaker) -> None:
    writer = a_writer(outbox, chat, LONG)
    for key in ("a", "b"):
        outbox.put(message(key))
    writer.sweep_channels()
    chat.fail("update", OUTSIDE)
    for key in ("a", "b"):
        outbox.put(message(key, f"{key} new"))
    writer.sweep_channels()
    chat.fail("post", OUTSIDE)
    outbox.put(message("c"))
    outbox.put(message("elsewhere", channel="C2"))
    writer.sweep_channels()
    assert chat.texts() == ["a", "b new"]
    assert chat.texts("C2") == ["elsewhere"]
    assert writer.sweep_channels() == 0, "not before a long pause is over"


def test_a_missing_scope_for_files_holds_up_no_message(outbox: PostgresOutbox, chat: Loudspeaker) -> None:
    chat.fail("upload", NO_FILES)
    outbox.put(Message("file", "C1", "see", attachment=Attachment("report.html", "Report", b"one")))
    outbox.put(message("after"))
    a_writer(outbox, chat, LONG).sweep_channels()
    assert (chat.texts(), chat.files) == (["after"], [])


def test_a_new_process_tries_at_once(outbox: PostgresOutbox, chat: Loudspeaker) -> None:
    chat.fail("post", OUTSIDE)
    chat.fail("publish_home", OUTSIDE)
    outbox.put(message("card"))
    outbox.put(tab())
    before = a_writer(outbox, chat, LONG)
    assert (before.sweep_channels(), before.sweep_homes()) == (1, 1)
    assert (before.sweep_channels(), before.sweep_homes()) == (0, 0)
    successor = a_writer(outbox, chat, LONG)
    assert (successor.sweep_channels(), successor.sweep_homes()) == (1, 1)
    assert (chat.texts(), texts(chat)) == (["card"], ["schema 027"])


def test_after_a_week_it_is_given_up_and_a_new_process_is_another_chance(
    outbox: PostgresOutbox, chat: Loudspeaker, pool: Pool
) -> None:
    chat.fail("post", *[OUTSIDE] * 3)
    outbox.put(message("card"))
    writer = a_writer(outbox, chat, PERSISTENT)
    writer.sweep_channels()
    for age, problem in (("6 days 23 hours", ""), ("7 days 1 hour", "slack-not-in-channel: " + OUTSIDE.message)):
        with pool.connection() as conn:
            past = f"barred_since = now() - interval '{age}', not_before = '-infinity'"
            conn.execute(f"UPDATE backstop.outbox SET {past}".encode())
        assert writer.sweep_channels() == 1
        assert problem_of(pool, "card") == problem
    assert writer.sweep_channels() == 0
    a_writer(outbox, chat, LONG).sweep_channels()
    assert chat.texts() == ["card"]


def test_a_message_that_was_let_in_has_a_whole_week_again(
    outbox: PostgresOutbox, chat: Loudspeaker, pool: Pool
) -> None:
    writer = a_writer(outbox, chat, PERSISTENT)
    outbox.put(message("card"))
    writer.sweep_channels()
    chat.fail("update", OUTSIDE)
    outbox.put(message("card", "newer"))
    writer.sweep_channels()
    with pool.connection() as conn:
        conn.execute("UPDATE backstop.outbox SET barred_since = now() - interval '6 days', not_before = '-infinity'")
    writer.sweep_channels()
    assert chat.texts() == ["newer"]
    with pool.connection() as conn:
        assert conn.execute("SELECT FROM backstop.outbox WHERE barred_since IS NOT NULL").fetchall() == []


def test_an_episode_is_logged_once_with_the_next_step(
    outbox: PostgresOutbox, chat: Loudspeaker, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    chat.fail("post", *[OUTSIDE] * 4)
    outbox.put(message("card"))
    outbox.put(message("next"))
    with writing(outbox, chat, PERSISTENT):
        assert emptied(outbox, SOON_S)
    assert caplog.messages == [
        "channel C1: Slack refused it: not_in_channel. What is to be said there waits. Invite the bot.",
        "channel C1: Slack lets the bot in again",
    ]


@pytest.mark.parametrize("refusal", [OUTSIDE, LIMITED], ids=["barred", "limited"])
def test_a_post_that_may_have_arrived_is_looked_for_once_slack_can_be_asked_again(
    outbox: PostgresOutbox, chat: Loudspeaker, refusal: TemporaryError
) -> None:
    chat.fail("post-lost", AWAY)
    chat.fail("find_posted", refusal)
    outbox.put(message("card"))
    a_writer(outbox, chat, PERSISTENT).sweep_channels()
    if refusal is OUTSIDE:  # it is tried without a look, and refused as well
        chat.fail("post", OUTSIDE)
    with writing(outbox, chat, PERSISTENT):
        assert emptied(outbox, SOON_S)
    assert chat.texts() == ["card"]


def test_a_message_found_late_is_brought_up_to_date(outbox: PostgresOutbox, chat: Loudspeaker) -> None:
    """It is of the first attempt, whatever a later one would have said."""
    chat.fail("post-lost", AWAY)
    chat.fail("find_posted", OUTSIDE)
    outbox.put(message("card", "running"))
    a_writer(outbox, chat, PERSISTENT).sweep_channels()
    outbox.put(message("card", "done"))
    chat.fail("post", OUTSIDE)
    with writing(outbox, chat, PERSISTENT):
        assert emptied(outbox, SOON_S)
    assert chat.texts() == ["done"]


def test_an_answer_waits_for_as_long_as_it_is_of_use(outbox: PostgresOutbox, chat: Loudspeaker, pool: Pool) -> None:
    chat.fail("ephemeral", OUTSIDE)
    outbox.put(ephemeral("1"))
    with writing(outbox, chat, PERSISTENT):
        assert emptied(outbox, SOON_S)
    assert [key for key, _, _ in chat.ephemerals] == ["answer:1"]

    chat.fail("ephemeral", *[OUTSIDE] * 100)
    outbox.put(ephemeral("2"))
    with writing(outbox, chat, replace(PERSISTENT, ephemeral_late_s=0.1)):
        assert emptied(outbox, SOON_S)
    assert problem_of(pool, "answer:2").startswith("answer-too-late")


def test_what_waits_and_what_was_given_up_is_counted(outbox: PostgresOutbox, chat: Loudspeaker) -> None:
    assert outbox.backlog() == [Backlog("channel", 0, 0), Backlog("person", 0, 0)]
    chat.fail("post", BarredError("slack-is-archived", "Slack refused it: is_archived."))
    outbox.put(message("waits"))
    outbox.put(message("behind it"))
    outbox.put(message("reply to nothing", thread="nothing"))
    outbox.put(ephemeral("1"))
    a_writer(outbox, chat, LONG).sweep_channels()
    assert outbox.backlog() == [Backlog("channel", 2, 0), Backlog("person", 1, 0)]
    outbox.fetch("give_up", {"key": "waits", "revision": 1, "problem": "x: y"})
    assert outbox.backlog() == [Backlog("channel", 1, 1), Backlog("person", 1, 0)]


def test_pauses_are_long_and_grow() -> None:
    pace = Pace()
    for attempts, longest in ((0, 60.0), (1, 120.0), (2, 240.0), (20, 300.0)):
        assert longest / 2 <= pace.delay_s(attempts, OUTSIDE) <= longest


def test_pauses_double_up_to_a_cap_and_slack_s_own_word_counts() -> None:
    pace = Pace()
    for attempts, longest in ((0, 0.5), (1, 1.0), (3, 4.0), (20, 30.0)):
        assert longest / 2 <= pace.delay_s(attempts, AWAY) <= longest
    assert 7.0 <= pace.delay_s(9, TemporaryError("x", "y", retry_after_s=7.0)) <= 7.25
