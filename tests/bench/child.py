"""Runs a measured part as a process of its own, to see its memory alone; speaks lines of JSON."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any, Self

from tests.bench.places import Places
from tests.bench.watch import Watch, resident_bytes

Figures = dict[str, Any]


class Child:
    """One process that runs a module of the bench.

    Attributes:
        watch: what it and its tools took.
    """

    def __init__(self, module: str, places: Places) -> None:
        self._process = subprocess.Popen(  # noqa: S603 -- our own interpreter and module
            [sys.executable, "-m", module], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._write(places.write())
        self.watch = Watch(self._process.pid, places.directory)

    def __enter__(self) -> Self:
        self.watch.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self.watch.__exit__()
        if self._process.stdin:
            self._process.stdin.close()
        self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()

    def ask(self, question: str, **arguments: str) -> Figures:
        """Have it do something.

        Raises:
            RuntimeError: it ended instead; what it had to say is on stderr.
        """
        self._write(json.dumps({"question": question, **arguments}))
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            raise RuntimeError(f"the bench's {question} failed")
        figures: Figures = json.loads(line)
        return figures

    def _write(self, line: str) -> None:
        if self._process.stdin:
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()


def serve(answers: Callable[[Places], Mapping[str, Callable[..., Figures]]]) -> None:
    """Answer questions until there are no more; every answer carries the process's own peak memory."""
    able = answers(Places.read(sys.stdin.readline()))
    for line in sys.stdin:
        arguments = json.loads(line)
        figures = able[arguments.pop("question")](**arguments)
        own_bytes = resident_bytes(os.getpid(), "VmHWM:")
        print(json.dumps({**figures, "own_bytes": own_bytes}), flush=True)
