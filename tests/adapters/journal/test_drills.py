"""Checks that the real drill repository and the fake keep to `bot.ports.DrillRepository`."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest

from bot.adapters.journal import PostgresDrillRepository, PostgresJournal
from bot.adapters.journal.connections import Pool
from bot.domain.drills import (
    OUTDATED_AFTER,
    Alert,
    Drill,
    DrillKind,
    DrillState,
    Measurement,
    Schedule,
    ScriptProof,
    drill_id_of,
)
from bot.domain.runs import Progress, Step, StepState
from bot.errors import PermanentError
from bot.ports import DrillRepository
from bot.ports.leases import Leases
from tests.adapters.samples import NOON, StoppedClock
from tests.fakes.drills import FakeDrillRepository
from tests.fakes.keyring import KEYRING

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
STEPS = (Step("fetch", 0, "Fetch the bundle"), Step("load", 1, "Load it"))
WEEKLY = Schedule("weekly", "staging", DrillKind.BUNDLE, "0 3 * * 1", bundle_of="prod")


@pytest.fixture(params=["real", "fake"])
def book(request: pytest.FixtureRequest, clock: StoppedClock) -> Iterator[DrillRepository]:
    if request.param == "fake":
        yield FakeDrillRepository(clock)
    else:
        yield PostgresDrillRepository(cast("Pool", request.getfixturevalue("pool")), clock)


@pytest.fixture
def leases(request: pytest.FixtureRequest, book: DrillRepository, clock: StoppedClock) -> Leases:
    if isinstance(book, FakeDrillRepository):
        return book.leases
    return PostgresJournal(cast("Pool", request.getfixturevalue("pool")), clock, KEYRING).leases


REAL_ONLY = pytest.mark.parametrize("book", ["real"], indirect=True)


def make(due: datetime = NOON, schedule: str = "weekly", **changes: object) -> Drill:
    drill = Drill(
        drill_id_of(schedule, due.isoformat()), schedule, "staging", DrillKind.BUNDLE, "prod", due, due + 5 * MINUTE
    )
    return replace(drill, **changes)  # type: ignore[arg-type] # names and types are the callers'


def planned(book: DrillRepository, *drills: Drill) -> None:
    for drill in drills:
        assert book.plan(drill)


def begun(book: DrillRepository, clock: StoppedClock, drill: Drill, steps: Sequence[Step] = STEPS) -> Drill:
    clock.at = max(clock.now(), drill.start_at)
    found = book.take(drill.id, steps, "another", 0.0)
    assert found is not None
    return found


def passed(book: DrillRepository, clock: StoppedClock, drill: Drill, at: datetime) -> None:
    planned(book, drill)
    clock.at = at
    owned = book.take(drill.id, STEPS, "another", 0.0)
    assert owned is not None
    book.finish(owned.lease, DrillState.PASSED)


class TestPlanning:
    def test_what_is_planned_is_read_as_it_was(self, book: DrillRepository) -> None:
        drill = make()
        planned(book, drill)
        assert book.drill(drill.id) == drill
        assert book.open_drills() == [drill]

    def test_a_due_time_has_one_drill(self, book: DrillRepository) -> None:
        planned(book, make())
        assert not book.plan(make())
        assert not book.plan(make(id="dzzzzz", start_at=NOON + DAY))
        assert len(book.open_drills()) == 1

    def test_the_same_due_time_of_another_schedule_is_another_one(self, book: DrillRepository) -> None:
        planned(book, make(), make(schedule="daily"))

    def test_those_that_people_asked_for_may_share_a_moment(self, book: DrillRepository) -> None:
        planned(book, make(id="daaaaa", schedule=""), make(id="dbbbbb", schedule=""))
        assert not book.plan(make(id="daaaaa", schedule=""))

    def test_a_drill_stays_planned_once_it_has_ended(self, book: DrillRepository) -> None:
        drill = make()
        planned(book, drill)
        assert book.close(drill.id, DrillState.SKIPPED, "why")
        assert not book.plan(drill)

    def test_newest_due_first(self, book: DrillRepository) -> None:
        drills = [make(NOON + days * DAY) for days in range(4)]
        planned(book, *drills, make(schedule="daily", environment="dev"))
        assert book.drills("staging", limit=3) == drills[:0:-1]
        assert [d.environment for d in book.drills("dev")] == ["dev"]
        assert len(book.drills()) == 5

    def test_an_unknown_drill_is_none(self, book: DrillRepository) -> None:
        assert book.drill("dzzzzz") is None
        assert book.take("dzzzzz", STEPS, "another", 0.0) is None
        assert not book.postpone("dzzzzz", NOON + DAY, "U")
        assert not book.close("dzzzzz", DrillState.SKIPPED, "")


class TestSchedules:
    def test_a_new_one_begins_now_and_stays(self, book: DrillRepository) -> None:
        for at in (NOON, NOON + MINUTE, NOON + DAY):
            listed = book.enlist("weekly", "f1", at)
            assert listed is not None
            assert (listed.known_since, listed.planned_to) == (NOON, NOON)

    def test_it_remembers_up_to_where_it_is_planned(self, book: DrillRepository) -> None:
        book.enlist("weekly", "f1", NOON)
        book.advance("weekly", "f1", NOON + DAY)
        book.advance("weekly", "f1", NOON)
        listed = book.enlist("weekly", "f1", NOON + MINUTE)
        assert listed is not None
        assert (listed.known_since, listed.planned_to) == (NOON, NOON + DAY)

    def test_another_fingerprint_goes_on_where_the_first_was_last_seen(self, book: DrillRepository) -> None:
        book.enlist("weekly", "f1", NOON)
        book.enlist("weekly", "f1", NOON + MINUTE)
        book.advance("weekly", "f1", NOON + DAY)
        listed = book.enlist("weekly", "f2", NOON + 5 * MINUTE)
        assert listed is not None
        assert timedelta() < listed.planned_to - (NOON + MINUTE) < timedelta(seconds=1)
        assert listed.known_since == listed.planned_to

    def test_an_outdated_replica_hears_so_until_the_newer_one_is_gone(self, book: DrillRepository) -> None:
        book.enlist("weekly", "f1", NOON)
        for minutes in range(1, 30):
            assert book.enlist("weekly", "f2", NOON + minutes * MINUTE) is not None
            assert book.enlist("weekly", "f1", NOON + minutes * MINUTE) is None
        last = NOON + 29 * MINUTE
        assert book.enlist("weekly", "f1", last + OUTDATED_AFTER) is None
        back = book.enlist("weekly", "f1", last + OUTDATED_AFTER + MINUTE)
        assert back is not None
        assert timedelta() < back.planned_to - last < timedelta(seconds=1), "nothing that was due meanwhile is lost"

    def test_one_that_was_out_of_the_configuration_begins_again(self, book: DrillRepository) -> None:
        book.enlist("weekly", "f1", NOON)
        book.beat(NOON)
        book.beat(NOON + DAY)
        listed = book.enlist("weekly", "f1", NOON + DAY + MINUTE)
        assert listed is not None
        assert (listed.known_since, listed.planned_to) == (NOON + DAY + MINUTE,) * 2

    def test_one_that_was_down_with_everything_else_goes_on(self, book: DrillRepository) -> None:
        book.enlist("weekly", "f1", NOON)
        book.beat(NOON)
        listed = book.enlist("weekly", "f1", NOON + 30 * DAY)
        assert listed is not None
        assert listed.planned_to == NOON

    def test_names_are_listed_while_somebody_has_them(self, book: DrillRepository) -> None:
        book.enlist("weekly", "f1", NOON)
        book.enlist("daily", "f1", NOON + MINUTE)
        book.beat(NOON + MINUTE)
        assert set(book.listed(NOON)) == {"weekly", "daily"}
        assert set(book.listed(NOON + MINUTE)) == {"daily"}

    def test_the_beat_never_goes_back(self, book: DrillRepository) -> None:
        assert book.last_beat() is None
        book.beat(NOON + MINUTE)
        book.beat(NOON)
        assert book.last_beat() == NOON + MINUTE


class TestBeforeTheStart:
    def test_the_first_announcement_counts(self, book: DrillRepository, clock: StoppedClock) -> None:
        drill = make()
        planned(book, drill)
        book.note_announced(drill.id)
        clock.at += DAY
        book.note_announced(drill.id)
        assert book.open_drills() == [replace(drill, announced_at=NOON)]

    def test_it_is_only_ever_put_off(self, book: DrillRepository) -> None:
        drill = make()
        planned(book, drill)
        later = drill.start_at + 60 * MINUTE
        assert book.postpone(drill.id, later, "U0LEADA")
        assert not book.postpone(drill.id, later, "U0LEADB")
        assert not book.postpone(drill.id, drill.start_at, "U0LEADB")
        assert book.drill(drill.id) == replace(drill, start_at=later, user_id="U0LEADA")

    def test_it_does_not_begin_before_its_start(self, book: DrillRepository, clock: StoppedClock) -> None:
        drill = make()
        planned(book, drill)
        assert book.take(drill.id, STEPS, "another", 0.0) is None
        assert book.drill(drill.id) == drill
        assert begun(book, clock, drill).state is DrillState.RUNNING

    def test_a_closed_one_is_closed(self, book: DrillRepository, clock: StoppedClock) -> None:
        drill = make()
        planned(book, drill)
        assert book.close(drill.id, DrillState.SKIPPED, "Skipped.", "U0LEADA")
        assert not book.close(drill.id, DrillState.SKIPPED, "Again.", "U0LEADB")
        assert not book.postpone(drill.id, NOON + DAY, "U0LEADB")
        clock.at += DAY
        assert book.take(drill.id, STEPS, "another", 0.0) is None
        book.miss({drill.id: "Missed."})
        ended = replace(drill, state=DrillState.SKIPPED, problem="Skipped.", user_id="U0LEADA", ended_at=NOON)
        assert book.drill(drill.id) == ended
        assert book.open_drills() == []

    def test_closing_without_a_person_keeps_who_asked(self, book: DrillRepository) -> None:
        drill = make(schedule="", id="daaaaa", user_id="U0LEADA")
        planned(book, drill)
        assert book.close(drill.id, DrillState.MISSED, "why")
        found = book.drill(drill.id)
        assert found is not None
        assert found.user_id == "U0LEADA"

    def test_several_are_missed_at_one_moment_and_the_begun_one_is_not(
        self, book: DrillRepository, clock: StoppedClock
    ) -> None:
        one, two, running = make(), make(NOON + MINUTE), make(NOON + 2 * MINUTE)
        planned(book, one, two, running)
        begun(book, clock, running)
        book.miss({one.id: "First's.", two.id: "Second's.", running.id: "None.", "dzzzzz": "Nobody's."})
        book.miss({})
        ended = [replace(drill, state=DrillState.MISSED, ended_at=clock.now()) for drill in (one, two)]
        assert [replace(drill, problem="") for drill in book.untold()] == ended
        assert [drill.problem for drill in book.untold()] == ["First's.", "Second's."]
        assert [drill.id for drill in book.open_drills()] == [running.id]


class TestTelling:
    def test_what_has_ended_is_unreported_until_it_is_noted(self, book: DrillRepository, clock: StoppedClock) -> None:
        skipped, done, open_ = make(), make(NOON + MINUTE), make(NOON + 2 * MINUTE)
        planned(book, skipped, open_)
        book.close(skipped.id, DrillState.SKIPPED, "why")
        passed(book, clock, done, NOON + DAY)
        assert [drill.id for drill in book.untold()] == [skipped.id, done.id]
        book.note_reported([skipped.id])
        assert [drill.id for drill in book.untold()] == [done.id]
        book.note_reported([done.id])
        assert book.untold() == []
        found = book.drill(done.id)
        assert found is not None
        assert found.told_at == NOON + DAY

    @REAL_ONLY  # the fake gives all there are
    def test_those_missed_at_one_moment_come_whole(self, book: DrillRepository) -> None:
        drills = [make(NOON + minutes * MINUTE) for minutes in range(1010)]
        planned(book, *drills)
        book.miss({drill.id: "why" for drill in drills})
        assert len(book.untold()) == 1010


class TestRunning:
    def test_it_begins_with_its_checklist(self, book: DrillRepository, clock: StoppedClock) -> None:
        drill = make()
        planned(book, drill)
        first = begun(book, clock, drill)
        expected = replace(drill, state=DrillState.RUNNING, fencing_token=1, started_at=drill.start_at, steps=STEPS)
        assert first == expected

    def test_a_new_owner_finds_the_steps_as_they_are(
        self, book: DrillRepository, leases: Leases, clock: StoppedClock
    ) -> None:
        drill = make()
        planned(book, drill)
        first = begun(book, clock, drill)
        leases.record_step(first.lease, "fetch", StepState.RUNNING, data={"a": 1})
        leases.record_progress(first.lease, "fetch", Progress(1, 2, "bytes"), "half of it")
        clock.at += DAY
        second = book.take(drill.id, (Step("other", 0, "Other"),), "another", 0.0)
        assert second is not None
        doing = second.step("fetch")
        assert (doing.state, doing.progress, doing.data) == (StepState.RUNNING, Progress(1, 2, "bytes"), {"a": 1})
        assert (doing.detail, doing.attempts) == ("half of it", 1)
        assert (second.fencing_token, second.started_at, second.steps) == (2, drill.start_at, (doing, STEPS[1]))

    def test_nobody_takes_it_from_a_living_owner(self, book: DrillRepository, clock: StoppedClock) -> None:
        drill = make()
        planned(book, drill)
        clock.at = drill.start_at
        assert book.take(drill.id, STEPS, "bot:1", 30.0) is not None
        assert book.take(drill.id, STEPS, "bot:2", 30.0) is None
        again = book.take(drill.id, STEPS, "bot:1", 30.0)
        assert again is not None, "its process holds the request, so no other of its threads is at it"
        assert again.fencing_token == 2

    def test_an_older_owner_writes_no_more(self, book: DrillRepository, leases: Leases, clock: StoppedClock) -> None:
        drill = make()
        planned(book, drill)
        first, second = begun(book, clock, drill), begun(book, clock, drill)
        writes: list[Callable[[], None]] = [
            lambda: leases.record_step(first.lease, STEPS[0].key, StepState.DONE),
            lambda: leases.renew(first.lease, 30.0),
            lambda: book.finish(first.lease, DrillState.PASSED),
        ]
        for write in writes:
            with pytest.raises(PermanentError, match="fenced-off"):
                write()
        assert book.drill(drill.id) == second
        book.finish(second.lease, DrillState.PASSED)
        with pytest.raises(PermanentError, match="fenced-off"):
            book.finish(second.lease, DrillState.FAILED)
        assert book.take(drill.id, (), "another", 0.0) is None

    def test_what_was_learnt_is_kept(self, book: DrillRepository, clock: StoppedClock) -> None:
        drill = make()
        planned(book, drill)
        owner = begun(book, clock, drill)
        measured = Measurement("prod_x", 10, 100, 7, (("fetch", 1.5), ("load", 2.5)), 60.0, None, 3.0)
        proof = ScriptProof(27, "ab" * 32, clock.now(), drill.id, reversible=True)
        clock.at += MINUTE
        book.finish(owner.lease, DrillState.FAILED, "x: Why.", measured, [proof])
        expected = replace(
            owner, state=DrillState.FAILED, problem="x: Why.", measured=measured, ended_at=drill.start_at + MINUTE
        )
        assert book.history() == [expected]
        assert book.script_proofs() == {proof.sha256: proof}

    @REAL_ONLY  # the fake is for one thread at a time
    def test_many_begin_and_each_has_a_fencing_token_of_its_own(
        self, book: DrillRepository, clock: StoppedClock
    ) -> None:
        drill = make()
        planned(book, drill)
        clock.at = drill.start_at
        with ThreadPoolExecutor(8) as threads:
            found = list(threads.map(lambda _: book.take(drill.id, STEPS, "another", 0.0), range(16)))
        assert sorted(owner.fencing_token for owner in found if owner) == list(range(1, 17))


class TestHistory:
    def test_of_an_environment_and_of_its_bundles(self, book: DrillRepository, clock: StoppedClock) -> None:
        one, two = make(), make(NOON + MINUTE, environment="dev", bundle_of="dev")
        passed(book, clock, one, NOON + DAY)
        passed(book, clock, two, NOON + 2 * DAY)
        planned(book, make(NOON + 3 * DAY))
        assert [drill.id for drill in book.history()] == [two.id, one.id]
        assert [drill.id for drill in book.history("prod")] == [one.id]
        assert [drill.id for drill in book.history("staging")] == [one.id]
        assert [drill.id for drill in book.history("dev", limit=1)] == [two.id]

    def test_the_last_pass_and_the_last_proof(self, book: DrillRepository, clock: StoppedClock) -> None:
        assert (book.last_passed("weekly"), book.last_proof("prod")) == (None, None)
        passed(book, clock, make(), NOON + DAY)
        passed(book, clock, make(NOON + MINUTE), NOON + 2 * DAY)
        failed = make(NOON + 3 * DAY)
        planned(book, failed)
        owner = begun(book, clock, failed)
        book.finish(owner.lease, DrillState.FAILED, "x")
        assert book.last_passed("weekly") == NOON + 2 * DAY
        assert book.last_passed("other") is None
        assert book.last_proof("prod") == book.last_proof("staging") == NOON + 2 * DAY
        assert book.last_proof("dev") is None

    def test_the_newest_proof_of_a_script(self, book: DrillRepository, clock: StoppedClock) -> None:
        for number in range(3):
            drill = make(NOON + number * MINUTE)
            planned(book, drill)
            owner = begun(book, clock, drill)
            proof = ScriptProof(27, "ab" * 32, NOON + number * DAY, drill.id)
            book.finish(owner.lease, DrillState.PASSED, proofs=[proof])
        assert list(book.script_proofs().values()) == [proof]


class TestAlerts:
    def test_one_a_subject_until_it_is_cleared(self, book: DrillRepository) -> None:
        first = Alert("schedule:weekly", "staging", NOON, passed=False)
        second = Alert("schedule:weekly", "staging", NOON + DAY, passed=True)
        other = Alert("environment:prod", "prod", NOON, passed=True)
        for alert in (first, second, other):
            book.raise_alert(alert)
        assert book.alerts() == [other, second]
        book.clear_alert("schedule:weekly")
        book.clear_alert("schedule:unknown")
        assert book.alerts() == [other]


def test_times_are_utc(pool: Pool, clock: StoppedClock) -> None:
    book = PostgresDrillRepository(pool, clock)
    planned(book, make())
    book.note_announced(make().id)
    (drill,) = book.open_drills()
    assert drill.announced_at is not None
    assert drill.due_at.tzinfo is drill.announced_at.tzinfo is UTC


def test_of_many_who_enlist_at_once_all_agree(pool: Pool, clock: StoppedClock) -> None:
    book = PostgresDrillRepository(pool, clock)
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda _: book.enlist("weekly", WEEKLY.fingerprint, NOON), range(24)))
    assert {(item.known_since, item.planned_to) for item in found if item} == {(NOON, NOON)}
    assert None not in found


def test_of_many_who_plan_at_once_one_does(pool: Pool, clock: StoppedClock) -> None:
    book = PostgresDrillRepository(pool, clock)
    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(lambda _: book.plan(make()), range(24))) == 1


def test_many_who_miss_and_tell_the_same_do_not_lock_each_other_out(pool: Pool, clock: StoppedClock) -> None:
    book = PostgresDrillRepository(pool, clock)
    drills = [make(NOON + minutes * MINUTE) for minutes in range(200)]
    planned(book, *drills)
    ids = [drill.id for drill in drills]

    def miss(number: int) -> None:
        mine = ids[number * 20 :] + ids[: number * 20]
        book.miss(dict.fromkeys(mine, f"By {number}."))
        book.note_reported(mine[::-1])

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(miss, range(8)))
    ended = book.drills(limit=500)
    assert len({(drill.problem, drill.ended_at, drill.state) for drill in ended}) == 1
    assert book.untold() == []
