"""What speaks against a bundle, told from what speaks against us; and what was proven of it, kept."""

from collections.abc import Iterator
from contextlib import contextmanager

from bot.domain.backups import Backup, Verification
from bot.engine.workplace import Site
from bot.errors import PermanentError

DAMAGED = frozenset(
    {
        "bundle-unsafe",
        "bundle-damaged",
        "bundle-foreign",
        "bundle-unknown",
        "bundle-unreadable",
        "bundle-differs",
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
def judging(level: int) -> Iterator[None]:
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


def note(site: Site, backup: Backup, result: Verification) -> str:
    """Keep the result, unless more has been proven of that very object before: that stays true."""
    before = backup.verified
    if before and not before.problem and not result.problem and before.level > result.level:
        return f"Level {before.level} was proven before and stays noted."
    site.store.note_verified(backup, result)
    return ""
