"""Defines the port to the task queue."""

from typing import Protocol


class Queue(Protocol):
    """Queues work for any replica. Deferring twice is harmless: queueing is idempotent."""

    def defer_request(self, request_id: str) -> None:
        """Queue the handling of a persisted request."""

    def defer_job(self, request_id: str) -> None:
        """Queue the handling of a persisted request that may take an hour."""

    def defer_run(self, run_id: str) -> None:
        """Queue a run for execution."""
