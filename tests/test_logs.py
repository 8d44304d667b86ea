"""Logs are JSON lines, and chatty libraries are kept quiet."""

import json
import subprocess
import sys

SCRIPT = """
import logging
from bot import logs
logs.configure("INFO")
logging.getLogger("bot.engine").info("run %s began", "rk3f9a")
logging.getLogger("bot.engine").debug("not shown")
logging.getLogger("slack_sdk").info("a body with a token")
logging.getLogger("slack_sdk").warning("trouble")
"""


def test_each_record_is_a_line_of_json_and_libraries_are_quiet() -> None:
    done = subprocess.run(  # noqa: S603 -- our own interpreter; it has a root logger of its own
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True
    )
    records = [json.loads(line) for line in done.stderr.splitlines()]

    assert [(record["level"], record["logger"], record["event"]) for record in records] == [
        ("info", "bot.engine", "run rk3f9a began"),
        ("warning", "slack_sdk", "trouble"),
    ]
    assert done.stdout == ""
