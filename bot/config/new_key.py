"""Makes signing keys."""

import base64
import secrets

from bot.domain.signing import KEY_BYTES, Keyring


def generate_key(key_id: str) -> str:
    """Make a keyring's line with a random key.

    Raises:
        ValueError: the id is not made of 1 to 32 letters, digits, dots, dashes and underscores.
    """
    line = f"{key_id}:{base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()}"
    try:
        Keyring.parse(line)
    except ValueError:
        raise ValueError("an id has 1 to 32 letters, digits, dots, dashes and underscores") from None
    return line
