"""Backups are verified at three levels; damage is a result, not a failure."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from bot.domain.backups import Backup, TableContent
from bot.domain.jobs import JobState
from bot.errors import PermanentError
from tests.engine.backups.requests import TABLES, job, made, refused, verify
from tests.engine.story import Story
from tests.fakes.sides import FakeSides
from tests.fakes.world import World


class TestVerify:
    @pytest.fixture(autouse=True)
    def one(self, world: World) -> None:
        world.store.backups = [made(1)]

    @pytest.mark.parametrize("level", [1, 2])
    def test_what_was_proven_is_kept_shown_and_reported(self, world: World, story: Story, level: int) -> None:
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
        world.reader.problem = "unexpected end of file"
        story.do(verify(world))
        kept = world.store.backups[0].verified
        assert kept is not None
        assert (kept.level, kept.problem) == (2, "bundle-unreadable: unexpected end of file")

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
        sides.plain = TABLES
        story.do(verify(world, str(world.store.backups[0].name), level=3))
        kept = world.store.backups[0].verified
        assert kept is not None
        assert (kept.level, kept.problem, kept.schema_version) == (3, "", 25)
        assert kept.tables == TABLES
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
