"""The restore point before a transaction that cannot be taken back."""

from bot.engine.runs.execution import Execution

_KEY = "restore_point"


def mark_once(execution: Execution, key: str) -> str:
    """Mark it before a step's first attempt, and keep to that one: a later attempt may come after the COMMIT.

    Gives the LSN it is at.

    Raises:
        BotError: see `Database.mark_restore_point`.
        OwnershipLostError: another process has the run, or the journal stays away.
    """
    known = execution.data(key)
    if _KEY not in known:
        point = execution.env.database.mark_restore_point(f"backstop_{execution.run.id}")
        execution.remember(key, {**known, _KEY: point})
    return str(execution.data(key)[_KEY])
