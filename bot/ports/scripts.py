"""The down scripts."""

from collections.abc import Mapping
from typing import Protocol

from bot.domain.migrations import DownScript


class Scripts(Protocol):
    """The down scripts."""

    def load(self) -> Mapping[int, DownScript]:
        """Read and validate every script, fresh from disk.

        Raises:
            PermanentError: ``invalid-script`` names file, line and fault.
        """
