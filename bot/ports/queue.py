"""Work for later."""

from typing import Protocol


class Queue(Protocol):
    """Work for later, on any replica."""

    def defer_request(self, request_id: str) -> None:
        """Have someone deal with a persisted request. Deferring twice does no harm."""

    def defer_job(self, request_id: str) -> None:
        """Have someone deal with a persisted request that may take an hour. Deferring twice does no harm."""

    def defer_run(self, run_id: str) -> None:
        """Have someone take up a run. Deferring twice does no harm."""
