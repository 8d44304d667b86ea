"""A report as one HTML file."""

from bot.adapters.htmlreport.page import CONTENT_TYPE, write

__all__ = ["CONTENT_TYPE", "write"]
