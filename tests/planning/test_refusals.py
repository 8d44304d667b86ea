"""Refusals name who holds the environment."""

from dataclasses import replace

import pytest

from bot.planning.refusals import another_run
from tests.views.samples import RUN


@pytest.mark.parametrize(
    ("requester", "drill", "said"),
    [
        ("U0ONCALL", "", "by <@U0ONCALL> at"),
        ("cli:ann", "", "by cli:ann at"),
        ("U0ONCALL", "dk3f9a", "by drill dk3f9a at"),
    ],
)
def test_the_holder_of_an_environment_is_named(requester: str, drill: str, said: str) -> None:
    assert f"asked for {said} " in another_run(replace(RUN, requester=requester, drill=drill)).message
