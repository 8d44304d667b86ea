"""A queue whose jobs are lost with the process that took them: the sweep has to find them again."""


class FakeQueue:
    """A `bot.ports.Queue`."""

    def __init__(self) -> None:
        self.requests: list[str] = []
        self.runs: list[str] = []
        self.run_deferrals = 0

    def defer_request(self, request_id: str) -> None:
        if request_id not in self.requests:
            self.requests.append(request_id)

    def defer_job(self, request_id: str) -> None:
        self.defer_request(request_id)

    def defer_run(self, run_id: str) -> None:
        self.run_deferrals += 1
        if run_id not in self.runs:
            self.runs.append(run_id)
