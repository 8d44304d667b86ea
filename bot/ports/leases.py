"""Declares the port by which an owner proves its ownership of a run, a drill or a job."""

from collections.abc import Mapping
from typing import Any, Protocol

from bot.domain.runs import Lease, Progress, StepState


class Leases(Protocol):
    """Lets an owner prove its ownership, and write the steps of what it owns.

    Every method raises PermanentError ``fenced-off`` when another owner has taken over.
    """

    def renew(self, lease: Lease, lease_s: float) -> None:
        """Extend the lease."""

    def record_step(
        self,
        lease: Lease,
        key: str,
        state: StepState,
        detail: str = "",
        data: Mapping[str, Any] | None = None,
        signature: str = "",
    ) -> None:
        """Record a step's state; times and attempts follow from it. `data` None leaves it as it is."""

    def remember(self, lease: Lease, key: str, data: Mapping[str, Any], signature: str = "") -> None:
        """Record what a running step must remember, and leave everything else of it as it is."""

    def record_progress(self, lease: Lease, key: str, progress: Progress | None, detail: str | None = None) -> None:
        """Record how far a step is; `detail` None leaves it as it is."""
