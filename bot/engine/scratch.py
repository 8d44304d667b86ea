"""Scratch directories that are in use, told from those of processes that died."""

import os
from contextlib import suppress
from pathlib import Path

from bot.domain.runs import Progress
from bot.ports import Report


def in_use(directory: Path, report: Report) -> Report:
    """Keep a directory that is only read from looking like nobody's, for as long as there is progress to report."""

    def reported(progress: Progress) -> None:
        with suppress(OSError):
            os.utime(directory)
        report(progress)

    return reported
