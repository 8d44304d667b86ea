"""Performing drills."""

from bot.engine.workplace import Workplace
from bot.errors import PermanentError


def perform(workplace: Workplace, drill_id: str) -> None:
    """Perform a drill.

    Raises:
        PermanentError: ``drill-not-available``.
    """
    del workplace
    raise PermanentError("drill-not-available", f"Drill {drill_id} cannot be performed in this version.")
