"""Pictures that nobody looks at."""

from bot.domain.charts import Chart


class FakePlotter:
    """A `bot.ports.Plotter`."""

    def __init__(self) -> None:
        self.charts: list[Chart] = []

    def draw(self, chart: Chart) -> bytes:
        self.charts.append(chart)
        return b"\x89PNG\r\n\x1a\n" + chart.title.encode()
