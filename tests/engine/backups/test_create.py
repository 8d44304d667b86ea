"""Backups that people take: labels, rights, progress, failures."""

from dataclasses import replace
from pathlib import Path

import pytest

from bot.domain.jobs import JobState
from bot.domain.obstacles import HiddenRows, Obstacles
from bot.domain.runs import Progress, RunState
from bot.errors import PermanentError, TemporaryError
from bot.ports import Dump, Report
from tests.engine.backups.requests import _call_of, job, refused, take
from tests.engine.story import Story
from tests.fakes.database import FakeDatabase
from tests.fakes.directory import ENGINEER
from tests.fakes.process import Process
from tests.fakes.world import World


class Chatty(FakeDatabase):
    """A database whose dump reports ten times a second, for four seconds."""

    def dump(self, directory: Path, report: Report) -> Dump:
        for done in range(40):
            report(Progress(done, 40, "bytes"))
            self._clock.sleep(0.1)
        return super().dump(directory, report)


class TestTake:
    def test_a_backup_is_taken_shown_reported_and_audited(self, world: World, story: Story) -> None:
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

    def test_what_pg_dump_cannot_read_is_refused_before_it_starts(self, world: World, story: Story) -> None:
        world.database.in_the_way = Obstacles(hidden=(HiddenRows("public.lab", "lab", is_forced=True),))
        request = take(world)
        story.do(request)
        assert refused(world, request) == "rows-hidden"
        assert not world.scratch.exists() or list(world.scratch.iterdir()) == []
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

    def test_a_second_one_at_once_hears_who_and_since_when(self, world: World) -> None:
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

    def test_a_failure_is_shown_to_all_and_reported_to_the_requester(self, world: World, story: Story) -> None:
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
