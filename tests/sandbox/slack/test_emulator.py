"""Starting and stopping: nothing is left behind."""

import socket
import threading

import pytest

from bot.sandbox.slack import SlackEmulator
from tests.sandbox.slack.desk import Desk, Ear


def test_a_taken_port_is_reported() -> None:
    with SlackEmulator() as first, pytest.raises(OSError, match="address already in use"):
        SlackEmulator(port=first.port).start()


def test_a_fixed_port_can_be_had_again_at_once() -> None:
    with SlackEmulator() as first:
        port = first.port
    with SlackEmulator(port=port) as second:
        assert second.base_url == f"http://127.0.0.1:{port}"


def test_stopping_ends_the_thread_the_sockets_and_what_is_under_way() -> None:
    before = set(threading.enumerate())  # a session's own emulator may be among them
    emulator = SlackEmulator().start()
    desk = Desk(emulator)
    with Ear(emulator) as ear:
        typed = desk.later("slash", user="U0ENG", channel="C0DEV", command="/rollback", text="")
        ear.hear()
        emulator.stop()
        assert typed.exception() is not None
    desk.close()
    emulator.stop()

    assert "slack-emulator" not in {thread.name for thread in set(threading.enumerate()) - before}
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", emulator.port)) != 0
