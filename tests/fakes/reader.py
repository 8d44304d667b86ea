"""Fakes the client tools that read bundles."""

from bot.errors import PermanentError
from bot.ports import FetchedBundle


class FakeReader:
    """A `bot.ports.BundleReader`; `restore_error` is its error for every bundle."""

    def __init__(self) -> None:
        self.restore_error = ""
        self.read: list[FetchedBundle] = []

    def read_through(self, bundle: FetchedBundle) -> None:
        self.read.append(bundle)
        if self.restore_error:
            raise PermanentError("bundle-unreadable", self.restore_error)
