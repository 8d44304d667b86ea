"""Defines interrupts: exceptions by which a run leaves its straight path without failing."""

from collections.abc import Mapping

from bot.domain.plans import Plan
from bot.errors import BotError


class RunInterruptError(Exception):
    """Base of all interrupts; the runner handles each."""


class ReplanError(RunInterruptError):
    """The world moved before the start: back to the approvers.

    Args:
        plan: what would be done now.
        differences: what moved, one line each.
        withdrawn: voters whose vote no longer counts, each with why.
    """

    def __init__(self, plan: Plan, differences: tuple[str, ...], withdrawn: Mapping[str, str] | None = None) -> None:
        super().__init__(*differences)
        self.plan = plan
        self.differences = differences
        self.withdrawn = withdrawn or {}


class VoidError(RunInterruptError):
    """The request can no longer be planned. `error` says why."""

    def __init__(self, error: BotError) -> None:
        super().__init__(error.reference)
        self.error = error


class CancelledError(RunInterruptError):
    """Somebody asked to stop, at a place where that is safe."""

    def __init__(self, user_id: str) -> None:
        super().__init__(user_id)
        self.user_id = user_id


class OwnershipLostError(RunInterruptError):
    """Another process has taken the run over, or may have: touch nothing more."""
