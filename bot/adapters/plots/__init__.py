"""Pictures of drills, drawn by matplotlib in a process of its own.

Importing matplotlib takes more than a second and 60 MB that a process never gives back; a bot that draws once a week
should not carry them, and a picture that goes wrong should not take a restore with it.
"""

from bot.adapters.plots.plotter import ChildPlotter

__all__ = ["ChildPlotter"]
