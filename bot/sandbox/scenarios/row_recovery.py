"""Recovers bookings that a restore has put aside with `/rollback salvage RUN`, and loads its SQL."""

import gzip
import re

from bot.sandbox.scenarios.traffic import Booker
from bot.sandbox.story import Story, texts

LABEL = "before-salvage"
BOOKINGS = 12
WRITTEN = "appointments"
_KEY = re.compile(r"salvage/\S+?\.sql\.gz")


def salvage(story: Story) -> None:
    """After a restore, the rows written since the backup are offered as SQL, and none of them is shown."""
    run_id, before = _restore(story)
    checks, cast = story.checks, story.cast
    refused = story.command(cast.engineer, f"/rollback salvage {run_id}")
    checks.says("the command is acknowledged at once", refused, run_id)
    checks.says("somebody else's run is not for everyone", story.answer(cast.engineer, "not-yours"), "Ask one of them")
    story.command(cast.oncall, f"/rollback salvage {run_id}")
    reply = story.thread_says("compared with what run", timeout_s=60.0)
    checks.says("the thread counts the rows", reply, f'"public"."{WRITTEN}"', "to bring back", "Nothing was applied")
    story.settle()
    found = _KEY.search(reply)
    text = gzip.decompress(story.bucket.read(found[0])).decode() if found else ""
    checks.says("the SQL is in the bucket", text, f'INSERT INTO "public"."{WRITTEN}"', "COMMIT;")
    rows = [line for line in text.splitlines() if line.startswith(("INSERT", "-- UPDATE"))]
    values = {value for line in rows for value in re.findall(r"'([^']{12,})'", line)}
    checks.equal("no value of a row is in the thread", [v for v in values if v in texts(story.thread())], [])
    checks.that("nothing was applied", story.database.count(WRITTEN) < before, story.database.count(WRITTEN))
    with story.database.connect() as connection:
        connection.execute(text.encode())
    checks.equal("the SQL brings the bookings back", story.database.count(WRITTEN), before)
    _clear(story)


def _restore(story: Story) -> tuple[str, int]:
    """Book after a backup, then restore it; returns the run and the number of bookings."""
    story.command(story.cast.oncall, f"/backups prod take {LABEL}")
    story.answer(story.cast.oncall, "is taken", LABEL, timeout_s=60.0)
    with Booker(story) as booker:
        booker.wait_more(BOOKINGS)
    before = story.database.count(WRITTEN)
    story.command(story.cast.oncall, "/rollback prod latest --reason bookings went to the wrong clinic")
    story.request()
    story.approve()
    story.wait_state("succeeded", "failed", "parked")
    story.settle()
    story.checks.equal("the restore succeeded", story.state(), "succeeded")
    return story.run_id(), before


def _clear(story: Story) -> None:
    """Later stories expect an empty bucket."""
    client = story.sandbox.store.client()
    for key in [key for key in story.bucket.list_keys() if LABEL in key or key.startswith("salvage/")]:
        client.delete_object(Bucket=f"physioflow-backups-{story.environment}", Key=key)
