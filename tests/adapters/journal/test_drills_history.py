"""What was learnt, as it is asked for: by the real book and by its fake alike, and kept for ever."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.adapters.journal import PostgresDrillRepository, PostgresJournal, mapping
from bot.adapters.journal.connections import Pool
from bot.adapters.named_queries import load
from bot.domain.drills import Drill, DrillKind, DrillState, ScriptProof
from bot.domain.planned import Forecast, PlannedProof, Proof, ProvenScript
from bot.domain.runs import Run
from bot.ports import DrillRepository
from tests.adapters.samples import StoppedClock
from tests.drills import MEASURED, drill_of
from tests.fakes.clock import NOON
from tests.fakes.drills import FakeDrillRepository
from tests.views.samples import PLAN, RUN

DAY = timedelta(days=1)
OLD = drill_of(400)
NEWER = replace(drill_of(3, failed="load-failed: x"), schedule="monthly")
BUNDLE = drill_of(2, DrillKind.BUNDLE, of="prod", measured=replace(MEASURED, bundle="prod_nightly_20260227_020000"))
SECOND = replace(drill_of(1, DrillKind.BUNDLE, of="prod", measured=BUNDLE.measured), id="dsecnd")
MIGRATION = drill_of(0.5, DrillKind.MIGRATION, of="prod", measured=BUNDLE.measured)
ALL = (OLD, NEWER, BUNDLE, SECOND, MIGRATION)
Named = list[str]


def play(book: DrillRepository, clock: StoppedClock, drill: Drill, proofs: tuple[ScriptProof, ...] = ()) -> None:
    """Let it run as it did."""
    assert book.plan(
        replace(drill, state=DrillState.PLANNED, started_at=None, ended_at=None, measured=None, problem="")
    )
    assert drill.ended_at is not None
    clock.at = drill.ended_at
    begun = book.take(drill.id, (), "another", 0.0)
    assert begun is not None
    book.finish(begun.lease, drill.state, drill.problem, drill.measured, proofs)


@pytest.fixture(params=["real", "fake"])
def book(request: pytest.FixtureRequest, clock: StoppedClock) -> DrillRepository:
    pool: Callable[[], Pool] = lambda: request.getfixturevalue("pool")  # noqa: E731 -- no database for the fake
    return PostgresDrillRepository(pool(), clock) if request.param == "real" else FakeDrillRepository(clock)


@pytest.fixture
def history(book: DrillRepository, clock: StoppedClock) -> DrillRepository:
    for drill in ALL:
        play(book, clock, drill)
    return book


def named(*drills: Drill) -> Named:
    return [drill.id for drill in drills]


def test_the_newest_come_first_of_one_kind_or_one_environment(history: DrillRepository) -> None:
    assert named(*history.history()) == named(MIGRATION, SECOND, BUNDLE, NEWER, OLD)
    assert named(*history.history(kind=DrillKind.RESTORE)) == named(NEWER, OLD)
    assert named(*history.history("prod", 2)) == named(MIGRATION, SECOND)
    assert named(*history.history("staging", kind=DrillKind.BUNDLE)) == named(SECOND, BUNDLE)
    assert history.history("qa") == []


def test_the_newest_pass_of_each_kind_and_source(history: DrillRepository) -> None:
    assert named(*history.newest_passes()) == named(MIGRATION, SECOND, OLD)


def test_which_drill_restored_a_bundle(history: DrillRepository) -> None:
    found = history.restored("prod_nightly_20260227_020000")

    assert found is not None
    assert (found.id, found.ended_at, found.measured) == (SECOND.id, SECOND.ended_at, BUNDLE.measured)
    assert history.restored("prod_nightly_20260227_020001") is None


def test_the_newest_proof_of_each_script(book: DrillRepository, clock: StoppedClock) -> None:
    old, new = (ScriptProof(27, "ab", NOON - days * DAY, drill.id) for days, drill in ((400, OLD), (3, NEWER)))
    play(book, clock, OLD, (old, replace(old, sha256="cd", reversible=True)))
    play(book, clock, NEWER, (new,))

    assert book.script_proofs() == {"ab": new, "cd": replace(old, sha256="cd", reversible=True)}


def test_nothing_ever_takes_a_drill_or_a_proof_away() -> None:
    """Kept for ever: no query of ours deletes from these tables, and nothing else may."""
    texts = [
        text for name in ("queries.sql", "drills.sql", "outbox.sql") for text in load("sql.journal", name).values()
    ]
    taking = [text for text in map(str, texts) if "DELETE" in text.upper() or "TRUNCATE" in text.upper()]

    assert len(texts) > 30
    assert [text for text in taking if re.search(r"\b(drills|script_proofs)\b", text)] == []


def test_a_plan_with_its_proofs_comes_back_as_it_was(journal: PostgresJournal) -> None:
    made = Forecast(90.0, 60.0, 120.0, 0.5, 3, ("staging",))
    scripts = (
        ProvenScript(27, "027_x", Proof(NOON, "dabcde", "staging"), reversible=True),
        ProvenScript(26, "y", None),
    )
    run = replace(RUN, plan=replace(PLAN, proven=PlannedProof(NOON, scripts, total=made)))
    journal.runs.open(run)

    assert stored(journal).plan == run.plan
    assert run.plan.digest == PLAN.digest


def test_a_plan_from_before_there_were_proofs_still_loads() -> None:
    written = json.loads(mapping.plan_row(PLAN)["plan"])
    assert written.pop("proven", ...) is None

    assert mapping.read_plan(written) == PLAN


def stored(journal: PostgresJournal) -> Run:
    run = journal.runs.find(RUN.id)
    assert run is not None
    return run
