"""The log is anchored soon after it has grown, whatever else happens."""

import logging

import pytest

from bot.domain.audit import ANCHORED
from bot.engine.audit.verification import verify
from bot.errors import PermanentError, TemporaryError
from tests.engine.audit.logs import Log
from tests.fakes.keyring import KEYRING

DOWN = TemporaryError("storage-unavailable", "It does not answer.")


@pytest.fixture
def log() -> Log:
    return Log()


def test_an_empty_log_needs_no_anchor(log: Log) -> None:
    log.witness.anchor_when_due()
    log.witness.anchor_now()
    assert log.anchors.kept == {}
    assert log.witness.standing.since is None


def test_the_first_event_is_anchored_at_once_and_the_next_within_a_minute(log: Log) -> None:
    log.write()
    log.witness.anchor_when_due()
    log.write()
    log.witness.anchor_when_due()
    assert sorted(log.anchors.kept) == [1]
    assert log.witness.standing.since == log.events[-1].at
    log.clock.sleep(60)
    log.witness.anchor_when_due()
    assert sorted(log.anchors.kept) == [1, 2]
    assert log.witness.standing.since is None


def test_many_events_are_not_kept_waiting(log: Log) -> None:
    log.write()
    log.witness.anchor_when_due()
    for number in range(120):
        log.journal.audit.append("", "bot", "step", {"n": number})
    log.witness.anchor_when_due()
    assert sorted(log.anchors.kept) == [1, 2]


def test_an_anchor_s_own_event_needs_no_anchor(log: Log) -> None:
    log.write()
    for _ in range(5):
        log.clock.sleep(100)
        log.witness.anchor_when_due()
        log.witness.anchor_now()
    assert sorted(log.anchors.kept) == [1]
    assert [event.event for event in log.events] == ["step", ANCHORED]


def test_two_replicas_make_one_row_of_anchors(log: Log) -> None:
    other = log.new_witness()
    for _ in range(3):
        for witness in (log.witness, other):
            log.write()
            witness.anchor_now()
    assert sorted(log.anchors.kept) == [1, 2, 3, 4, 5, 6]
    assert verify(log.journal.audit, KEYRING, log.anchors).exit_code == 0


def test_a_store_that_is_away_stops_nothing_and_is_asked_again_later(log: Log) -> None:
    log.write()
    first = log.events[0].at
    log.anchors.down = DOWN
    log.witness.anchor_now()
    asked = log.anchors.asked
    log.witness.anchor_now()
    assert log.anchors.asked == asked, "the second run does not wait for it"
    assert (log.witness.standing.since, log.witness.standing.problem) == (first, "storage-unavailable")
    log.anchors.down = None
    log.clock.sleep(30)
    log.witness.anchor_when_due()
    assert sorted(log.anchors.kept) == [1]
    assert (log.witness.standing.since, log.witness.standing.problem) == (None, "")


def test_since_when_nothing_was_anchored_is_the_oldest_event_without_one(log: Log) -> None:
    log.write()
    log.witness.anchor_now()
    log.anchors.down = PermanentError("bucket-not-found", "There is none.")
    log.write(3)
    log.witness.anchor_now()
    log.clock.sleep(300)
    log.witness.anchor_when_due()
    assert log.witness.standing.since == log.events[2].at


@pytest.mark.parametrize("restarted", [False, True])
def test_a_log_that_was_cut_is_noticed_and_the_rest_anchored(
    log: Log, caplog: pytest.LogCaptureFixture, *, restarted: bool
) -> None:
    log.write(8)
    log.anchor()
    del log.events[4:]
    witness = log.new_witness() if restarted else log.witness
    with caplog.at_level(logging.ERROR):
        witness.anchor_when_due()
    assert "The log ends with event 4, and anchor 1 saw event 8." in witness.standing.contradiction
    assert "backstop audit verify" in caplog.text
    assert sorted(log.anchors.kept) == [1, 2]
    log.write()
    log.clock.sleep(60)
    witness.anchor_when_due()
    assert witness.standing.contradiction, "it does not go away by itself"


def test_a_log_that_was_emptied_is_noticed(log: Log) -> None:
    log.write()
    log.anchor()
    log.events.clear()
    log.witness.anchor_when_due()
    assert "The log is empty, and anchor 1 saw event 1." in log.witness.standing.contradiction


def test_a_log_that_was_rewritten_is_noticed(log: Log) -> None:
    log.write(3)
    log.anchor()
    log.events.clear()
    log.write(7)
    log.new_witness().anchor_now()
    log.witness.anchor_now()
    assert "Event 3 is not the one that anchor 1 saw" in log.witness.standing.contradiction


def test_a_forged_anchor_is_noticed(log: Log) -> None:
    log.write()
    log.anchor()
    log.anchors.kept[2] = [b"{}"]
    log.write()
    log.witness.anchor_now()
    assert "Anchor 2 in witness/anchors/ is forged" in log.witness.standing.contradiction
    assert sorted(log.anchors.kept) == [1, 2, 3]
