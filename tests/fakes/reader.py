"""Fakes the client tools that read bundles."""

from bot.errors import PermanentError
from bot.ports import FetchedBundle


class FakeReader:
    """A `bot.ports.BundleReader`; `problem` is its error for every bundle."""

    def __init__(self) -> None:
        self.problem = ""
        self.read: list[FetchedBundle] = []

    def read_through(self, bundle: FetchedBundle) -> None:
        self.read.append(bundle)
        if self.problem:
            raise PermanentError("bundle-unreadable", self.problem)
