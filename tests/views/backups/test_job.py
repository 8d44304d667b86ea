"""What a run's thread says of rows that were found: counts and a key."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from bot.domain.jobs import Job, JobKind, JobState
from bot.domain.row_recovery import RecoveredTable, Salvage, SkippedTable
from bot.views.backups import job
from tests.views.checking import check, quick
from tests.views.samples import ASKED, read

FOUND = Salvage(
    (RecoveredTable('"public"."visits"', 214, 2, 7), RecoveredTable('"public"."log"', 0, 0, 1)),
    (SkippedTable('"public"."notes"', "it has no primary key"),),
    12,
    "salvage/r2abcd/20260211_030000.sql.gz",
)
JOB = Job("slash:7", JobKind.SALVAGE, "prod", "r2abcd", "U0ONCALL", ASKED)
ENDED = replace(JOB, state=JobState.DONE, ended_at=ASKED + timedelta(seconds=4), salvage=FOUND)


def test_it_says_what_is_in_the_file_and_what_is_not() -> None:
    text = read(job.render(ENDED))

    assert "*prod* compared with what run `r2abcd` put aside" in text
    assert "12 tables compared: 214 rows missing, 2 rows with other values." in text
    assert '• `"public"."visits"`: 214 rows to bring back, 2 changed' in text
    assert '`"public"."log"`' not in text
    assert '• `"public"."notes"`: it has no primary key' in text
    assert "8 rows only in the live database" in text
    assert "`salvage/r2abcd/20260211_030000.sql.gz`" in text
    assert "Nothing was applied." in text


def test_nothing_missing_is_said_plainly() -> None:
    text = read(job.render(replace(ENDED, salvage=Salvage((), (), 12, "salvage/k.sql.gz"))))

    assert "12 tables compared: no row is missing." in text
    assert "In the file" not in text


def test_it_runs_and_it_fails() -> None:
    assert "<@U0ONCALL> compares *prod* with what run `r2abcd` put aside" in read(job.render(JOB))
    failed = replace(JOB, state=JobState.FAILED, problem="database-refused: May not.")
    text = read(job.render(failed))
    assert "could not be compared" in text
    assert "database-refused: May not." in text


names = st.text(max_size=300)
numbers = st.integers(0, 10**12)
tables = st.lists(st.builds(RecoveredTable, names, numbers, numbers, numbers), max_size=60).map(tuple)
skipped = st.lists(st.builds(SkippedTable, names, names), max_size=60).map(tuple)


@quick
@given(st.builds(Salvage, tables, skipped, numbers, names))
def test_any_comparison(found: Salvage) -> None:
    check(job.render(replace(ENDED, salvage=found)))
