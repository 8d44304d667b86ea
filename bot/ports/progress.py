"""How a long step says how far it is."""

from collections.abc import Callable

from bot.domain.runs import Progress

Report = Callable[[Progress], None]
"""Called with a long step's progress; may raise to stop it."""
