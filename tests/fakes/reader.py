"""Fakes the client tools that read bundles."""

from bot.errors import PermanentError
from bot.ports import DumpEntries, FetchedBundle


class FakeReader:
    """A `bot.ports.BundleReader`; `problem` is its error for every bundle, `entries` what it counts in each."""

    def __init__(self) -> None:
        self.problem = ""
        self.read: list[FetchedBundle] = []
        self.entries = DumpEntries(27, 27)

    def count_entries(self, bundle: FetchedBundle) -> DumpEntries:
        del bundle
        return self.entries

    def read_through(self, bundle: FetchedBundle) -> None:
        self.read.append(bundle)
        if self.problem:
            raise PermanentError("bundle-unreadable", self.problem)
