"""The outbox keeps the newest content of a message, and forgets old answers."""

import time

from psycopg.rows import dict_row

from bot.adapters.journal.connections import Pool
from bot.adapters.outbox import PostgresOutbox
from bot.adapters.outbox.store import FORGET_BATCH
from tests.adapters.outbox.emptying import emptied
from tests.adapters.outbox.loudspeaker import Loudspeaker
from tests.adapters.outbox.writing import REFUSED, SOON_S, a_writer, ephemeral, message, writing


def test_the_same_message_twice_is_sent_once(outbox: PostgresOutbox, chat: Loudspeaker) -> None:
    writer = a_writer(outbox, chat)
    for _ in range(2):
        outbox.put(message("card"))
        writer.sweep_channels()
    assert chat.calls == ["post"]


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
    with pool.connection() as conn, conn.cursor(row_factory=dict_row) as cursor:
        left = {row["key"] for row in cursor.execute("SELECT key FROM backstop.outbox").fetchall()}
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
