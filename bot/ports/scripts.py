"""Declares the port to the down scripts, and to the up scripts that drills run after them."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from bot.domain.migrations import DownScript, UpScript
from bot.errors import BotError


class Scripts(Protocol):
    """The migration scripts on disk."""

    def load(self) -> Mapping[int, DownScript]:
        """Read and validate every script, fresh from disk. One that cannot be run has its `fault` with it.

        Raises:
            PermanentError: ``invalid-script``: there is no script at all.
        """

    def faults(self) -> Sequence[BotError]:
        """List what keeps scripts from being run, one a file: ``invalid-script`` names file, line and fault.

        Raises:
            PermanentError: ``invalid-script``: there is no script at all.
        """

    def load_ups(self) -> Mapping[int, UpScript]:
        """Read the up scripts, fresh from disk; none where no directory is configured.

        Raises:
            PermanentError: ``invalid-script`` names file, line and fault.
        """
