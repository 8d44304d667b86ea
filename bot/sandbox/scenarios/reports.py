"""Checks the report at the end of a run: a message, and a file that fetches nothing."""

import re

from bot.sandbox.people import all_text
from bot.sandbox.story import Story

_FETCHES = re.compile(
    rb"<\s*(?:script|img|link|iframe|object|embed|base|audio|video|source)\b|url\(|@import|\ssrc\s*=", re.IGNORECASE
)


def check_report(story: Story, *parts: str, files: int = 1) -> None:
    """Check that the thread has one report and so many files of it, the last one whole, with those words in it."""
    checks, thread = story.checks, story.thread()
    reports = [message for message in thread if all_text(message).startswith(f"Report of run {story.run_id()}")]
    checks.equal("one report in the thread, edited in place", len(reports), 1)
    shared = [file for message in thread for file in message["files"]]
    names = [file["name"] for file in shared]
    checks.equal("its files are in the thread, none of them twice", (len(names), len(set(names))), (files, files))
    if not shared:
        return
    content = story.slack.fetch(shared[-1]["url_private"])
    checks.that("the file is HTML with a name people recognise", content.startswith(b"<!doctype html>"), names[-1])
    checks.equal("it fetches nothing", _FETCHES.findall(content), [])
    checks.says("it tells the whole story", content.decode(), story.run_id(), *parts)
