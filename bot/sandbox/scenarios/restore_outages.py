"""What a restore needs goes away in the middle of it: the bucket, the scratch disk, the database server."""

import dataclasses
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from bot.sandbox import smalldisk
from bot.sandbox.bot_process import BotProcess
from bot.sandbox.scenarios.restore import clear
from bot.sandbox.scenarios.restore_checks import begin, check_ended, check_failed, loaders
from bot.sandbox.story import Story

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
    if not smalldisk.is_possible(scratch):
        story.checks.that("skipped: no small disk can be made here, mounting is not permitted", fact=True)
        return
    then = begin(story)
    with _other_bot(story, wrapper=smalldisk.wrapper(scratch, SCRATCH_MB)) as bot:
        disk = smalldisk.seen_by(bot.pid, scratch)
        story.slack.fault(target="s3", kind="delay", delay_s=HELD_S, method="GET", key_prefix=then.bundle)
        story.approve()
        story.wait(lambda: list(disk.glob("backstop-fetch-*")), "the bundle to be fetched", 60.0)
        smalldisk.fill(disk)
        story.screen.note("somebody else fills the scratch disk to the last byte")
        story.slack.clear_faults()
        check_failed(story, then, "scratch-full")
        story.checks.equal("nothing is left on it", [path.name for path in disk.iterdir()], [smalldisk.FILLER])
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
