"""What counts as a sample of how long things take."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain.plans import ChainPlan
from bot.domain.runs import RunState
from bot.planning.forecast import run_samples
from tests.views.runs.html.incidents import walked
from tests.views.samples import PLAN, RUN


def test_the_time_until_somebody_closes_the_follow_up_is_no_work() -> None:
    done = replace(walked(RUN, "follow-up"), state=RunState.SUCCEEDED)
    worked_s = sum(step.elapsed_s or 0.0 for step in done.steps if step.key != "follow-up")
    closed = [
        replace(step, ended_at=step.started_at + timedelta(hours=20))
        if step.key == "follow-up" and step.started_at
        else step
        for step in done.steps
    ]
    ended = replace(done, steps=tuple(closed), ended_at=RUN.created_at + timedelta(minutes=5))

    (sample,) = run_samples([ended], ChainPlan)

    assert sample.ratio * PLAN.estimate.total_s == pytest.approx(worked_s)
