"""Samples peak memory and peak scratch space of a process and its children from ``/proc``."""

import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Self

EVERY_S = 0.1


class Watch:
    """Samples while its block runs.

    Attributes:
        memory_bytes: most resident memory of the whole tree at one time.
        scratch_bytes: most bytes of files in the directory at one time.
    """

    def __init__(self, pid: int, directory: Path) -> None:
        self._pid = pid
        self._directory = directory
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self.memory_bytes = self.scratch_bytes = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._stop.wait(EVERY_S):
            self.memory_bytes = max(self.memory_bytes, sum(resident_bytes(pid) for pid in _tree(self._pid)))
            self.scratch_bytes = max(self.scratch_bytes, sum(_file_sizes(self._directory)))


def resident_bytes(pid: int, line: str = "VmRSS:") -> int:
    """A process's resident memory; ``VmHWM:`` is its peak; 0 when it is gone."""
    with suppress(OSError):
        for found in Path(f"/proc/{pid}/status").read_text().splitlines():
            if found.startswith(line):
                return int(found.split()[1]) * 1024
    return 0


def _tree(pid: int) -> Iterator[int]:
    yield pid
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                yield from _tree(int(child))


def _file_sizes(directory: Path) -> Iterator[int]:
    for folder, _, names in os.walk(directory):
        for name in names:
            with suppress(OSError):
                yield (Path(folder) / name).stat().st_size
