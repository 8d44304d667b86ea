"""A small disk for one process: a tmpfs over a directory, in a mount namespace that ends with the process."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

FILLER = "somebody-elses-file"
_MOUNT = 'mount -t tmpfs -o "size=$0" none "$1" && shift && exec "$@"'


def wrapper(directory: Path, size_mb: int) -> Sequence[str]:
    """Give the command that puts a disk over the directory and becomes the command behind it."""
    namespaces = ["--mount"] if os.geteuid() == 0 else ["--user", "--map-root-user", "--mount"]
    return ["unshare", *namespaces, "sh", "-c", _MOUNT, f"{size_mb}m", str(directory)]


def is_possible(directory: Path) -> bool:
    """Whether the kernel lets us: in a container without the right to mount it does not."""
    try:
        tried = subprocess.run([*wrapper(directory, 1), "true"], capture_output=True, check=False)  # noqa: S603 -- our own
    except FileNotFoundError:
        return False
    return tried.returncode == 0


def seen_by(pid: int, directory: Path) -> Path:
    """Give the directory as that process sees it."""
    return Path(f"/proc/{pid}/root{directory}")


def fill(directory: Path) -> None:
    """Write a file until there is no room for another byte."""
    with (directory / FILLER).open("wb", buffering=0) as file:
        for size_bytes in (64 * 1024, 1):
            while _fits(file.fileno(), size_bytes):
                pass


def _fits(file: int, size_bytes: int) -> bool:
    try:
        return os.write(file, b"\0" * size_bytes) == size_bytes
    except OSError:
        return False
