"""Client tools that read whatever is not known to be broken."""

from bot.errors import PermanentError
from bot.ports import FetchedBundle


class FakeReader:
    """A `bot.ports.BundleReader`; `complaint` is what it says of every bundle."""

    def __init__(self) -> None:
        self.restore_error = ""
        self.read: list[FetchedBundle] = []

    def read_through(self, bundle: FetchedBundle) -> None:
        self.read.append(bundle)
        if self.restore_error:
            raise PermanentError("bundle-unreadable", self.restore_error)
