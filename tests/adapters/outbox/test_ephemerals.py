"""Home tabs on their way: the newest wish, at Slack's pace, held up by nothing and holding nothing up."""

import json
import threading
import time
from dataclasses import replace
from typing import Any

import pytest

from bot.adapters.journal.connections import Pool
from bot.adapters.outbox import PostgresOutbox
from bot.adapters.outbox.store import read_message
from bot.errors import PermanentError, TemporaryError
from bot.ports import Message
from tests.adapters.outbox.emptying import emptied
from tests.adapters.outbox.loudspeaker import Loudspeaker
from tests.adapters.outbox.writing import (
    AWAY,
    EDIT_S,
    LIMITED,
    QUICK,
    SOON_S,
    a_writer,
    ephemeral,
    message,
    problem_of,
    writing,
)

REFUSED = PermanentError("slack-not-enabled", "Slack refused it: not_enabled.")


def tab(user: str = "U1", text: str = "schema 027") -> Message:
    blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": text}}]
    return Message(f"home:{user}", user, "Where every environment stands", blocks, surface="home")


def texts(chat: Loudspeaker, user: str = "U1") -> list[str]:
    return [blocks[0]["text"]["text"] for blocks in chat.homes.get(user, [])]


def test_a_tab_is_published_and_nothing_is_posted(outbox: PostgresOutbox, chat: Loudspeaker) -> None:
    outbox.put(tab())
    with writing(outbox, chat):
        assert emptied(outbox, SOON_S)
    assert (texts(chat), chat.messages, chat.ephemerals) == (["schema 027"], {}, [])


def test_the_same_tab_is_published_once_and_a_changed_one_after_a_while(
    outbox: PostgresOutbox, chat: Loudspeaker
) -> None:
    with writing(outbox, chat):
        outbox.put(tab())
        assert emptied(outbox, SOON_S)
        began_s = time.monotonic()
        for number in range(20):
            outbox.put(tab(text=f"step {number}"))
            outbox.put(tab(text=f"step {number}"))
        assert emptied(outbox, SOON_S)
    assert texts(chat)[-1] == "step 19"
    assert len(texts(chat)) <= 2 + (time.monotonic() - began_s) / EDIT_S


def test_many_replicas_publish_each_tab_once_and_in_order(outbox: PostgresOutbox, chat: Loudspeaker) -> None:
    chat.busy_s = 0.01
    with writing(outbox, chat, writers=3):
        for number in range(30):
            outbox.put(tab(f"U{number}"))
        assert emptied(outbox, SOON_S)
    assert {user: len(published) for user, published in chat.homes.items()} == {f"U{n}": 1 for n in range(30)}


def test_a_rate_limit_quiets_every_tab_and_no_message(outbox: PostgresOutbox, chat: Loudspeaker) -> None:
    chat.fail("publish_home", TemporaryError("slack-rate-limited", "Slack asks for silence.", retry_after_s=2.0))
    for user in ("U1", "U2", "U3"):
        outbox.put(tab(user))
    writer = a_writer(outbox, chat)
    assert writer.sweep_homes() == 1
    assert writer.sweep_homes() == 0
    outbox.put(message("card"))
    assert writer.sweep_channels() == 1
    assert chat.texts() == ["card"]
    time.sleep(2.2)
    assert writer.sweep_homes() == 3
    assert set(chat.homes) == {"U1", "U2", "U3"}


def test_slack_away_for_a_while_loses_nothing(outbox: PostgresOutbox, chat: Loudspeaker) -> None:
    chat.fail("publish_home", AWAY, AWAY, AWAY)
    outbox.put(tab())
    with writing(outbox, chat):
        assert emptied(outbox, SOON_S)
    assert texts(chat) == ["schema 027"]


def test_a_tab_that_is_refused_is_noted_and_a_new_content_is_another_chance(
    outbox: PostgresOutbox, chat: Loudspeaker, pool: Pool
) -> None:
    chat.fail("publish_home", REFUSED)
    outbox.put(tab())
    outbox.put(tab("U2"))
    writer = a_writer(outbox, chat)
    assert writer.sweep_homes() == 2
    assert problem_of(pool, "home:U1") == "slack-not-enabled: Slack refused it: not_enabled."
    assert texts(chat, "U2") == ["schema 027"]
    outbox.put(tab(text="schema 026"))
    assert writer.sweep_homes() == 1
    assert texts(chat) == ["schema 026"]


def test_a_writer_that_died_with_a_tab_is_stood_in_for(outbox: PostgresOutbox, chat: Loudspeaker, pool: Pool) -> None:
    outbox.put(tab())
    assert outbox.fetch("claim_home", {"claim_s": 60}) is not None
    assert a_writer(outbox, chat).sweep_homes() == 0
    with pool.connection() as conn:
        conn.execute("UPDATE backstop.outbox SET sending_since = clock_timestamp() - interval '2 minutes'")
    assert a_writer(outbox, chat).sweep_homes() == 1


def test_what_is_wanted_while_one_is_on_its_way_goes_out_after_it(
    outbox: PostgresOutbox, chat: Loudspeaker, pool: Pool
) -> None:
    class Slow(Loudspeaker):
        def publish_home(self, user_id: str, blocks: Any) -> None:
            super().publish_home(user_id, blocks)
            if len(self.homes[user_id]) == 1:
                outbox.put(tab(text="newer"))

    slow = Slow()
    outbox.put(tab())
    writer = a_writer(outbox, slow)
    assert writer.sweep_homes() == 1
    time.sleep(EDIT_S + 0.1)
    assert writer.sweep_homes() == 1
    assert texts(slow) == ["schema 027", "newer"]
    with pool.connection() as conn:
        rows = conn.execute("SELECT surface, blocks FROM backstop.outbox").fetchall()
    assert json.dumps(rows[0]["blocks"] if isinstance(rows[0], dict) else rows[0][1]).count("newer") == 1
    assert QUICK.edit_every_s == EDIT_S
    assert chat.homes == {}


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
