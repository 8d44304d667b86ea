"""A row of the outbox that somebody else wrote is not sent, and no message of the bot is taken for another."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from psycopg.rows import dict_row

from bot.adapters.journal import Pool
from bot.adapters.outbox import PostgresOutbox
from bot.ports import Message, Posted
from tests.adapters.outbox.emptying import emptied
from tests.adapters.outbox.loudspeaker import Loudspeaker
from tests.adapters.outbox.writing import SOON_S, a_writer, writing

CARD = Message("card:r1", "C1", "The card.", run_id="r1")
COLUMNS = "channel, thread_key, run_id, user_id, response_url, text, blocks, signature, address_signature"
INSERT = f"INSERT INTO backstop.outbox (key, {COLUMNS}) SELECT %s, {COLUMNS} FROM backstop.outbox WHERE key = 'card:r1'"
AGAIN = "UPDATE backstop.outbox SET revision = revision + 1, "


def run(pool: Pool, query: str, *values: object) -> None:
    with pool.connection() as connection:
        connection.execute(query.encode(), values)


def problems(pool: Pool) -> list[str]:
    query = "SELECT problem FROM backstop.outbox WHERE problem <> ''"
    with pool.connection() as connection:
        rows = connection.cursor(row_factory=dict_row).execute(query).fetchall()
    return [str(row["problem"]).partition(":")[0] for row in rows]


FORGERIES: dict[str, Callable[[Pool], None]] = {
    "text": lambda pool: run(pool, f"{AGAIN} text = 'Press Approve'"),
    "blocks": lambda pool: run(pool, AGAIN + """ blocks = '[{"type": "divider"}]'"""),
    "channel": lambda pool: run(pool, f"{AGAIN} channel = 'C2'"),
    "run": lambda pool: run(pool, f"{AGAIN} run_id = 'r2'"),
    "addressee": lambda pool: run(pool, f"{AGAIN} user_id = 'U1'"),
    "unsigned": lambda pool: run(pool, f"{AGAIN} signature = ''"),
    "copied": lambda pool: run(pool, INSERT, "request:r1:abc"),
}


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES)
def test_a_forged_row_is_not_sent(
    pool: Pool, outbox: PostgresOutbox, chat: Loudspeaker, forge: Callable[[Pool], None]
) -> None:
    outbox.put(CARD)
    writer = a_writer(outbox, chat)
    writer.sweep_channels()
    forge(pool)
    writer.sweep_channels()
    with writing(outbox, chat):
        assert emptied(outbox, SOON_S)
    assert problems(pool) == ["forged-message"]
    assert (chat.texts(), chat.ephemerals) == (["The card."], [])


def test_what_the_bot_wants_to_say_replaces_a_forged_text(
    pool: Pool, outbox: PostgresOutbox, chat: Loudspeaker
) -> None:
    outbox.put(CARD)
    FORGERIES["text"](pool)
    writer = a_writer(outbox, chat)
    writer.sweep_channels()
    assert chat.texts() == []
    outbox.put(CARD)
    writer.sweep_channels()
    assert (chat.texts(), problems(pool)) == (["The card."], [])


def test_a_reaction_on_a_message_that_a_row_points_to_is_no_vote(
    pool: Pool, outbox: PostgresOutbox, chat: Loudspeaker
) -> None:
    outbox.put(CARD)
    outbox.put(replace(CARD, key="request:r2:abc", run_id="r2"))
    a_writer(outbox, chat).sweep_channels()
    first, second = chat.messages
    assert outbox.posted("C1", second) == Posted("request:r2:abc", "r2", "C1", second)
    run(pool, "UPDATE backstop.outbox SET ts = '0' WHERE key = 'card:r1'")
    run(pool, "UPDATE backstop.outbox SET ts = %s WHERE run_id = 'r2'", first)
    assert outbox.posted("C1", first) is None
    assert outbox.posted("C1", second) is None


def test_a_row_that_points_to_another_message_is_posted_again_and_edits_nothing(
    pool: Pool, outbox: PostgresOutbox, chat: Loudspeaker
) -> None:
    outbox.put(CARD)
    outbox.put(replace(CARD, key="card:r2", run_id="r2", text="Another card."))
    writer = a_writer(outbox, chat)
    writer.sweep_channels()
    first, _ = chat.messages
    run(pool, f"{AGAIN} ts = %s WHERE run_id = 'r2'", first)
    writer.sweep_channels()
    assert chat.texts() == ["The card.", "Another card.", "Another card."]
    assert problems(pool) == []
