"""The down scripts, and the up scripts that a drill goes up again by."""

from collections.abc import Mapping
from typing import Protocol

from bot.domain.migrations import DownScript, UpScript


class Scripts(Protocol):
    """The down scripts."""

    def load(self) -> Mapping[int, DownScript]:
        """Read and validate every script, fresh from disk.

        Raises:
            PermanentError: ``invalid-script`` names file, line and fault.
        """

    def load_ups(self) -> Mapping[int, UpScript]:
        """Read the up scripts, fresh from disk; none where nobody says where they are.

        Raises:
            PermanentError: ``invalid-script`` names file, line and fault.
        """
