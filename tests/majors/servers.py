"""Fetches the servers of other majors, and finds those that are there."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

HERE = Path(__file__).parent
CACHE = HERE.parents[1] / ".cache" / "majors"
LOCK = ("package.json", "package-lock.json")
FETCH_TIMEOUT_S = 600
PRESENT = "BACKSTOP_TEST_MAJORS"
"""Directories of other servers, as ``15=/usr/lib/postgresql/15/bin``, by colons; they go before fetched ones."""


def find_servers() -> Mapping[int, Path]:
    """Find the servers that are there: directories of initdb and postgres, by major."""
    found = {}
    for package in sorted((CACHE / "node_modules").glob("postgres-*")):
        bin_dir = package / "native" / "bin"
        if (bin_dir / "postgres").exists():
            found[int(package.name.split("-")[1])] = bin_dir
    for item in filter(None, os.environ.get(PRESENT, "").split(":")):
        major, _, path = item.partition("=")
        found[int(major)] = Path(path)
    return dict(sorted(found.items()))


def fetch_servers() -> str:
    """Install what the lock names for this machine; return why it was not possible, or ""."""
    npm = shutil.which("npm")
    if npm is None:
        return "npm is missing: it installs the servers that tests/majors/package-lock.json names."
    if _is_current():
        return ""
    CACHE.mkdir(parents=True, exist_ok=True)
    for name in LOCK:
        shutil.copy(HERE / name, CACHE / name)
    # No package's script runs here; npm checks each package's checksum against the lock.
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    try:
        done = subprocess.run(command, cwd=CACHE, capture_output=True, text=True, timeout=FETCH_TIMEOUT_S, check=False)  # noqa: S603 -- npm, with our own lock
    except subprocess.TimeoutExpired:
        return f"npm has not ended within {FETCH_TIMEOUT_S} s."
    if done.returncode:
        return f"npm could not install the servers: {done.stderr.strip()[-500:]}"
    for package in (CACHE / "node_modules").glob("postgres-*"):
        _link_libraries(package)
    return ""


def _is_current() -> bool:
    return bool(find_servers()) and all(
        (CACHE / name).exists() and (CACHE / name).read_bytes() == (HERE / name).read_bytes() for name in LOCK
    )


def _link_libraries(package: Path) -> None:
    """Make the symbolic links that a package lists instead of holding, as its own script would."""
    listed = package / "native" / "pg-symlinks.json"
    for link in json.loads(listed.read_text()) if listed.exists() else []:
        target = package / link["target"]
        if not target.is_symlink():
            target.symlink_to(os.path.relpath(package / link["source"], target.parent))


if __name__ == "__main__":
    problem = fetch_servers()
    sys.stderr.write(problem + "\n" if problem else "")
    sys.exit(bool(problem))
