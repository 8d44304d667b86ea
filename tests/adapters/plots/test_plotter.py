"""The child process that draws: its answer, its faults, and what it is not told."""

import subprocess
import sys
from pathlib import Path

import pytest

from bot.adapters.plots import ChildPlotter, drawing
from bot.adapters.plots.plotter import _surroundings
from bot.domain.drill_reports import Bar, Chart, Panel
from bot.errors import PermanentError
from tests.fakes.clock import NOON

CHART = Chart("Drills", "UTC", (Panel("Größe", (Bar(NOON, (("load", 3.0),), 10**9, 60.0),), 900, 60),))


def test_a_child_draws_what_we_would(tmp_path: Path) -> None:
    assert ChildPlotter(tmp_path).draw(CHART) == drawing.draw(CHART)
    assert list(tmp_path.iterdir()) == []


def test_the_bot_itself_never_loads_matplotlib() -> None:
    code = "import sys, bot.app; print([name for name in ('matplotlib', 'numpy', 'PIL') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)  # noqa: S603 -- ours

    assert done.stdout.strip() == "[]"


def test_a_child_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match=r"picture-failed: .*TimeoutExpired"):
        ChildPlotter(tmp_path, timeout_s=0.01).draw(CHART)


def test_a_picture_that_cannot_be_drawn_is_named(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="picture-failed: The picture could not be drawn: "):
        ChildPlotter(tmp_path).draw(Chart("t", "s", ()))


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="picture-failed: The picture could not be drawn: FileNotFoundError"):
        ChildPlotter(tmp_path / "gone").draw(CHART)


def test_no_secret_goes_along(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKSTOP_SLACK_BOT_TOKEN", "xoxb-hunter2")

    assert not any("hunter2" in value for value in _surroundings("x").values())
