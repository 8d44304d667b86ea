"""Steps that fail, as a run meets them."""

from bot.errors import BotError, TemporaryError
from bot.planning import checklist
from tests.engine.story import Story

SHAKY = TemporaryError("shaky", "It does not answer.")
IN_STEP = {
    # step: a port call it makes, and how many calls of that name come before the run starts
    checklist.NOTIFY: "announcer.note",
    checklist.RECHECK: "scripts.load",
    checklist.BACKUP: "database.dump",
    checklist.STOP_TRAFFIC: "cluster.hold_service",
    checklist.EXCLUSIVE_ACCESS: "database.other_sessions",
    checklist.EXPORT: "fence.export",
    checklist.CHAIN: "fence.run_chain",
    checklist.VERIFY: "database.reopen",
    checklist.START_APP: "cluster.set_image",
    checklist.SMOKE: "cluster.get_http",
    checklist.RESTORE_TRAFFIC: "cluster.release_service",
    checklist.DOCUMENT: "announcer.report",
}


def break_step(story: Story, step: str, *errors: BotError | Exception) -> None:
    """Ask and have it approved, with that step's call raising those errors in turn."""
    story.ask()
    story.process.faults[IN_STEP[step]] = list(errors)
    story.approve()
