"""Kills the bot at a chosen moment with SIGKILL, and starts it again."""

from collections.abc import Callable

from bot.sandbox.people import wait_until
from bot.sandbox.story import Story

LOOK_EVERY_S = 0.003


def step_runs(story: Story, key: str) -> Callable[[], bool]:
    """Tell whether a step of the newest run is under way, as the journal has it."""
    query = "SELECT 1 FROM backstop.steps WHERE work_id = %s AND key = %s AND state = 'running'"
    run_id = story.run_id()
    return lambda: bool(story.journal(query, run_id, key))


def kill_when(story: Story, look: Callable[[], object], when: str) -> None:
    """Wait for the moment and kill every replica."""
    wait_until(look, when, 60.0, LOOK_EVERY_S)
    for bot in story.sandbox.bots:
        bot.kill()
    story.screen.note(f"the bot is killed with SIGKILL: {when}")


def revive(story: Story) -> None:
    """Start the replicas again. The dead one's lease is made to end now: its seconds would only be waited for."""
    # decision 21: another scenario waits for a lease that ends by itself
    ended = "UPDATE backstop.leases SET lease_until = clock_timestamp() WHERE lease_until IS NOT NULL"
    story.sandbox.state.run(ended)
    for bot in story.sandbox.bots:
        bot.start()
    story.screen.note("it is started again")
