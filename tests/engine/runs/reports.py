"""Reports of runs, as they were uploaded."""

from bot.domain.runs import Run
from tests.fakes.world import World


def reported(world: World) -> tuple[Run, list[str]]:
    """The run and the events' names as the report in the thread and the last file both have them."""
    run, events, export = world.announcer.reports[world.run().id]
    assert world.announcer.files[run.id][-1] == (run, events, export)
    return run, [event.event for event in events]
