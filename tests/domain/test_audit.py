"""An event and an anchor are proven by the bot's key, or by nothing."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.domain.audit import ORIGIN, Anchor, AuditEvent, check_event, keyless_digest, read_anchor, sign_event
from bot.domain.signing import SignatureState
from tests.fakes.keyring import KEYRING, STRANGERS

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
EVENT = sign_event(AuditEvent(1234, NOON, "r1", "U1", "voted", {"n": [1, 2.5]}, ORIGIN, ""), KEYRING)
ANCHOR = Anchor(7, "test:ab", 1234, EVENT.digest, NOON, "cd").sign(KEYRING)

CHANGES: list[dict[str, Any]] = [
    {"sequence": 1235},
    {"at": NOON + timedelta(microseconds=1)},
    {"run_id": "r2"},
    {"actor": "U2"},
    {"event": "approved"},
    {"details": {}},
    {"previous": "1" * 64},
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: next(iter(change)))
def test_a_digest_covers_everything(change: dict[str, Any]) -> None:
    assert check_event(replace(EVENT, **change), KEYRING) is SignatureState.WRONG


def test_only_the_key_makes_a_digest() -> None:
    assert check_event(EVENT, KEYRING) is SignatureState.VALID
    assert check_event(EVENT, STRANGERS) is SignatureState.WRONG
    older = replace(EVENT, digest=keyless_digest(EVENT))
    assert check_event(older, KEYRING) is SignatureState.UNSIGNED
    assert check_event(replace(older, actor="U2"), KEYRING) is SignatureState.WRONG


def test_the_short_form_shows_the_place_and_the_digest() -> None:
    assert EVENT.short == f"1234·{EVENT.digest[5:13]}"
    older = replace(EVENT, digest=keyless_digest(EVENT))
    assert older.short == f"1234·{older.digest[:8]}"


def test_an_anchor_comes_back_as_written() -> None:
    found = read_anchor(ANCHOR.write())
    assert found == ANCHOR
    assert found.check(KEYRING) is SignatureState.VALID


@pytest.mark.parametrize("name", ["number", "log", "sequence", "digest", "at", "previous"])
def test_an_anchor_s_signature_covers_everything(name: str) -> None:
    other: Any = {"at": NOON + timedelta(seconds=1), "number": 8, "sequence": 1}.get(name, "00")
    assert replace(ANCHOR, **{name: other}).check(KEYRING) is SignatureState.WRONG


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"[]",
        b"{}",
        b'{"format": 2}',
        b"[" * 100_000,
        ANCHOR.write().replace(b'"number": 7', b'"number": "7"'),
        ANCHOR.write().replace(b"+00:00", b""),
        ANCHOR.write().replace(b'"log"', b'"dog"'),
        ANCHOR.write().replace(b'"number": 7', b'"number": true'),
    ],
)
def test_anything_else_is_no_anchor(document: bytes) -> None:
    assert read_anchor(document) is None
