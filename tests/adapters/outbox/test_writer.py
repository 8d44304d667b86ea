"""Several writers share the outbox, and each can be stopped."""

from concurrent.futures import ThreadPoolExecutor

from bot.adapters.outbox import PostgresOutbox
from tests.adapters.outbox.emptying import emptied
from tests.adapters.outbox.loudspeaker import Loudspeaker
from tests.adapters.outbox.writing import SOON_S, a_writer, message, writing


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


def test_a_writer_that_was_never_started_or_stops_at_once_stops(outbox: PostgresOutbox, chat: Loudspeaker) -> None:
    a_writer(outbox, chat).stop()
    with writing(outbox, chat):
        pass
    assert outbox._listeners == []
