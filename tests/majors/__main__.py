"""Runs the database tests on each major, and prints the counts: `make test-majors`."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.majors.servers import fetch_servers, find_servers

ROOT = Path(__file__).parents[2]
TESTS = ("tests/adapters/database", "tests/adapters/sides", "tests/adapters/row_recovery", "tests/adapters/pgclient")
PYTEST = ("-q", "-n", "2", "--dist", "loadfile", "--no-loadscope-reorder", "-p", "no:cacheprovider")
COUNT = re.compile(r"(\d+) (passed|failed|skipped|errors?)")
COLUMNS = ("passed", "failed", "error", "skipped")


def main(arguments: list[str]) -> int:
    """Run the tests on the majors that are named, or on all that there are; 1 when one failed or there is none."""
    problem = fetch_servers()
    servers = find_servers()
    if problem:
        sys.stderr.write(problem + "\n")
    wanted = [int(word) for word in arguments] or list(servers)
    missing = [major for major in wanted if major not in servers]
    if missing or not servers:
        sys.stderr.write(f"no server of major {', '.join(map(str, missing)) or 'other than our own'}\n")
        return 1
    counts = {major: _run(major, servers[major]) for major in wanted}
    sys.stdout.write(f"{'major':>6}" + "".join(f"{name:>9}" for name in COLUMNS) + "\n")
    for major, found in counts.items():
        sys.stdout.write(f"{major:>6}" + "".join(f"{found.get(name, 0):>9}" for name in COLUMNS) + "\n")
    return int(any(found.get("failed") or found.get("error") or not found.get("passed") for found in counts.values()))


def _run(major: int, bin_dir: Path) -> dict[str, int]:
    sys.stdout.write(f"== PostgreSQL {major}\n")
    sys.stdout.flush()
    environment = {**os.environ, "BACKSTOP_PG_SERVER": str(bin_dir)}
    command = [sys.executable, "-m", "pytest", *PYTEST, *TESTS]
    lines: list[str] = []
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as run:  # noqa: S603 -- our own tests
        for line in run.stdout or ():
            sys.stdout.write(line)
            lines.append(line)
    return {name.removesuffix("s"): int(count) for count, name in COUNT.findall(lines[-1] if lines else "")}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
