"""Removes a dependency in the middle of a restore: the bucket, the scratch disk, the database server."""

import dataclasses
import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bot.sandbox.bot_process import BotProcess
from bot.sandbox.scenarios.restore import clear
from bot.sandbox.scenarios.restore_checks import begin, check_ended, check_failed, loaders
from bot.sandbox.story import Story

_FILLER = "somebody-elses-file"
_MOUNT = 'mount -t tmpfs -o "size=$0" none "$1" && shift && exec "$@"'

PATIENCE_S = 2.0
HELD_S = 30.0
SCRATCH_MB = 8


def bucket_breaks(story: Story) -> None:
    """The connection to the bucket breaks off at half of the download: it is resumed, and the restore succeeds."""
    then = begin(story)
    half_bytes = len(story.bucket.read(then.bundle)) // 2
    where = {"method": "GET", "key_prefix": then.bundle}
    story.slack.fault(target="s3", kind="drop", after_bytes=half_bytes, times=2, **where)
    story.slack.fault(target="s3", kind="5xx", times=1, **where)
    story.approve()
    check_ended(story, then)


def bucket_lost(story: Story) -> None:
    """The bucket is lost at half of the download and stays away: the run fails, and nothing was touched."""
    then = begin(story)
    half_bytes = len(story.bucket.read(then.bundle)) // 2
    with _other_bot(story, stall_s=PATIENCE_S):
        where = {"method": "GET", "key_prefix": then.bundle}
        story.slack.fault(target="s3", kind="drop", after_bytes=half_bytes, times=1, **where)
        story.slack.fault(target="s3", kind="drop", after_bytes=0, **where)
        story.approve()
        check_failed(story, then, "storage-unavailable")
        story.slack.clear_faults()
    clear(story, then)


def scratch_full(story: Story) -> None:
    """The scratch disk fills up while the bundle is unpacked: the run fails and says so, and nothing was touched."""
    scratch = story.sandbox.directory / "scratch"
    if not _can_mount(scratch):
        story.checks.that("skipped: no small disk can be made here, mounting is not permitted", fact=True)
        return
    then = begin(story)
    with _other_bot(story, wrapper=_on_small_disk(scratch, SCRATCH_MB)) as bot:
        disk = _seen_by(bot.pid, scratch)
        story.slack.fault(target="s3", kind="delay", delay_s=HELD_S, method="GET", key_prefix=then.bundle)
        story.approve()
        story.wait(lambda: list(disk.glob("backstop-fetch-*")), "the bundle to be fetched", 60.0)
        _fill(disk)
        story.screen.note("somebody else fills the scratch disk to the last byte")
        story.slack.clear_faults()
        check_failed(story, then, "scratch-full")
        story.checks.equal("nothing is left on it", [path.name for path in disk.iterdir()], [_FILLER])
    clear(story, then)


def server_restarted(story: Story) -> None:
    """The database server crashes while the side database is loaded, the bot's own state with it: the run goes on."""
    then = begin(story)
    story.approve()
    story.wait(lambda: loaders(story), "pg_restore at work", 60.0, 0.003)
    story.slack.fault(target="postgres", kind="crash")
    story.screen.note("PostgreSQL is killed and recovers")
    check_ended(story, then)


@contextmanager
def _other_bot(story: Story, stall_s: float = 300.0, wrapper: Sequence[str] = ()) -> Iterator[BotProcess]:
    """Have another bot instead of the usual one."""
    sandbox = story.sandbox
    sandbox.stop_bots()
    tuning = dataclasses.replace(sandbox.tuning, timing={**sandbox.tuning.timing, "stall_s": stall_s})
    try:
        yield sandbox.add_bot(tuning, wrapper=wrapper)
    finally:
        sandbox.stop_bots()
        sandbox.add_bot(sandbox.tuning)


def _on_small_disk(directory: Path, size_mb: int) -> Sequence[str]:
    """Return the command that puts a disk over the directory and becomes the command behind it."""
    # decision 21: in a mount namespace of its own, the disk ends with the process, however that ends
    namespaces = ["--mount"] if os.geteuid() == 0 else ["--user", "--map-root-user", "--mount"]
    return ["unshare", *namespaces, "sh", "-c", _MOUNT, f"{size_mb}m", str(directory)]


def _can_mount(directory: Path) -> bool:
    """Tell whether the kernel allows the mount; a container without that right does not."""
    try:
        tried = subprocess.run([*_on_small_disk(directory, 1), "true"], capture_output=True, check=False)  # noqa: S603 -- our own
    except FileNotFoundError:
        return False
    return tried.returncode == 0


def _seen_by(pid: int, directory: Path) -> Path:
    """Return the directory as that process sees it."""
    return Path(f"/proc/{pid}/root{directory}")


def _fill(directory: Path) -> None:
    """Write a file until there is no room for another byte."""
    with (directory / _FILLER).open("wb", buffering=0) as file:
        for size_bytes in (64 * 1024, 1):
            while _fits(file.fileno(), size_bytes):
                pass


def _fits(file: int, size_bytes: int) -> bool:
    try:
        return os.write(file, b"\0" * size_bytes) == size_bytes
    except OSError:
        return False
