"""Anchors find what the log itself cannot show, and are checked themselves."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from bot.domain.audit import Anchor, read_anchor
from bot.engine.audit.findings import Findings
from bot.engine.audit.verification import verify
from bot.errors import TemporaryError
from tests.engine.audit.logs import Log, rewritten
from tests.fakes.keyring import KEYRING, STRANGERS


@pytest.fixture
def log() -> Log:
    """A log of 15 events, three of which name an anchor: of events 4, 9 and 14."""
    log = Log()
    for _ in range(3):
        log.write(4)
        log.anchor()
    return log


def verified(log: Log) -> Findings:
    return verify(log.journal.audit, KEYRING, log.anchors)


def read(log: Log, number: int) -> Anchor:
    anchor = read_anchor(log.anchors.kept[number][0] or b"")
    assert anchor is not None
    return anchor


def test_log_and_anchors_agree(log: Log) -> None:
    found = verified(log)
    assert (found.faults, found.unchecked, found.exit_code) == ([], [], 0)
    assert [read(log, number).sequence for number in (1, 2, 3)] == [4, 9, 14]


def cut(log: Log) -> None:
    del log.events[11:]


def empty(log: Log) -> None:
    log.events.clear()


def rewrite(log: Log) -> None:
    """By somebody who has the key."""
    log.events[5:] = rewritten(log.events[5:], KEYRING, actor="U9")


def shrink(log: Log) -> None:
    """Cut the log, and let the bot go on with it."""
    del log.events[5:]
    log.new_witness().anchor_now()


def begin_again(log: Log) -> None:
    log.events.clear()
    log.write(20)
    log.new_witness().anchor_now()


def delete(log: Log) -> None:
    log.anchors.kept[2].append(None)


def delete_in_whole(log: Log) -> None:
    del log.anchors.kept[2]


def delete_newest(log: Log) -> None:
    del log.anchors.kept[3]


def replace_by_older(log: Log) -> None:
    log.anchors.kept[3] = [log.anchors.kept[1][0]]


def overwrite(log: Log) -> None:
    log.anchors.kept[3].append(read(log, 3).sign(KEYRING).write())


def forge(log: Log) -> None:
    log.anchors.kept[3] = [replace(read(log, 3), digest="test:00").sign(STRANGERS).write()]


def strip(log: Log) -> None:
    log.anchors.kept[3] = [replace(read(log, 3), digest="test:00", signature="").write()]


def garble(log: Log) -> None:
    log.anchors.kept[3] = [b"{}"]


def relink(log: Log) -> None:
    """By somebody who has the key."""
    log.anchors.kept[3] = [replace(read(log, 3), previous="00").sign(KEYRING).write()]


@pytest.mark.parametrize(
    ("tamper", "fault"),
    [
        (cut, "Events 12 to 14 were cut off: anchor 3"),
        (empty, "Events 1 to 14 were cut off"),
        (rewrite, "Anchor 2 of 2026"),
        (shrink, "The log shrank from event 14 to event 5 between anchor 3"),
        (begin_again, "The log was begun again between anchor 3"),
        (delete, "Anchor 2 was deleted in the bucket"),
        (delete_in_whole, "Anchor 2 was deleted from"),
        (delete_newest, "Anchor 3, which event 15 names, is not in the bucket"),
        (replace_by_older, "Anchor 3 is a copy of anchor 1"),
        (overwrite, "Anchor 3 was replaced in the bucket"),
        (forge, "Anchor 3 is forged"),
        (strip, "Anchor 3 is forged"),
        (garble, "Anchor 3 is forged"),
        (relink, "Anchor 3 does not follow anchor 2"),
    ],
)
def test_tampering_shows(log: Log, tamper: Callable[[Log], None], fault: str) -> None:
    tamper(log)
    found = verified(log)
    assert found.exit_code == 1
    assert fault in "\n".join(found.faults)


def test_a_rewritten_log_is_located_between_two_anchors(log: Log) -> None:
    rewrite(log)
    (first, *_) = [fault for fault in verified(log).faults if "rewritten" in fault]
    assert "saw another event 9: the log was rewritten between events 5 and 9. 1 later anchors differ, too." in first


def test_what_nobody_has_anchored_for_long_is_not_checked(log: Log) -> None:
    log.write(2)
    assert verified(log).exit_code == 0
    log.clock.sleep(3600)
    found = verified(log)
    assert (found.faults, found.exit_code) == ([], 2)
    assert "Events 16 to 17 were written after the newest anchor" in found.unchecked[0]


def test_a_log_without_anchors_is_not_checked_in_whole() -> None:
    log = Log()
    log.write(2)
    found = verified(log)
    assert (found.faults, found.exit_code) == ([], 2)
    assert "There is no anchor" in found.unchecked[0]


def test_a_store_that_is_away_leaves_anchors_unchecked(log: Log) -> None:
    log.anchors.down = TemporaryError("storage-unavailable", "It does not answer.")
    found = verified(log)
    assert (found.faults, found.exit_code) == ([], 2)
    assert "could not be read (storage-unavailable)" in found.unchecked[0]


def test_leaving_the_anchors_out_is_said(log: Log) -> None:
    found = verify(log.journal.audit, KEYRING, None)
    assert (found.faults, found.exit_code) == ([], 2)
    assert "THE ANCHORS WERE LEFT OUT" in found.unchecked[0]
