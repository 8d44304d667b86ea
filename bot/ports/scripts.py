"""Declares the port to the down scripts, and to the up scripts that drills run after them."""

from collections.abc import Mapping
from typing import Protocol

from bot.domain.migrations import DownScript, UpScript


class Scripts(Protocol):
    """The migration scripts on disk."""

    def load(self) -> Mapping[int, DownScript]:
        """Read and validate every script, fresh from disk.

        Raises:
            PermanentError: ``invalid-script`` names file, line and fault.
        """

    def load_ups(self) -> Mapping[int, UpScript]:
        """Read the up scripts, fresh from disk; none where no directory is configured.

        Raises:
            PermanentError: ``invalid-script`` names file, line and fault.
        """
