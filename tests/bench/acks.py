"""Measures how quickly slash commands are acknowledged while a run is in progress."""

import statistics
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from bot.sandbox.people import Slack
from bot.sandbox.story import Story

COMMANDS = 200
AT_ONCE = 20
SLACK_LIMIT_MS = 3000


@dataclass(frozen=True)
class Latencies:
    """Ack latencies in milliseconds, from Slack's side."""

    p50: float
    p99: float
    worst: float
    unacked: int
    run_state: str


def measure(story: Story) -> Latencies:
    """Type 200 commands, 20 at a time, while a run stops traffic slowly."""
    story.slack.fault(
        target="cluster", kind="pod-stuck-terminating", namespace=story.namespace, deployment="physioflow-web"
    )
    story.command(story.cast.oncall, "/rollback prod 027")
    story.request()
    story.approve()
    story.wait_state("running")
    # One client for all: making one costs more than an ack, in the process that also plays Slack.
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(lambda _: _type(story.slack), range(COMMANDS)))
    state = story.state()
    story.slack.clear_faults()
    story.wait_state("succeeded", "failed", "parked")
    times = sorted(float(answer["elapsed_ms"]) for answer in answers)
    unacked = sum(not answer["ok"] or float(answer["elapsed_ms"]) > SLACK_LIMIT_MS for answer in answers)
    cuts = statistics.quantiles(times, n=100)
    return Latencies(statistics.median(times), cuts[98], times[-1], unacked, state)


def _type(slack: Slack) -> dict[str, Any]:
    body = {"user": "U0ENG", "channel": "C0GENERAL", "command": "/rollback", "text": "status prod"}
    return slack.post("slash", body)
