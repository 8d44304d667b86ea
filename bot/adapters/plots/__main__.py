"""The child: a chart as JSON comes in, a PNG goes out."""

import sys

from bot.adapters.plots.drawing import draw
from bot.adapters.plots.plotter import CHARTS

sys.stdout.buffer.write(draw(CHARTS.validate_json(sys.stdin.buffer.read())))
