"""Pictures."""

from typing import Protocol

from bot.domain.charts import Chart


class Plotter(Protocol):
    """Draws charts."""

    def draw(self, chart: Chart) -> bytes:
        """Draw it as a PNG; the same chart gives the same bytes.

        Raises:
            PermanentError: ``picture-failed``.
        """
