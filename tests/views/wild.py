"""Domain values with anything in them that a database, a bucket or a person could put there."""

from datetime import UTC, datetime

from hypothesis import strategies as st

from bot.domain.approvals import Choice, Vote
from bot.domain.backups import (
    Backup,
    BackupName,
    BackupPage,
    BundleFile,
    Export,
    Manifest,
    SavedTable,
    StoredObject,
    TableContent,
    Verification,
)
from bot.domain.changes import How
from bot.domain.drill_reports import DrillReport, DrillSeries, Overdue, RestoreForecast
from bot.domain.drills import (
    Alert,
    DayRange,
    Drill,
    DrillKind,
    DrillState,
    Measurement,
    Schedule,
    ScriptProof,
    Standing,
)
from bot.domain.jobs import Job, JobKind, JobState
from bot.domain.migrations import DownScript
from bot.domain.planned import (
    Estimate,
    Forecast,
    PlannedChange,
    PlannedDrop,
    PlannedLock,
    PlannedLoss,
    PlannedProof,
    PlannedRecreation,
    PlannedRename,
    PlannedRestore,
    PlannedRows,
    PlannedScript,
    PlannedService,
    PlannedWorkload,
    Proof,
    ProvenScript,
)
from bot.domain.plans import ChainPlan, Plan, RestorePlan, RetiredPlan, UndoRollbackPlan, UndoSwapPlan
from bot.domain.runs import Progress, Run, RunState, Step, StepState
from bot.ports import (
    AuditEvent,
    BackupDetails,
    BackupListing,
    Choices,
    EnvironmentSummary,
    Escalation,
    HomeFacts,
    KeptDatabase,
    MigrationRow,
    NewestBackups,
    Overview,
)

NASTY = ("", "&" * 4000, "<!channel>", "`" * 200, "a\nb\n" * 300, "<@U0LEADA>", "Ω" * 5000, "*_~", "x" * 63, "<")
words = st.sampled_from(NASTY) | st.text(max_size=40)
amounts = st.integers(0, 10**13)
moments = st.datetimes(datetime(2020, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 -- bounds are naive by contract
maybe = st.none() | moments
digests = st.text("0123456789abcdef", min_size=64, max_size=64)


def many(values: st.SearchStrategy[object]) -> st.SearchStrategy[tuple[object, ...]]:
    """A few of them, or one of them very often."""
    few = st.lists(values, max_size=3).map(tuple)
    return few | st.tuples(values, st.sampled_from([30, 400])).map(lambda pair: (pair[0],) * pair[1])


drops = st.builds(PlannedDrop, st.sampled_from(["table", "view", "table column", "index", "trigger"]) | words, words,
                  st.booleans(), words)  # fmt: skip
changes = st.builds(PlannedChange, words, words, digests, st.sampled_from(["", *How]), many(words), many(words), words)
reasons = st.sampled_from(["dropped", "column", "changed", "derived", "odd"])
losses = st.builds(PlannedLoss, words, amounts, amounts, st.booleans())
swaps = st.builds(
    PlannedRestore, words, words, words, digests, moments, words, many(losses), st.booleans(), words, words,
    st.floats(0, 10**9),
)  # fmt: skip
kept = st.builds(KeptDatabase, words, words, words, amounts, moments)
proofs = st.none() | st.builds(Proof, moments, words, words)
spans = st.floats(0, 10**9)
forecasts = st.none() | st.builds(
    Forecast, spans, st.none() | spans, st.none() | spans, st.floats(0, 1), amounts, many(words)
)
proven = st.builds(
    PlannedProof, moments,
    many(st.builds(ProvenScript, st.integers(0, 9999), words, proofs, st.none() | st.booleans())),
    proofs, proofs, proofs, forecasts, forecasts,
)  # fmt: skip
common = {
    "environment": words, "asked_for": words, "from_schema": st.integers(0, 99999), "to_schema": st.integers(0, 99999),
    "from_app": words, "to_app": words,
    "workloads": many(st.builds(PlannedWorkload, words, words, words, words, amounts, amounts)),
    "services": many(st.builds(PlannedService, words, words, st.just(()))),
    "schema_fingerprint": digests, "saves_to": words,
    "estimate": st.builds(Estimate, st.floats(0, 10**6), st.floats(0, 10**6)),
    "warnings": many(words), "undoes": words, "proven": st.none() | proven,
}  # fmt: skip
schema = {
    "scripts": many(st.builds(PlannedScript, st.integers(0, 9999), words, digests, words, amounts)),
    "remaining": st.just(()), "drops": many(drops),
    "rows": many(st.builds(PlannedRows, words, amounts, amounts, reasons)), "expected_fingerprint": digests,
}  # fmt: skip
sources = st.builds(PlannedRecreation, words, words, words, digests, moments, words)
plans: st.SearchStrategy[Plan] = st.one_of(
    st.builds(
        ChainPlan, **common, **schema, locks=many(st.builds(PlannedLock, words, words)), requested_app=words,
        changes=st.none() | many(changes),
        renames=many(st.builds(PlannedRename, words, words, words, st.none() | amounts)),
    ),
    st.builds(RestorePlan, **common, restore=swaps, requested_app=words),
    st.builds(UndoSwapPlan, **common, restore=swaps),
    st.builds(UndoRollbackPlan, **common, **schema, source=sources),
    st.builds(RetiredPlan, **common, restore=swaps),
)  # fmt: skip
steps = st.builds(
    Step, words, amounts, words, st.sampled_from(StepState), words, st.just({}), maybe, maybe, st.integers(0, 99),
    st.none() | st.builds(Progress, amounts, amounts, st.just("bytes") | words),
)  # fmt: skip
runs = st.builds(
    Run, st.just("rk3f9a"), words, plans, st.sampled_from(RunState), words, words, st.just("C0INCIDENT"), moments,
    moments, maybe, maybe, st.just(1), st.just("") | words, words, many(steps),
)  # fmt: skip
users = st.sampled_from(["U0LEADA", "U0LEADB", "cli:anna", "<!here>"])
votes = many(st.builds(Vote, users, st.sampled_from(Choice), digests, words, moments))
exports = st.builds(
    Export, words, words, many(st.builds(SavedTable, words, words, amounts, amounts, digests, st.just(())))
)
events = many(
    st.builds(AuditEvent, amounts, moments, words, users, st.sampled_from(["voted", "documented"]) | words,
              st.dictionaries(st.sampled_from(["wrong", "change", "name"]) | words,
              words | amounts | st.lists(words, max_size=3), max_size=4), digests, digests)
)  # fmt: skip
escalations = st.builds(
    Escalation, words, st.dictionaries(st.text(max_size=30), words, max_size=5), words, many(words), many(words)
)
scripts = st.builds(
    DownScript, st.integers(0, 9999), words, words, words, st.just(()), st.just(()), st.just(()), digests
)
script_proofs = st.none() | st.builds(
    ScriptProof, st.integers(0, 9999), digests, moments, words, st.none() | st.booleans()
)
overviews = st.builds(
    Overview, words, st.integers(0, 9999), words, st.booleans(), many(words),
    many(st.builds(MigrationRow, st.integers(0, 9999), words, st.booleans(), st.none() | scripts, script_proofs)),
    st.none() | words, maybe,
)  # fmt: skip
verdicts = st.none() | st.builds(Verification, st.integers(0, 9), moments, words)
manifests = st.none() | st.builds(
    Manifest, st.just(1), words, words, words, moments, words, st.integers(0, 9999), st.integers(0, 10**6), words,
    many(st.builds(BundleFile, words, amounts, digests)), many(st.builds(TableContent, words, amounts, words)),
)  # fmt: skip
backups = st.builds(
    Backup, st.builds(BackupName, words, words, moments),
    st.builds(StoredObject, words, amounts, st.just(""), st.just("") | digests), manifests, verdicts,
)  # fmt: skip
pages = st.builds(BackupPage, st.lists(backups, max_size=10).map(tuple), amounts, st.none() | st.integers(1, 10**6))
listings = st.builds(BackupListing, words, pages, words, st.integers(0, 10**6), moments)
tried = st.sampled_from([DrillState.PASSED, DrillState.FAILED])
drills = st.builds(
    Drill, words, words, words, st.sampled_from(DrillKind), words, moments, moments, tried, users, maybe, maybe,
    st.integers(0, 9), words,
)  # fmt: skip
some = st.none() | spans
series = st.builds(
    DrillSeries, st.sampled_from(DrillKind), words, amounts, amounts, some, some, some, some, some, some, some
)
drill_reports = st.builds(
    DrillReport, words, moments, amounts, amounts, amounts, st.none() | drills, st.none() | drills, many(series),
    many(st.builds(RestoreForecast, words, words, spans, forecasts, words)), many(st.builds(Overdue, words, maybe)),
    words, st.booleans(),
)  # fmt: skip
details = st.builds(BackupDetails, words, backups, moments, st.none() | drills)
newest = many(st.builds(NewestBackups, words, st.none() | pages, words))
jobs = st.builds(
    Job, st.just("slash:1"), st.sampled_from(JobKind), words, words, users, moments, st.integers(0, 9),
    st.integers(1, 4), st.sampled_from(JobState), st.none() | st.builds(Progress, amounts, amounts, words), maybe,
    st.none() | backups, words, words,
)  # fmt: skip
scripts = st.builds(
    DownScript, st.integers(0, 9999), words, words, words, st.just(()), st.just(()), st.just(()), digests
)  # fmt: skip
choices = st.builds(
    Choices, words, words, moments, many(scripts), st.none() | backups, many(backups), many(words)
)  # fmt: skip
configured = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=60)
"""Names of environments: the configuration lets no others in."""
measurements = st.builds(
    Measurement, words, amounts, amounts, amounts, many(st.tuples(words, st.floats(0, 10**6))),
    st.none() | st.floats(0, 10**9), st.none() | st.floats(0, 10**6), st.none() | st.floats(0, 10**6),
)  # fmt: skip
drills = st.builds(
    Drill, st.just("dk3f9a"), words, words, st.sampled_from(DrillKind), words, moments, moments,
    st.sampled_from(DrillState), users, maybe, maybe, maybe, maybe, st.integers(0, 9), words, many(steps),
    st.none() | measurements,
)  # fmt: skip
rests = st.builds(DayRange, st.dates(), st.dates())
schedules = st.builds(Schedule, words, words, st.sampled_from(DrillKind), words, words, words, blackout=many(rests))
standings = st.builds(Standing, schedules, moments, maybe, maybe, maybe, maybe, st.booleans())
alerts = st.builds(Alert, words | st.just("environment:prod"), words, moments, st.booleans())
summaries = st.builds(
    EnvironmentSummary, configured, st.booleans(), st.just("C0INCIDENT"), st.integers(1, 10),
    st.none() | st.integers(0, 999), words, st.none() | st.booleans(), st.none() | backups, st.none() | backups,
    st.none() | runs, votes, st.none() | words, st.lists(runs, max_size=1).map(lambda few: tuple(few) * 12), many(kept),
    st.none() | drills, many(words),
)  # fmt: skip
homes = st.builds(
    HomeFacts, st.tuples(summaries, st.sampled_from([0, 1, 40])).map(lambda pair: (pair[0],) * pair[1]), moments
)
