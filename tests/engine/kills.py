"""Kills the process of a story at each of its port calls, before or after the call took effect."""

from collections.abc import Callable
from typing import TypeVar

import pytest

from tests.engine.story import Story
from tests.fakes.process import Process

S = TypeVar("S", bound=Story)

killed = pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
killed_after = pytest.mark.parametrize("after", [True], ids=["after"])
"""For the longer stories: who dies before a call leaves the same world as who dies after the one before it."""


def kill_everywhere(
    begin: Callable[[], S],
    play: Callable[[S], object],
    judge: Callable[[S], list[str]],
    *,
    after: bool,
    calls: int = 30,
) -> list[str]:
    """Play it once for each port call, with a kill there; returns every fault with the call it came from.

    Nobody is killed in `begin`. The story must make more than `calls` calls to be worth it.
    """
    faults: list[str] = []
    number = 0
    while True:
        number += 1
        story = begin()
        process = story.process = Process("first", number, after=after)
        play(story)
        where = f"killed {'after' if after else 'before'} call {number} ({process.calls[:number][-1]})"
        faults += [f"{where}: {fault}" for fault in judge(story)]
        if number > len(process.calls):  # not: nobody died, for a call that raises is not died after
            assert number > calls, "the story must be long enough to be worth it"
            return faults
