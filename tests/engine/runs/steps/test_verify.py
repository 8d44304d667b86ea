"""A schema unlike the rehearsed one parks the run."""

from tests.engine.story import Story
from tests.fakes.world import World


def test_a_catalogue_unlike_the_rehearsal_parks(story: Story, world: World) -> None:
    story.ask()
    probe = Story(World(world.scratch))
    probe.roll_back()
    number = len(probe.process.calls) - probe.process.calls[::-1].index("database.catalogue")
    story.process.at_call[number] = lambda: setattr(world.database, "drift", "public.odd")
    story.approve()
    assert world.run().problem.startswith("verification-failed: the catalogue is not what the rehearsal left.")
