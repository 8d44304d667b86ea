"""The report of a run as a file: everything there is to know of it, for people who were not there."""

from bot.views.incident.sheet import render

__all__ = ["render"]
