"""Separates faults of a bundle from faults of the environment, and stores verification results."""

from collections.abc import Iterator
from contextlib import contextmanager

from bot.domain.backups import Backup, Verification
from bot.engine.context import EnvironmentServices
from bot.errors import PermanentError

DAMAGED = frozenset(
    {
        "bundle-unsafe",
        "bundle-unsafe-statement",
        "bundle-foreign-object",
        "bundle-damaged",
        "bundle-foreign",
        "bundle-unknown",
        "bundle-unreadable",
        "bundle-differs",
        "bundle-partial",
        "load-failed",
    }
)
"""What speaks against the bundle. Any other error (no scratch space, no tool) speaks against us and proves nothing."""


class FaultError(Exception):
    """Something is wrong with a bundle, and it was found at that level."""

    def __init__(self, level: int, error: PermanentError) -> None:
        super().__init__(level, error)
        self.level = level
        self.error = error
        self.problem = f"{error.reference}: {error.message}"


@contextmanager
def verdict_on(level: int) -> Iterator[None]:
    """Tell what speaks against the bundle from what speaks against us.

    Raises:
        FaultError: something speaks against it.
    """
    try:
        yield
    except PermanentError as error:
        if error.reference in DAMAGED:
            raise FaultError(level, error) from error
        raise


def note(env: EnvironmentServices, backup: Backup, result: Verification) -> str:
    """Keep the result, unless a deeper look at that very object has said more before: that stays true.

    The stored result is read again: a drill may have found something meanwhile.
    """
    found = env.store.find(str(backup.name))
    before = found.verified if found is not None and found.stored == backup.stored else backup.verified
    if before is None or before.level <= result.level or (result.problem and not before.problem):
        env.store.store_verification(backup, result)
        return ""
    if before.problem:
        return f"Level {before.level} failed before and stays noted, until that level passes: {before.problem}"
    return f"Level {before.level} was proven before and stays noted."
