"""Backups as they are listed and shown."""

from bot.errors import TemporaryError
from bot.ports import Request
from tests.engine.backups.requests import made, refused
from tests.engine.story import Story
from tests.fakes.clock import NOON
from tests.fakes.world import World


def listing(world: World, environment: str = "prod", text: str = "", offset: int = 0) -> Request:
    return world.request("backups", environment=environment, text=text, offset=offset, replace=offset > 0)


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
