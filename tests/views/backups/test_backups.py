"""Backups as lists, in detail, and while they are taken or proven."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain.backups import (
    Backup,
    BackupName,
    BackupPage,
    StoredObject,
    Verification,
)
from bot.domain.jobs import Job, JobKind, JobState
from bot.domain.runs import Progress
from bot.ports import BackupDetails, BackupListing, NewestBackups
from bot.views.backups import backups, job
from bot.views.buttons import unpack
from tests.views.backups.samples import BACKUP, NAME
from tests.views.samples import ASKED, buttons, read

OLD_NAME = BackupName("prod", "weekly", ASKED - timedelta(days=40))


ELSEWHERE = Backup(OLD_NAME, StoredObject(f"{OLD_NAME}.tar.gz", 5000))


TWO_HOURS = "2 h old (<!date^1770771600^{date_short_pretty} {time}|2026-02-11 01:00 UTC>)"


def listing(*shown: Backup, text: str = "", offset: int = 0, total: int = 0, more: int | None = None) -> BackupListing:
    return BackupListing("prod", BackupPage(shown, total or len(shown), more), text, offset, ASKED)


def test_a_page_of_backups() -> None:
    view = backups.render(listing(BACKUP, ELSEWHERE, offset=10, total=25, more=20))

    assert read(view) == (
        "Backups of prod\n11 to 12 of 25, newest first\n"
        f"*prod_nightly_20260211_010000*\n{TWO_HOURS} · 1.0 MB · schema 027 · app v1.3.0\nnot verified\n"
        "[Verify] [Details]\n"
        "*prod_weekly_20260102_030000*\n"
        "40 days old (<!date^1767322800^{date_short_pretty} {time}|2026-01-02 03:00 UTC>) · 5.0 kB\n"
        "not verified, *not made by Backstop*: no signature\n"
        "[Verify] [Details]\n"
        "[Newer] [Older]"
    )
    assert view.text == "Backups of prod: 11 to 12 of 25"


def test_a_page_is_turned_within_what_was_looked_for() -> None:
    view = backups.render(listing(BACKUP, text="night 02", offset=10, total=25, more=20))

    carried = buttons(view)
    assert unpack(carried["newer_backups"]) == {"environment": "prod", "text": "night 02", "offset": 0}
    assert unpack(carried["older_backups"]) == {"environment": "prod", "text": "night 02", "offset": 20}
    assert unpack(carried["verify_backup"]) == {"environment": "prod", "name": str(NAME), "level": 2}
    assert unpack(carried["show_backup"]) == {"environment": "prod", "name": str(NAME)}


@pytest.mark.parametrize(
    ("offset", "more", "offered"),
    [(0, None, set()), (0, 10, {"older_backups"}), (10, None, {"newer_backups"})],
)
def test_only_ways_that_lead_somewhere_are_offered(offset: int, more: int | None, offered: set[str]) -> None:
    view = backups.render(listing(BACKUP, offset=offset, total=20, more=more))

    assert set(buttons(view)) - {"verify_backup", "show_backup"} == offered


def test_nothing_found_says_what_to_type_instead() -> None:
    assert read(backups.render(listing())) == "*prod* has no backups.\nTake one: `/backups prod take`"
    assert read(backups.render(listing(text="x<y"))).startswith("No backup of *prod* has `x&lt;y` in its name.\n")
    assert set(buttons(backups.render(listing(offset=10)))) == {"newer_backups"}, "the page has gone since"


@pytest.mark.parametrize(
    ("verified", "said"),
    [
        (Verification(3, ASKED), "✔ level 3, <!date^1770778800^{date_short_pretty} {time}|2026-02-11 03:00 UTC>"),
        (
            Verification(1, ASKED, "bundle-damaged: cut <off>"),
            (
                "✗ level 1, <!date^1770778800^{date_short_pretty} {time}|2026-02-11 03:00 UTC>: "
                "bundle-damaged: cut &lt;off&gt;"
            ),
        ),
    ],
)
def test_what_was_proven(verified: Verification, said: str) -> None:
    assert backups.state(replace(BACKUP, verified=verified)) == said
    assert backups.state(replace(ELSEWHERE, verified=verified)) == f"{said}, *not made by Backstop*: no signature"


def test_the_newest_of_every_environment() -> None:
    newest = [
        NewestBackups("dev", BackupPage((), 0)),
        NewestBackups("prod", BackupPage((BACKUP, ELSEWHERE), 12)),
        NewestBackups("staging", None, "storage-unavailable: Away."),
    ]

    assert read(backups.render_newest(newest, ASKED)) == (
        "Backups\n*dev*: no backups\n"
        "*prod*: 12 backups, the newest 2 h old\n"
        "• `prod_nightly_20260211_010000` · 1.0 MB · not verified\n"
        "• `prod_weekly_20260102_030000` · 5.0 kB · not verified, *not made by Backstop*: no signature\n"
        "*staging*: cannot be listed: storage-unavailable: Away.\n"
        "`/backups ENV` lists an environment's, `/backups help` says what else can be asked."
    )


def test_details_show_the_largest_tables_and_count_the_rest() -> None:
    shown = read(backups.render_details(BackupDetails("prod", BACKUP, ASKED)))

    assert "schema 027 · app v1.3.0 · PostgreSQL 18.6, dumped by pg_dump 18.6" in shown
    assert "*25 tables, 300 rows*\n• `public.t24` 24 rows\n• `public.t23` 23 rows" in shown
    assert "`public.t05` 5 rows\n… and 5 more" in shown
    assert "*2 files, 1.0 MB*\n• `dump/4711.dat.gz` 1.0 MB, sha256 `cdcdcdcdcdcd`" in shown
    assert f"sha256: `{'ef' * 32}`" in shown
    assert shown.endswith("[Verify]")


def test_details_of_what_was_made_elsewhere() -> None:
    shown = read(backups.render_details(BackupDetails("prod", ELSEWHERE, ASKED)))

    assert "sha256: not known" in shown
    assert "It has no manifest, so nothing says what should be in it." in shown
    assert "*not made by Backstop*: no signature" in shown


TAKE = Job("slash:1", JobKind.TAKE, "prod", "manual", "U0ONCALL", ASKED)


PROOF = Job("slash:2", JobKind.VERIFY, "prod", str(NAME), "U0ONCALL", ASKED, level=2)


BEGUN = "asked for by <@U0ONCALL> · begun <!date^1770778800^{time_secs}|2026-02-11 03:00 UTC>"


LATER = ASKED + timedelta(seconds=42)


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        (
            replace(TAKE, progress=Progress(1_200_000, 3_400_000, "bytes")),
            f"▶️ <@U0ONCALL> takes a backup of *prod* (`manual`)\n1.2 of 3.4 MB (35 %)\n{BEGUN}",
        ),
        (
            replace(TAKE, state=JobState.DONE, subject=str(NAME), backup=BACKUP, ended_at=LATER),
            (
                f"✅ Backup of *prod* taken: `{NAME}`\n1.0 MB · 25 tables · 300 rows · not verified yet\n"
                f"{BEGUN} · took 42 s"
            ),
        ),
        (
            replace(TAKE, state=JobState.FAILED, problem="scratch-full: No room. Free some.", ended_at=LATER),
            f"❌ No backup of *prod* was taken (`manual`)\nscratch-full: No room. Free some.\n{BEGUN} · took 42 s",
        ),
        (PROOF, f"▶️ <@U0ONCALL> verifies `{NAME}` of *prod* (level 2, readable end to end)\n{BEGUN}"),
        (
            replace(PROOF, state=JobState.DONE, ended_at=LATER, note="Level 3 was proven before and stays noted."),
            (
                f"✅ `{NAME}` of *prod* passed level 2, readable end to end\n"
                f"Level 3 was proven before and stays noted.\n{BEGUN} · took 42 s"
            ),
        ),
        (
            replace(PROOF, state=JobState.DONE, level=1, problem="bundle-damaged: Cut off.", ended_at=LATER),
            (
                f"❌ `{NAME}` of *prod* did *not* pass level 1, names and checksums\nbundle-damaged: Cut off.\n"
                f"{BEGUN} · took 42 s"
            ),
        ),
        (
            replace(PROOF, state=JobState.FAILED, problem="scratch-full: No room.", ended_at=LATER, attempt=2),
            (
                f"❌ `{NAME}` of *prod* could not be verified (level 2, readable end to end)\nscratch-full: No room.\n"
                f"{BEGUN} · took 42 s · attempt 2, after a restart in the middle of it"
            ),
        ),
    ],
)
def test_a_jobs_message(shown: Job, said: str) -> None:
    assert read(job.render(shown)) == said
