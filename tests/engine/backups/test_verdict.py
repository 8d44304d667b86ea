"""A verification's verdict: on the bundle and not on our own troubles, and never less than was known before."""

from dataclasses import replace

import pytest

from bot.domain.backups import Verification
from bot.domain.jobs import JobState
from bot.errors import BotError, PermanentError, TemporaryError
from bot.ports import FetchedBundle
from tests.engine.backups.requests import job, made, refused, verify
from tests.engine.story import Story
from tests.fakes.clock import NOON
from tests.fakes.reader import FakeReader
from tests.fakes.world import World


class TestVerdict:
    @pytest.fixture(autouse=True)
    def one(self, world: World) -> None:
        world.store.backups = [made(1)]

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
