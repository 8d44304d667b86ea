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
def test_whoever_holds_an_environment_is_named_as_they_are(requester: str, drill: str, said: str) -> None:
    assert f"asked for {said} " in another_run(replace(RUN, requester=requester, drill=drill)).message
