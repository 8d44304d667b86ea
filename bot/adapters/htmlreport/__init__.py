"""A report as one HTML file."""

from bot.adapters.htmlreport.page import write

__all__ = ["write"]
