"""Where a bundle is unpacked: new plain files in one directory, or nowhere at all when it is only looked at."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from bot.adapters.storage.refusals import scratch_full, unsafe
from bot.errors import PermanentError

_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Output(Protocol):
    """A member on its way."""

    def write(self, data: bytes, /) -> object:
        """Take the next bytes."""


class Scratch(Protocol):
    """Takes members by flat names that were checked before."""

    @property
    def path(self) -> Path:
        """Where they end up."""

    @property
    def free_bytes(self) -> int | None:
        """How much fits; None for any amount."""

    def new_file(self, name: str) -> AbstractContextManager[Output]:
        """Open a file that is not there yet."""


class Oblivion:
    """Forgets what is written to it."""

    def write(self, data: bytes, /) -> object:
        """Forget."""
        return len(data)


class NoScratch:
    """Keeps nothing."""

    path = Path(os.devnull)

    @property
    def free_bytes(self) -> None:
        """Any amount."""
        return

    @contextmanager
    def new_file(self, name: str) -> Iterator[Output]:
        """Give something that forgets."""
        del name
        yield Oblivion()


class DirectoryScratch:
    """An empty directory that is filled, or emptied again.

    Args:
        path: of the directory; made if it is missing.

    Raises:
        PermanentError: ``scratch-not-empty``.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(path.iterdir()):
            raise PermanentError("scratch-not-empty", "A bundle is only unpacked into an empty directory.")

    @property
    def free_bytes(self) -> int:
        """Free space of its disk."""
        return shutil.disk_usage(self.path).free

    @contextmanager
    def new_file(self, name: str) -> Iterator[Output]:
        """Create a file."""
        place = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            file = os.open(name, _FLAGS, 0o600, dir_fd=place)
        except FileExistsError as error:
            raise unsafe("is there twice.", name) from error
        finally:
            os.close(place)
        with os.fdopen(file, "wb") as output:  # buffered: unbuffered, a write may take a part and raise nothing
            yield output

    def empty(self) -> None:
        """Remove everything in it."""
        for entry in self.path.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()


@contextmanager
def room_watched() -> Iterator[None]:
    """Say ``scratch-full`` when the disk is."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise scratch_full() from error
        raise
