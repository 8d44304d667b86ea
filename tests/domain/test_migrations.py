"""A chain is complete and newest first."""

import pytest

from bot.domain.migrations import build_chain
from tests.fakes.scripts import SCRIPTS


def test_a_chain_is_newest_first_and_complete() -> None:
    scripts = {script.version: script for script in SCRIPTS}
    assert [script.version for script in build_chain(scripts, (24, 25, 26, 27), 25)] == [27, 26, 25]
    assert [script.version for script in build_chain(scripts, (25, 27), 25)] == [27, 25]
    assert build_chain(scripts, (24,), 25) == ()
    with pytest.raises(KeyError) as missing:
        build_chain(scripts, (22, 23, 24, 25), 23)
    assert missing.value.args == (24, 23)
