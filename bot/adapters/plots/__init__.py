"""Draws charts of drills as SVG and rasterises them to PNG."""

from bot.adapters.plots.plotter import SvgPlotter

__all__ = ["SvgPlotter"]
