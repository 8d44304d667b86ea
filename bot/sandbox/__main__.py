"""Starts a workplace on loopback, and plays scenarios in it: ``python -m bot.sandbox``."""

import argparse
import json
import os
import signal
import sys
import threading
from collections.abc import Sequence

from bot.sandbox.cluster import Delays
from bot.sandbox.people import Slack
from bot.sandbox.player import play
from bot.sandbox.scenarios.registry import SCENARIOS
from bot.sandbox.screen import Screen
from bot.sandbox.workplace import Layout, Sandbox

PODS = Delays(start_s=(1.0, 2.5), terminate_s=(0.5, 1.5))
"""Quicker than a real cluster, slow enough for the checklist to be seen to move."""
TRY_NEXT = """\
The sandbox stays up. Open {control} in a browser: type /rollback prod 026 as @oncall, react as @lead.a and @lead.b.
Or by hand:
  curl -s {control}/sandbox/slash -d \\
    '{{"user":"U0ONCALL","channel":"C0INCIDENT","command":"/migrations","text":"prod"}}'
  curl -s '{control}/sandbox/messages?channel=C0INCIDENT'
Ctrl-C ends it."""


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m bot.sandbox", description=__doc__)
    parser.add_argument("--scenario", choices=sorted(SCENARIOS), metavar="NAME", help="play one; --list names them")
    parser.add_argument("--list", action="store_true", help="name the scenarios and end")
    parser.add_argument("--scale", type=float, default=0.1, help="size of the sample data; 1.0 is about 30 MB in prod")
    ports = "fixed ports N, N+1 and so on"
    parser.add_argument("--port-base", type=int, default=0, metavar="N", help=ports)
    parser.add_argument("--no-bot", action="store_true", help="leave the bot out, so that another client can connect")
    parser.add_argument("--exit", action="store_true", help="end after the scenario, also at a terminal")
    parser.add_argument("--title", default="", help="what the closing line is headed with")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> int:
    """Run, and return the exit code: 0 unless a check failed."""
    options = parse(arguments)
    if options.list:
        for name, scenario in SCENARIOS.items():
            _say(f"{name:28} {scenario.summary}")
        return 0
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, lambda *_: sys.exit(0))
    stays = sys.stdout.isatty() and not options.exit and not os.environ.get("CI")
    try:
        return _run(options, stays=stays)
    except KeyboardInterrupt:
        return 0


def _run(options: argparse.Namespace, *, stays: bool) -> int:
    with Sandbox(Layout(scale=options.scale, port_base=options.port_base, pod_delays=PODS)) as sandbox:
        if not options.no_bot:
            sandbox.add_bot()
        _say("sandbox ready " + json.dumps(sandbox.endpoints()))
        if options.scenario is None:
            _stay(sandbox)
            return 0
        checks = play(sandbox, options.scenario)
        _say(checks.summary(options.title or f"scenario {options.scenario}"))
        if stays:
            _follow(sandbox)
        return 1 if checks.failures else 0


def _stay(sandbox: Sandbox) -> None:
    if sys.stdout.isatty():
        _follow(sandbox)
    else:
        threading.Event().wait()


def _follow(sandbox: Sandbox) -> None:
    _say(TRY_NEXT.format(control=sandbox.slack.base_url))
    slack = Slack(sandbox.slack.base_url)
    screen = Screen(slack, "C0INCIDENT")
    screen.start()
    try:
        threading.Event().wait()
    finally:
        screen.stop()
        slack.close()


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
