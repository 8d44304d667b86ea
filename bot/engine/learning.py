"""What drills have shown."""

from bot.engine.workplace import Workplace
from bot.errors import PermanentError
from bot.ports import Audience


def answer_report(workplace: Workplace, audience: Audience, key: str, environment: str) -> None:
    """Answer `/drill report [ENV]`.

    Raises:
        PermanentError: ``drill-report-not-available``.
    """
    del workplace, audience, key, environment
    raise PermanentError("drill-report-not-available", "There is no report on drills in this version.")
