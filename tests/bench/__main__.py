"""Prints every figure in one run: ``make bench``."""

import platform
import sys
from pathlib import Path

from bot.sandbox.people import Slack
from bot.sandbox.screen import Screen
from bot.sandbox.story import Story
from bot.sandbox.workplace import Layout, Sandbox
from tests.bench import acks, chains, listing, planning, report, restores
from tests.bench.data import Sizes


def main() -> int:
    """Measure and print; returns 1 only when a command went unacknowledged for over 3 s."""
    print(f"machine: {platform.machine()}, {_cores()} cores, Python {platform.python_version()}")
    with Sandbox(Layout(scale=0.3, resettable=True)) as sandbox:
        bot = sandbox.add_bot()
        slack = Slack(sandbox.slack.base_url)
        screen = Screen(slack, "C0INCIDENT", quiet=True)
        latencies = acks.measure(Story(sandbox, screen, slack))
        print(
            f"acks: {acks.COMMANDS} slash commands, {acks.AT_ONCE} at a time, a run {latencies.run_state}: "
            f"p50 {latencies.p50:.0f} ms, p99 {latencies.p99:.0f} ms, worst {latencies.worst:.0f} ms, "
            f"{latencies.unacked} over 3 s (aim: p99 under 300 ms, none over 3 s)"
        )
        sandbox.reset("prod")
        story = Story(sandbox, screen, slack)
        tables = planning.grow(story)
        times = [planning.measure(Story(sandbox, screen, slack)) for _ in range(3)]
        print(
            f"planning: command to plan posted with {tables} tables: "
            f"{', '.join(f'{time:.2f} s' for time in times)} (aim: under 4 s)"
        )
        ours, theirs = chains.measure(sandbox)
        print(
            f"chain: 027…018 in one transaction: {ours * 1000:.0f} ms, psql {theirs * 1000:.0f} ms, "
            f"ratio {ours / theirs:.2f} (aim: under 1.3)"
        )
        print(f"memory: peak of the bot {bot.memory_peak_bytes() / 1e6:.0f} MB (aim: under 200 MB)")
        slack.close()
    listed = listing.measure()
    print(
        f"listing: first page of {listing.OBJECTS:,} objects: cold {listed.cold_s:.2f} s, warm "
        f"{listed.warm_s * 1000:.1f} ms (aim: within 1.5 s and 100 ms)"
    )
    report.show(restores.measure(Sizes.chosen()))
    return 1 if latencies.unacked else 0


def _cores() -> int:
    return Path("/proc/cpuinfo").read_text().count("processor\t")


if __name__ == "__main__":
    sys.exit(main())
