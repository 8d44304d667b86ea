"""Backups taken, listed, shown and proven, by processes that may die in the middle of it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.domain.backups import Backup, BackupName, Manifest, StoredObject, TableContent, Verification
from bot.domain.jobs import Job, JobState
from bot.domain.runs import Progress, RunState
from bot.engine.backups.jobs import JobExecution
from bot.engine.maintenance.sweeper import REQUEST_AGE_S
from bot.engine.runs.step_execution import LEASE_S
from bot.errors import BotError, PermanentError, TemporaryError
from bot.ports import Dump, FetchedBundle, Report, Request
from tests.engine.story import Story
from tests.fakes.clock import NOON
from tests.fakes.database import FakeDatabase
from tests.fakes.directory import ENGINEER, ONCALL
from tests.fakes.process import Killed, Process
from tests.fakes.reader import FakeReader
from tests.fakes.sides import FakeSides
from tests.fakes.world import World

TABLES = (TableContent("public.patients", 1000, "77"), TableContent("public.settings", 5, "8"))


def made(days_old: int, label: str = "nightly", *, manifest: bool = True) -> Backup:
    at = NOON - timedelta(days=days_old)
    name = BackupName("prod", label, at)
    said = Manifest(1, str(name), "prod", label, at, "v1.3.0", 27, 180006, "18.6", (), TABLES)
    return Backup(name, StoredObject(f"{name}.tar.gz", 1000, sha256="ab" * 32), said if manifest else None)


def take(world: World, label: str = "before-launch", user: str = ONCALL) -> Request:
    return world.request("take", user, environment="prod", label=label)


def verify(world: World, name: str = "latest", level: int = 2) -> Request:
    return world.request("verify", environment="prod", name=name, level=level)


class Chatty(FakeDatabase):
    """A database whose dump reports ten times a second, for four seconds."""

    def dump(self, directory: Path, report: Report) -> Dump:
        for done in range(40):
            report(Progress(done, 40, "bytes"))
            self._clock.sleep(0.1)
        return super().dump(directory, report)


class Stalling(FakeDatabase):
    """A database whose dump reports nothing for longer than a lease lasts."""

    def dump(self, directory: Path, report: Report) -> Dump:
        self._clock.sleep(LEASE_S + 1)
        report(Progress(1, 40, "bytes"))
        return super().dump(directory, report)


def listing(world: World, environment: str = "prod", text: str = "", offset: int = 0) -> Request:
    return world.request("backups", environment=environment, text=text, offset=offset, replace=offset > 0)


def job(world: World, request: Request) -> Job:
    """As the incident channel shows it in the end."""
    return world.announcer.jobs[request.id][-1]


def refused(world: World, request: Request) -> str:
    return world.announcer.refusals[request.id][1].reference


class TestTake:
    def test_a_backup_is_taken_shown_told_and_audited(self, world: World, story: Story) -> None:
        request = take(world)
        story.do(request)

        (backup,) = world.store.backups
        assert backup.name.label == "before-launch"
        assert backup.manifest is not None
        assert (backup.manifest.app_version, backup.manifest.schema_version) == ("v1.3.0", 27)
        ended = job(world, request)
        assert (ended.state, ended.backup, ended.subject) == (JobState.DONE, backup, str(backup.name))
        assert ended.took_s >= 1.0
        assert world.announcer.jobs[request.id][0].state is JobState.RUNNING
        assert any(said.progress for said in world.announcer.jobs[request.id])
        assert str(backup.name) in world.announcer.answered[request.id][1]
        assert world.journal.audit.log[-1].event == "backup-take"
        assert list(world.scratch.iterdir()) == []

    @pytest.mark.parametrize("label", ["", "two words", "a_b", "x" * 61, "-x", "ü", "a/b"])
    def test_a_label_that_would_not_be_read_back_is_refused(self, world: World, story: Story, label: str) -> None:
        request = take(world, label)
        story.do(request)
        assert refused(world, request) == "not-a-label"
        assert world.store.backups == []

    @pytest.mark.parametrize("label", ["pre-rollback-027-rk3f9a", "PRE-restore-x", "drill-1"])
    def test_nobody_passes_a_backup_off_as_a_runs_own(self, world: World, story: Story, label: str) -> None:
        request = take(world, label)
        story.do(request)
        assert refused(world, request) == "label-reserved"

    def test_a_guest_may_not(self, world: World, story: Story) -> None:
        world.directory.people[ENGINEER] = replace(world.directory.people[ENGINEER], guest=True)
        request = take(world, user=ENGINEER)
        story.do(request)
        assert refused(world, request) == "not-a-member"
        assert world.announcer.jobs == {}

    def test_not_while_a_run_changes_the_database(self, world: World, story: Story) -> None:
        story.ask()
        run = world.run()
        world.journal.runs.table[run.id] = replace(run, state=RunState.RUNNING)
        request = take(world)
        world.submit(story.process, request)
        world.work(story.process)
        assert refused(world, request) == "run-under-way"

    def test_a_second_one_at_once_is_told_who_and_since_when(self, world: World) -> None:
        first, second = take(world, user=ENGINEER), take(world)
        slow, other = Process("slow"), Process("other")
        world.submit(slow, first)

        def ask_again() -> None:
            world.submit(other, second)
            world.work(other)

        slow.at_call[_call_of(world, "database.dump")] = ask_again
        world.work(slow)

        assert refused(world, second) == "chore-under-way"
        message = world.announcer.refusals[second.id][1].message
        assert ENGINEER in message
        assert "2026-03-01 12:00:0" in message
        assert job(world, first).state is JobState.DONE
        assert len(world.store.backups) == 1

    def test_the_next_one_is_free_once_it_is_over_however_it_ended(self, world: World, story: Story) -> None:
        story.process.faults["database.dump"] = [PermanentError("dump-failed", "No.")]
        story.do(take(world))
        again = take(world)
        story.do(again)
        assert job(world, again).state is JobState.DONE

    def test_a_failure_is_shown_to_all_and_told_to_who_asked(self, world: World, story: Story) -> None:
        story.process.faults["store.put_bundle"] = [PermanentError("storage-forbidden", "No key.", "Get one.")]
        request = take(world)
        story.do(request)
        ended = job(world, request)
        assert (ended.state, ended.problem) == (JobState.FAILED, "storage-forbidden: No key. Get one.")
        assert refused(world, request) == "storage-forbidden"
        assert world.journal.audit.log[-1].details["state"] == "failed"

    def test_a_lost_connection_costs_no_new_command(self, world: World, story: Story) -> None:
        story.process.faults["store.put_bundle"] = [TemporaryError("storage-unavailable", "Away."), None]
        request = take(world)
        story.do(request)
        assert job(world, request).state is JobState.DONE

    def test_without_the_cluster_the_app_version_is_left_out(self, world: World, story: Story) -> None:
        story.process.faults["cluster.inspect"] = [PermanentError("cluster-forbidden", "No.")]
        story.do(take(world))
        assert world.store.backups[0].manifest is not None
        assert world.store.backups[0].manifest.app_version == ""

    def test_a_migration_in_the_middle_of_it_is_noticed(self, world: World, story: Story) -> None:
        def migrate() -> None:
            world.database.tracking.pop(27, None)

        story.process.at_call[_call_of(world, "database.dump")] = migrate
        request = take(world)
        story.do(request)
        (backup,) = world.store.backups
        assert backup.manifest is not None
        assert backup.manifest.schema_version == 26
        assert story.process.calls.count("database.dump") == 2, "the first dump is of a schema nobody knows"

    def test_a_full_scratch_disk_stops_it_before_the_dump(self, world: World, story: Story) -> None:
        world.database.facts = replace(world.database.facts, size_bytes=10**18)
        request = take(world)
        story.do(request)
        assert refused(world, request) == "scratch-full"
        assert "database.dump" not in story.process.calls

    def test_progress_is_shown_at_most_once_a_second(self, world: World, story: Story) -> None:
        world.database = Chatty(world.clock)
        request = take(world)
        story.do(request)
        shown = [said.progress.done for said in world.announcer.jobs[request.id] if said.progress]
        assert shown == [0, 10, 20, 30, 1, 0], "once a second, of 42 reports"


def die() -> None:
    raise Killed


class TestDeaths:
    def test_one_that_kills_its_process_every_time_is_given_up(self, world: World) -> None:
        request = take(world)
        for number in range(JobExecution.max_owners):
            process = Process(f"p{number}", kill_at=_call_of(world, "database.dump", fresh=number == 0))
            if number == 0:
                world.submit(process, request)
            with pytest.raises(Killed):
                (world.work if number == 0 else world.sweep)(process)
            world.clock.sleep(REQUEST_AGE_S + 1)
        last = Process("last")
        world.sweep(last)
        assert refused(world, request) == "chore-given-up"
        assert job(world, request).state is JobState.FAILED
        assert world.store.backups == []

    def test_one_that_loses_the_journal_every_time_is_given_up_and_says_so(self, world: World) -> None:
        world.database = Stalling(world.clock)
        request = take(world)
        world.submit(Process("first"), request)
        for number in range(JobExecution.max_owners + 1):
            process = Process(f"p{number}")
            process.faults["journal.leases.renew"] = [TemporaryError("journal-unreachable", "Away.")]
            world.sweep(process)
            world.clock.sleep(REQUEST_AGE_S + 1)
            world.work(process)
        problem = "chore-given-up: Backstop stopped, or lost the state database, 3 times"
        assert job(world, request).problem.startswith(problem)

    def test_a_result_is_shown_for_the_backup_that_was_verified(self, world: World) -> None:
        """Its process dies before it can answer, and ``latest`` is another one by the time a successor looks."""
        world.store.backups = [made(2)]
        request, first, last = verify(world, level=2), Process("first"), Process("last")
        world.submit(first, request)
        first.before["journal.audit.append"] = [die]
        with pytest.raises(Killed):
            world.work(first)
        world.store.backups.insert(0, made(1))
        world.clock.sleep(max(LEASE_S, REQUEST_AGE_S) + 1)
        world.sweep(last)
        older, newer = world.store.backups[1], world.store.backups[0]
        assert (older.verified is not None, newer.verified) == (True, None)
        assert (job(world, request).state, job(world, request).subject) == (JobState.DONE, str(older.name))
        assert world.announcer.answered[request.id][1].startswith(f"{older.name} passed")

    def test_one_that_was_replaced_leaves_the_side_database_and_judges_nothing(self, world: World) -> None:
        """Its successor is loading into a database of the same name: what is missing there says nothing."""
        world.store.backups = [made(1)]
        process, request = Process("first"), verify(world, level=3)

        def replaced() -> None:
            world.clock.sleep(LEASE_S + 1)
            assert world.journal.jobs.take(request.id, [], "other", LEASE_S) is not None
            world.sides.changed["public.patients"] = None

        process.before["sides.contents"] = [replaced]
        world.submit(process, request)
        world.work(process)
        assert world.store.backups[0].verified is None
        assert len(world.sides.databases) == 1
        assert [said.state for said in world.announcer.jobs[request.id] if said.state is not JobState.RUNNING] == []
        assert [left.id for left in world.journal.requests.under_way()] == [request.id]

    def test_a_backup_that_was_stored_is_no_failure_though_the_bucket_is_away_afterwards(self, world: World) -> None:
        process, request = Process("first"), take(world)
        process.faults["store.find"] = [TemporaryError("storage-unavailable", "Away.")]
        world.submit(process, request)
        world.work(process)
        assert job(world, request).state is JobState.DONE
        assert job(world, request).backup == world.store.backups[0]


def _call_of(world: World, name: str, *, fresh: bool = True) -> int:
    """Which call of a process that takes a backup that is; not `fresh`: in a sweep, without the submission."""
    probe = Story(World(world.scratch))
    request = take(probe.world)
    if fresh:
        probe.do(request)
    else:
        probe.world.submit(Process("other"), request)
        probe.world.queue.requests.clear()
        probe.world.clock.sleep(REQUEST_AGE_S + 1)
        probe.sweep()
    return probe.process.calls.index(name) + 1


class TestQuestions:
    def test_pages_newest_first(self, world: World, story: Story) -> None:
        world.store.backups = [made(days) for days in range(13)]
        story.do(listing(world))
        story.do(listing(world, offset=10))

        (first, turned), (second, replaced) = world.announcer.listings
        assert [turned, replaced] == [False, True]
        assert (len(first.page.backups), first.page.total, first.page.next_offset) == (10, 13, 10)
        assert (len(second.page.backups), second.page.next_offset) == (3, None)
        assert first.page.backups[0].name.created_at == NOON

    def test_a_filter(self, world: World, story: Story) -> None:
        world.store.backups = [made(1), made(2, "manual")]
        story.do(listing(world, text="MANUAL"))
        assert [b.name.label for b in world.announcer.listings[0][0].page.backups] == ["manual"]

    def test_a_bucket_that_does_not_answer_hides_no_other(self, world: World, story: Story) -> None:
        story.process.faults["store.list_page"] = [TemporaryError("storage-unavailable", "Away.")]
        story.do(listing(world, ""))
        story.do(listing(world, ""))
        ((broken,), (whole,)) = world.announcer.newest
        assert (broken.page, broken.problem) == (None, "storage-unavailable: Away.")
        assert whole.page is not None

    def test_details_by_name_suffix_and_latest(self, world: World, story: Story) -> None:
        world.store.backups = [made(1), made(2)]
        for name in (str(made(2).name), f"{made(2).name}.tar.gz", "latest"):
            story.do(world.request("show", environment="prod", name=name))
        assert [shown.backup for shown in world.announcer.details] == [made(2), made(2), made(1)]

    def test_a_mistyped_name_finds_the_near_ones(self, world: World, story: Story) -> None:
        world.store.backups = [made(1)]
        request = world.request("show", environment="prod", name="prod_nigtly_20260228_120000")
        story.do(request)
        error = world.announcer.refusals[request.id][1]
        assert error.reference == "unknown-backup"
        assert error.hint == "Did you mean prod_nightly_20260228_120000? /backups prod lists them all."

    def test_latest_of_nothing(self, world: World, story: Story) -> None:
        request = world.request("show", environment="prod", name="latest")
        story.do(request)
        assert refused(world, request) == "no-backups"


class TestVerify:
    @pytest.fixture(autouse=True)
    def one(self, world: World) -> None:
        world.store.backups = [made(1)]

    @pytest.mark.parametrize("level", [1, 2])
    def test_what_was_proven_is_kept_shown_and_told(self, world: World, story: Story, level: int) -> None:
        request = verify(world, level=level)
        story.do(request)
        kept = world.store.backups[0].verified
        assert kept is not None
        assert (kept.level, kept.problem) == (level, "")
        assert (job(world, request).state, job(world, request).problem) == (JobState.DONE, "")
        assert f"passed level {level}" in world.announcer.answered[request.id][1]
        assert len(world.reader.read) == (level == 2)
        assert list(world.scratch.iterdir()) == []

    def test_damage_is_a_result_not_a_failure(self, world: World, story: Story) -> None:
        world.store.damage = PermanentError("bundle-damaged", "It is cut off.")
        request = verify(world)
        story.do(request)
        kept = world.store.backups[0].verified
        assert kept is not None
        assert (kept.level, kept.problem) == (1, "bundle-damaged: It is cut off.")
        assert "did NOT pass level 1" in world.announcer.answered[request.id][1]
        assert job(world, request).problem == "bundle-damaged: It is cut off."

    def test_what_the_tools_cannot_read_fails_at_level_2(self, world: World, story: Story) -> None:
        world.reader.restore_error = "unexpected end of file"
        story.do(verify(world))
        kept = world.store.backups[0].verified
        assert kept is not None
        assert (kept.level, kept.problem) == (2, "bundle-unreadable: unexpected end of file")

    @pytest.mark.parametrize(
        "error",
        [PermanentError("scratch-full", "No room."), TemporaryError("storage-unavailable", "Away.")],
    )
    def test_our_own_troubles_say_nothing_of_the_bundle(self, world: World, story: Story, error: BotError) -> None:
        world.store.damage = error
        request = verify(world)
        story.do(request)
        assert world.store.backups[0].verified is None
        assert refused(world, request) == error.reference
        assert job(world, request).state is JobState.FAILED

    def test_a_lesser_proof_does_not_hide_a_greater_one(self, world: World, story: Story) -> None:
        before = Verification(3, NOON)
        world.store.backups = [replace(made(1), verified=before)]
        request = verify(world, level=1)
        story.do(request)
        assert world.store.backups[0].verified == before
        assert "Level 3 was proven before" in world.announcer.answered[request.id][1]
        world.store.damage = PermanentError("bundle-damaged", "It is cut off.")
        story.do(verify(world, level=1))
        assert world.store.backups[0].verified != before, "but what is wrong is noted whatever was proven before"

    def test_a_lesser_proof_does_not_hide_a_deeper_fault(self, world: World, story: Story) -> None:
        before = Verification(3, NOON, "bundle-differs: patients has 3 rows less.")
        world.store.backups = [replace(made(1), verified=before)]
        request = verify(world, level=1)
        story.do(request)
        assert world.store.backups[0].verified == before
        assert "patients has 3 rows less" in world.announcer.answered[request.id][1]
        world.store.damage = PermanentError("bundle-damaged", "It is cut off.")
        story.do(verify(world, level=1))
        assert world.store.backups[0].verified == before, "or a passing level 1 would hide it after all"

    def test_what_was_found_meanwhile_is_not_hidden_either(self, world: World, story: Story) -> None:
        fault = Verification(3, NOON, "bundle-differs: patients has 3 rows less.")
        world.store.backups = [made(1)]

        class Meanwhile(FakeReader):
            def read_through(self, bundle: FetchedBundle) -> None:
                world.store.store_verification(world.store.backups[0], fault)
                super().read_through(bundle)

        world.reader = Meanwhile()
        story.do(verify(world, level=2))
        assert world.store.backups[0].verified == fault

    def test_a_level_that_is_none(self, world: World, story: Story) -> None:
        request = verify(world, level=4)
        story.do(request)
        assert refused(world, request) == "not-a-level"


class TestLevel3:
    @pytest.fixture
    def sides(self, world: World) -> FakeSides:
        world.store.backups = [made(1)]
        world.sides = FakeSides(world.database)
        return world.sides

    def test_without_a_second_database_it_is_refused(self, world: World, story: Story) -> None:
        world.store.backups = [made(1)]
        world.database.facts = replace(world.database.facts, can_create=False)
        request = verify(world, level=3)
        story.do(request)
        assert refused(world, request) == "no-second-database"
        assert "ALTER ROLE backstop_prod CREATEDB;" in world.announcer.refusals[request.id][1].hint

    def test_of_a_bundle_without_a_manifest_the_schema_is_learnt(
        self, world: World, story: Story, sides: FakeSides
    ) -> None:
        world.store.backups = [made(1, manifest=False)]
        sides.schema_of_plain = 25
        story.do(verify(world, level=3))
        kept = world.store.backups[0].verified
        assert kept is not None
        assert (kept.level, kept.problem, kept.schema_version) == (3, "", 25)
        assert sides.databases == {}

    def test_what_is_restored_is_compared_and_dropped(self, world: World, story: Story, sides: FakeSides) -> None:
        story.do(verify(world, level=3))
        kept = world.store.backups[0].verified
        assert kept is not None
        assert (kept.level, kept.problem) == (3, "")
        assert (sides.loads, sides.databases) == (1, {})

    @pytest.mark.parametrize(
        ("table", "found", "said"),
        [
            ("public.patients", TableContent("public.patients", 999, "1"), "has 999 rows instead of 1,000"),
            ("public.patients", TableContent("public.patients", 1000, "78"), "public.patients has other content"),
            ("public.settings", None, "public.settings is missing"),
            ("public.extra", TableContent("public.extra", 1), "public.extra is in no manifest"),
        ],
    )
    def test_any_difference_is_named(
        self, world: World, story: Story, sides: FakeSides, table: str, found: TableContent | None, said: str
    ) -> None:
        sides.changed = {table: found}
        story.do(verify(world, level=3))
        kept = world.store.backups[0].verified
        assert kept is not None
        assert kept.level == 3
        assert kept.problem.startswith("bundle-differs: ")
        assert said in kept.problem
        assert sides.databases == {}

    def test_a_hash_nobody_took_is_not_compared(self, world: World, story: Story, sides: FakeSides) -> None:
        sides.changed = {"public.settings": TableContent("public.settings", 5, "")}
        story.do(verify(world, level=3))
        assert problems(world.store.backups) == [""]

    def test_rows_of_extensions_that_an_older_manifest_lacks_are_not_compared(
        self, world: World, story: Story, sides: FakeSides
    ) -> None:
        sides.changed = {"public.part_config": TableContent("public.part_config", 1, "9", of_extension=True)}
        story.do(verify(world, level=3))
        assert problems(world.store.backups) == [""]

    def test_one_that_cannot_be_loaded_is_the_bundles_fault(self, world: World, story: Story, sides: FakeSides) -> None:
        sides.load_error = PermanentError("load-failed", "syntax error")
        story.do(verify(world, level=3))
        assert problems(world.store.backups) == ["load-failed: syntax error"]

    def test_a_full_disk_is_not(self, world: World, story: Story, sides: FakeSides) -> None:
        sides.load_error = PermanentError("disk-full", "No room.")
        request = verify(world, level=3)
        story.do(request)
        assert refused(world, request) == "disk-full"
        assert world.store.backups[0].verified is None


def problems(backups: Sequence[Backup]) -> list[str]:
    return [backup.verified.problem if backup.verified else "none" for backup in backups]
