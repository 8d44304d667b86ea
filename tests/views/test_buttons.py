"""A button of another version means nothing."""

import pytest

from bot.views.buttons import unpack


@pytest.mark.parametrize("value", ["", "nonsense", "[1]", "null", '{"environment": '])
def test_a_button_of_another_version_carries_nothing(value: str) -> None:
    assert unpack(value) == {}
