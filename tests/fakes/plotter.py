"""Pictures that nobody looks at."""

from bot.domain.drill_reports import Chart
from bot.errors import PermanentError


class FakePlotter:
    """A `bot.ports.Plotter`."""

    def __init__(self) -> None:
        self.charts: list[Chart] = []
        self.fails = False

    def draw(self, chart: Chart) -> bytes:
        if self.fails:
            raise PermanentError("picture-failed", "The picture could not be drawn: no ink.")
        self.charts.append(chart)
        return b"\x89PNG\r\n\x1a\n" + chart.title.encode()
