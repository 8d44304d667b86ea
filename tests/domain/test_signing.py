"""A signature holds for its fields, its purpose and its key, and for nothing else."""

import base64
from typing import Any

import pytest

from bot.config.new_key import generate_key
from bot.domain.signing import KEY_BYTES, Keyring, Purpose, SignatureState
from tests.fakes.keyring import KEYRING, STRANGERS

FIELDS: dict[str, Any] = {"user": "U0LEADA", "run": "r63ueg", "choice": "approve", "rows": [1, 2], "way": None}


def test_what_was_signed_verifies_in_any_order_of_its_fields() -> None:
    signature = KEYRING.sign(Purpose.VOTE, FIELDS)
    assert KEYRING.is_valid(Purpose.VOTE, dict(reversed(FIELDS.items())), signature)


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize("value", ["", "other", 0, None, [1, 2, 3]])
def test_another_value_of_any_field_is_wrong(name: str, value: object) -> None:
    changed = FIELDS | {name: value}
    if changed != FIELDS:
        signature = KEYRING.sign(Purpose.VOTE, FIELDS)
        assert KEYRING.check(Purpose.VOTE, changed, signature) is SignatureState.WRONG


@pytest.mark.parametrize("purpose", [purpose for purpose in Purpose if purpose is not Purpose.VOTE])
def test_a_signature_of_a_vote_is_for_nothing_else(purpose: Purpose) -> None:
    assert KEYRING.check(purpose, FIELDS, KEYRING.sign(Purpose.VOTE, FIELDS)) is SignatureState.WRONG


def test_a_field_more_or_less_is_wrong() -> None:
    signature = KEYRING.sign(Purpose.VOTE, FIELDS)
    assert not KEYRING.is_valid(Purpose.VOTE, FIELDS | {"more": ""}, signature)
    assert not KEYRING.is_valid(Purpose.VOTE, {"user": "U0LEADA"}, signature)


def test_a_key_of_the_same_name_does_not_verify() -> None:
    assert KEYRING.check(Purpose.VOTE, FIELDS, STRANGERS.sign(Purpose.VOTE, FIELDS)) is SignatureState.WRONG


JUNK = ["x", ":", "test:", "test", "test:\udcff", "test:é", ":" * 9, "test:" + "0" * 64, "test:" + "0" * 63]


@pytest.mark.parametrize("junk", JUNK)
def test_junk_is_no_signature_and_no_crash(junk: str) -> None:
    assert KEYRING.check(Purpose.VOTE, FIELDS, junk) is SignatureState.WRONG


def test_none_and_an_unknown_key_are_told_apart() -> None:
    assert KEYRING.check(Purpose.VOTE, FIELDS, "") is SignatureState.UNSIGNED
    assert KEYRING.check(Purpose.VOTE, FIELDS, "gone:00") is SignatureState.UNKNOWN_KEY


def test_after_a_rotation_the_new_key_signs_and_the_old_one_verifies() -> None:
    old, new = generate_key("2026-10"), generate_key("2026-11")
    before, after = Keyring.parse(old), Keyring.parse(f"# newest first\n{new}\n\n{old}\n")
    assert after.is_valid(Purpose.BUNDLE, FIELDS, before.sign(Purpose.BUNDLE, FIELDS))
    assert after.sign(Purpose.BUNDLE, FIELDS).startswith("2026-11:")
    assert before.check(Purpose.BUNDLE, FIELDS, after.sign(Purpose.BUNDLE, FIELDS)) is SignatureState.UNKNOWN_KEY


SHORT = base64.b64encode(b"x" * (KEY_BYTES - 1)).decode()
BAD = [
    ("", "there is no key in it"),
    ("# nothing\n", "there is no key in it"),
    ("no colon", "line 1 does not begin with a key's id and a colon"),
    ("-id:AAAA", "line 1 does not begin with a key's id and a colon"),
    ("k1:%%%", "the key in line 1 is not base64"),
    (f"k1:{SHORT}", "the key in line 1 has fewer than 32 bytes"),
    (f"{generate_key('k1')}\n{generate_key('k1')}", "line 2 repeats the id k1"),
]


@pytest.mark.parametrize(("text", "problem"), BAD, ids=[problem for _, problem in BAD])
def test_a_bad_keyring_is_refused_by_line(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem) as refused:
        Keyring.parse(text)
    assert SHORT not in str(refused.value)


def test_a_keyring_shows_no_key() -> None:
    assert "ttt" not in repr(KEYRING)
