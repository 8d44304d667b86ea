"""A new key is a line that a keyring takes."""

import pytest

from bot.config.new_key import generate_key
from bot.domain.signing import KEY_BYTES, Keyring


def test_it_is_long_enough_and_another_one_each_time() -> None:
    first, second = (Keyring.parse(generate_key("2026-11")).keys["2026-11"] for _ in range(2))
    assert len(first) == KEY_BYTES
    assert first != second


@pytest.mark.parametrize("key_id", ["", "a b", "a:b", "x" * 33, ".hidden"])
def test_a_key_needs_an_id(key_id: str) -> None:
    with pytest.raises(ValueError, match="an id has"):
        generate_key(key_id)
