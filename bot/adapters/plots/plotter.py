"""The bot's side of drawing: a child process is given a chart as JSON and answers with a PNG."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from pydantic import TypeAdapter

from bot.domain.drill_reports import Chart
from bot.errors import PermanentError

CHARTS = TypeAdapter(Chart)
TIMEOUT_S = 60.0
_PNG = b"\x89PNG\r\n\x1a\n"
_ROOT = Path(__file__).parents[3]


class ChildPlotter:
    """Implements `bot.ports.Plotter`.

    Args:
        scratch_dir: where matplotlib may write its list of fonts for as long as it draws.
        timeout_s: how long a picture may take.
    """

    def __init__(self, scratch_dir: Path, timeout_s: float = TIMEOUT_S) -> None:
        self._scratch_dir = scratch_dir
        self._timeout_s = timeout_s

    def draw(self, chart: Chart) -> bytes:
        """See `bot.ports.Plotter.draw`."""
        try:
            with tempfile.TemporaryDirectory(dir=self._scratch_dir, prefix="backstop-picture-") as directory:
                done = self._run(CHARTS.dump_json(chart), directory)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise _failed(type(error).__name__) from error
        if done.returncode or not done.stdout.startswith(_PNG):
            raise _failed(_last_line(done.stderr))
        return done.stdout

    def _run(self, chart: bytes, directory: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [sys.executable, "-P", "-m", "bot.adapters.plots"],  # -P: nothing is imported from where we stand
            input=chart,
            capture_output=True,
            timeout=self._timeout_s,
            env=_surroundings(directory),
            check=False,
        )


def _surroundings(directory: str) -> dict[str, str]:
    """No secret of ours goes along, and nothing that steers Python or matplotlib but its list of fonts' place."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    return kept | {"PYTHONPATH": str(_ROOT), "MPLCONFIGDIR": directory, "MPLBACKEND": "agg"}


def _failed(why: str) -> PermanentError:
    return PermanentError(
        "picture-failed",
        f"The picture could not be drawn: {why[:200]}.",
        "The figures are in the text. The log has more; see picture-failed in docs/errors.md.",
    )


def _last_line(output: bytes) -> str:
    lines = output.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"
