"""The keys of tests: fixed, so that what one process signs another one verifies."""

from bot.domain.signing import KEY_BYTES, Keyring

KEYRING = Keyring({"test": b"t" * KEY_BYTES})
STRANGERS = Keyring({"test": b"s" * KEY_BYTES})
"""Somebody who knows the key's id and not the key."""
