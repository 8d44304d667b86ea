"""Takes the guards out one by one, in a copy of the tree, and prints which attacks then succeed: ``make guards``."""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
SHOWN = 3
FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+?::\S.*?)(?: - .*)?$", re.MULTILINE)
TREES = ("bot", "commands", "sql", "tests", "deploy", "docs", "pyproject.toml")


@dataclass(frozen=True)
class Guard:
    """A guard, and how to take it out: `old` is in `file` once, and is replaced by `new`.

    Attributes:
        name: says what it guards.
        tests: files or folders whose tests must go red.
    """

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]

    def take_out(self, root: Path) -> None:
        """Replace it in the tree at `root`.

        Raises:
            ValueError: the text is not there exactly once.
        """
        path = root / self.file
        text = path.read_text()
        if text.count(self.old) != 1:
            raise ValueError(f"{self.file} has the text of the guard “{self.name}” {text.count(self.old)} times")
        path.write_text(text.replace(self.old, self.new))


PEOPLE = "tests/attacks/test_people.py"
GUARDS: tuple[Guard, ...] = ()


def try_without(guard: Guard, arguments: Sequence[str] = ()) -> tuple[str, ...]:
    """Run the attacks without one guard; return the ids of the tests that are red."""
    with tempfile.TemporaryDirectory(prefix="backstop-guards-") as directory:
        copy = Path(directory)
        for name in TREES:
            source = ROOT / name
            (shutil.copytree if source.is_dir() else shutil.copy)(source, copy / name)
        guard.take_out(copy)
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-rfE", *arguments, *guard.tests]
        environment = os.environ | {"PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
        ran = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, check=False)
    return tuple(FAILED.findall(ran.stdout))


def main() -> int:
    """Take out all guards, or those whose names hold the given words; return 1 where nothing went red."""
    parser = argparse.ArgumentParser(prog="python -m tests.attacks.guards", description=__doc__)
    parser.add_argument("words", nargs="*", help="only guards whose names hold one of these")
    words = parser.parse_args().words
    silent = 0
    for guard in GUARDS:
        if words and not any(word in guard.name for word in words):
            continue
        red = try_without(guard, ["-n", "2"])
        silent += not red
        print(f"{'✓' if red else '✗'} without “{guard.name}”: {len(red)} red")
        for test in red[:SHOWN]:
            print(f"    {test}")
    return 1 if silent else 0


if __name__ == "__main__":
    sys.exit(main())
