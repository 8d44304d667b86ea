"""The chain of events: what was changed in it is found, and where."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain.audit import AuditEvent, keyless_digest, sign_event
from bot.domain.signing import KEY_BYTES, Keyring
from tests.engine.audit.logs import Log, check, rewritten
from tests.fakes.keyring import KEYRING, STRANGERS

Events = list[AuditEvent]


@pytest.fixture
def events() -> Events:
    log = Log()
    log.write(4)
    return log.events


def forged(event: AuditEvent) -> AuditEvent:
    """Change an event as somebody does who knows how digests are made, and not the key."""
    return sign_event(replace(event, actor="U9"), STRANGERS)


def keyless(event: AuditEvent, previous: str) -> AuditEvent:
    """Make it an event from before there were keys."""
    event = replace(event, previous=previous)
    return replace(event, digest=keyless_digest(event))


def test_nothing_is_wrong_with_a_log_that_nobody_changed(events: Events) -> None:
    found = check(events)
    assert (found.faults, found.unchecked, found.exit_code) == ([], [], 0)


@pytest.mark.parametrize(
    ("tamper", "faults"),
    [
        (lambda e: [e[0], replace(e[1], actor="U9"), *e[2:]], ["Event 2 was altered or inserted"]),
        (lambda e: [e[0], replace(e[1], details={}), *e[2:]], ["Event 2 was altered or inserted"]),
        (lambda e: [e[0], *e[2:]], ["After event 1 comes 3: 2 is missing."]),
        (lambda e: e[2:], ["After event 0 comes 3: 1 to 2 are missing."]),
        (lambda e: [e[1], e[0], *e[2:]], ["1 is missing", "the order is broken", "2 is missing"]),
        (
            lambda e: [e[0], forged(e[1]), *e[2:]],
            ["Event 3 does not follow event 2: the link is broken.", "Event 2 was altered or inserted"],
        ),
        (lambda e: rewritten(e, STRANGERS, actor="U9"), ["Events 1 to 4 were altered or inserted"]),
        (
            lambda e: [*e[:3], keyless(e[3], e[2].digest)],
            ["Event 4 was inserted or rewritten: no key made the digest, and event 1 has one."],
        ),
        (
            lambda e: [*e, sign_event(replace(e[3], sequence=5, previous=e[3].digest, at=e[0].at), KEYRING)],
            ["Event 5 is dated", "time went backwards"],
        ),
        (
            lambda e: [
                *e,
                sign_event(
                    replace(e[3], sequence=5, previous=e[3].digest, at=e[0].at + timedelta(days=400_000)), KEYRING
                ),
            ],
            ["Event 5 was dated in the future"],
        ),
    ],
    ids=[
        "actor",
        "details",
        "one-gone",
        "two-gone",
        "swapped",
        "forged",
        "rewritten",
        "keyless",
        "backwards",
        "future",
    ],
)
def test_tampering_shows(events: Events, tamper: Callable[[Events], Events], faults: list[str]) -> None:
    found = check(tamper(events))
    assert found.exit_code == 1
    text = "\n".join(found.faults)
    assert all(fault in text for fault in faults), text
    assert len(found.faults) <= len(faults)


def test_a_log_from_before_there_were_keys_goes_on_with_keys(events: Events) -> None:
    older: Events = []
    for event in events[:2]:
        older.append(keyless(event, older[-1].digest if older else event.previous))
    newer = sign_event(replace(events[2], previous=older[-1].digest), KEYRING)
    assert check([*older, newer]).faults == []
    assert check([*older, keyless(replace(events[2], details={}), older[0].digest)]).faults == [
        "Event 3 does not follow event 2: the link is broken."
    ]


def test_a_key_that_is_gone_leaves_events_unchecked(events: Events) -> None:
    found = check(events, Keyring({"newer": b"n" * KEY_BYTES}))
    assert (found.faults, found.exit_code) == ([], 2)
    assert "Events 1 to 4 were signed with key test, which is not in the keyring" in found.unchecked[0]
