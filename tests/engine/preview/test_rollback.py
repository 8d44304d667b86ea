"""A chain that fails its rehearsal is refused."""

from bot.errors import PermanentError
from tests.engine.refused import refused
from tests.engine.story import Story
from tests.fakes.world import World


def test_a_chain_that_fails_its_rehearsal_is_refused_at_once(story: Story, world: World) -> None:
    world.database.rehearsal_error = PermanentError("rehearsal-failed", "027, line 8: no such table.", "Mend it.")
    story.ask()
    assert refused(world) == ["rehearsal-failed"]
    assert world.journal.runs.table == {}
