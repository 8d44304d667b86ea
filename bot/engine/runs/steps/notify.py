"""Tells people: that a run starts, the report at its end, and what is still to do."""

from bot.domain.runs import StepState
from bot.engine.runs.execution import Execution
from bot.engine.runs.report import saved_rows
from bot.engine.runs.steps.step import Action, Outcome
from bot.planning import checklist
from bot.planning.kinds import KINDS


class Notify(Action):
    """Announce the start. The card is in the incident channel already."""

    key = checklist.NOTIFY

    def act(self, execution: Execution) -> Outcome:
        """Put a line in the thread, without waiting for the chat."""
        run = execution.run
        what = (
            f"Drill {run.drill} in {run.environment} goes on"
            if run.drill
            else f"The rollback of {run.environment} starts"
        )
        down = f"The app will be down for about {run.plan.estimate.downtime_s:.0f} s."
        if any(item.kind == "deployment" for item in run.plan.left):
            down = "The app is stopped already, and starts at the end."
        execution.note(
            "started",
            f"{what} now: {run.plan.asked_for}. {down} Stop it with /rollback cancel {run.id} "
            f"until {KINDS[run.plan.kind].committed}.",
        )
        return Outcome("in this channel")


class Document(Action):
    """Post the report."""

    key = checklist.DOCUMENT

    def act(self, execution: Execution) -> Outcome:
        """Put the report in the thread. `runs.report` brings it up to date at the end, and adds its file."""
        run, services = execution.run, execution.services
        services.announcer.report(run, list(services.journal.audit.events(run.id)), saved_rows(services, run))
        return Outcome("report in the thread")


class FollowUp(Action):
    """Leave the follow-up open until a person closes it."""

    key = checklist.FOLLOW_UP

    def act(self, execution: Execution) -> Outcome:
        """Leave it to people; a drill leaves nothing to fix."""
        run = execution.run
        if run.drill:
            return Outcome("nothing to fix after a drill", state=StepState.SKIPPED)
        return Outcome(f"close it with /rollback close {run.id} LINK", state=StepState.OPEN)
