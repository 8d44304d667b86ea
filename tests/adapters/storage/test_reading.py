"""What is unpacked is whole or refused: a disk that is nearly full takes a part of a write, and says so in passing."""

import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.adapters.storage.reading import DirectoryScratch, full_disk_refused
from bot.errors import PermanentError

LIMIT_BYTES = 64 * 1024


@pytest.fixture
def nearly_full() -> Iterator[None]:
    """No file of ours may grow past the limit: like a full disk, the kernel writes what still fits, then refuses."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT_BYTES, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.usefixtures("nearly_full")
@pytest.mark.parametrize("size_bytes", [LIMIT_BYTES + 1, 3 * LIMIT_BYTES])
def test_a_write_that_fits_in_part_is_refused(tmp_path: Path, size_bytes: int) -> None:
    scratch = DirectoryScratch(tmp_path / "scratch")
    with (
        pytest.raises(PermanentError, match="scratch-full"),
        full_disk_refused(),
        scratch.new_file("3001.dat.gz") as output,
    ):
        output.write(b"x" * size_bytes)


@pytest.mark.usefixtures("nearly_full")
def test_what_fits_is_written_whole(tmp_path: Path) -> None:
    scratch = DirectoryScratch(tmp_path / "scratch")
    with full_disk_refused(), scratch.new_file("3001.dat.gz") as output:
        for _ in range(4):
            output.write(b"x" * (LIMIT_BYTES // 4))
    assert (scratch.path / "3001.dat.gz").stat().st_size == LIMIT_BYTES
