"""Signs what the bot relies on later, with keys that neither the bucket nor the state database holds."""

import base64
import binascii
import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self

KEY_BYTES = 32
"""HMAC-SHA-256 gains nothing from a longer key (RFC 2104, section 3)."""
_KEY_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")


class Purpose(StrEnum):
    """The kind of thing that is signed. A signature for one purpose never verifies for another."""

    REQUEST = "request"
    RUN = "run"
    STEP = "step"
    VOTE = "vote"
    MESSAGE = "message"
    ADDRESS = "address"
    POSTED = "posted"
    BUNDLE = "bundle"
    EXPORT = "export"
    NOTE = "note"
    EVENT = "event"
    ANCHOR = "anchor"


class SignatureState(StrEnum):
    """The result of checking a signature."""

    VALID = "valid"
    UNSIGNED = "unsigned"
    """There is none."""
    UNKNOWN_KEY = "unknown-key"
    """It names a key that this bot does not have."""
    WRONG = "wrong"
    """It does not belong to these fields, or to this purpose, or is no signature at all."""


def explain_signature(state: SignatureState) -> str:
    """Say what is the matter with a signature, as the predicate of a sentence about what it is for."""
    return _EXPLAINED[state]


_EXPLAINED = {
    SignatureState.VALID: "is signed by Backstop",
    SignatureState.UNSIGNED: "has no signature",
    SignatureState.UNKNOWN_KEY: "is signed with a key that this bot does not have",
    SignatureState.WRONG: "has a signature that is not its own",
}
SIGNATURES = {
    SignatureState.VALID: "signed",
    SignatureState.UNSIGNED: "no signature",
    SignatureState.UNKNOWN_KEY: "signed with an unknown key",
    SignatureState.WRONG: "wrong signature",
}
"""The states in a word or two."""


@dataclass(frozen=True)
class Keyring:
    """The bot's signing keys, by their ids. The first one signs; all of them verify, so keys can be rotated."""

    keys: Mapping[str, bytes] = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a keyring: a line ``ID:KEY`` per key, the key as base64 of at least `KEY_BYTES` bytes, the newest first.

        Empty lines and lines that begin with ``#`` are skipped.

        Raises:
            ValueError: says which line is wrong and why, without its text.
        """
        keys: dict[str, bytes] = {}
        for number, line in enumerate(text.splitlines(), 1):
            if not line.strip() or line.lstrip().startswith("#"):
                continue
            key_id, _, encoded = line.strip().partition(":")
            if not _KEY_ID.fullmatch(key_id):
                raise ValueError(f"line {number} does not begin with a key's id and a colon")
            if key_id in keys:
                raise ValueError(f"line {number} repeats the id {key_id}")
            keys[key_id] = _decode(encoded, number)
        if not keys:
            raise ValueError("there is no key in it")
        return cls(keys)

    def sign(self, purpose: Purpose, fields: Mapping[str, Any]) -> str:
        """Sign fields of JSON's types; returns ``ID:HEX``.

        Raises:
            TypeError: a field is not of JSON's types.
        """
        key_id, key = next(iter(self.keys.items()))
        return f"{key_id}:{_mac(key, purpose, fields)}"

    def check(self, purpose: Purpose, fields: Mapping[str, Any], signature: str) -> SignatureState:
        """Check a signature that `sign` may have made of these fields."""
        if not signature:
            return SignatureState.UNSIGNED
        key_id, _, mac = signature.partition(":")
        if not mac or not _KEY_ID.fullmatch(key_id):
            return SignatureState.WRONG
        key = self.keys.get(key_id)
        if key is None:
            return SignatureState.UNKNOWN_KEY
        # Bytes, because compare_digest refuses text that is not ASCII, and what is checked comes from outside.
        equal = hmac.compare_digest(_mac(key, purpose, fields).encode(), mac.encode("utf-8", "surrogatepass"))
        return SignatureState.VALID if equal else SignatureState.WRONG

    def is_valid(self, purpose: Purpose, fields: Mapping[str, Any], signature: str) -> bool:
        """Tell if the signature is valid."""
        return self.check(purpose, fields, signature) is SignatureState.VALID


def _decode(encoded: str, number: int) -> bytes:
    try:
        key = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        raise ValueError(f"the key in line {number} is not base64") from None
    if len(key) < KEY_BYTES:
        raise ValueError(f"the key in line {number} has fewer than {KEY_BYTES} bytes")
    return key


def _mac(key: bytes, purpose: Purpose, fields: Mapping[str, Any]) -> str:
    # One canonical text per value: sorted keys, no spaces, ASCII only. The purpose is inside, so that the signature of
    # a vote is not one of a request with the same fields.
    text = json.dumps([purpose.value, dict(fields)], sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
