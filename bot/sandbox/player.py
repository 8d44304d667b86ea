"""Plays scenarios in a sandbox, and prints their checks."""

import dataclasses
import traceback

from bot.sandbox.checks import Checks
from bot.sandbox.people import Slack, wait_until
from bot.sandbox.scenarios.registry import SCENARIOS, Scenario
from bot.sandbox.screen import Screen
from bot.sandbox.story import OPEN_STATES, Story
from bot.sandbox.workplace import Sandbox


def play(sandbox: Sandbox, name: str, *, quiet: bool = False) -> Checks:
    """Play a scenario with the bot as it wants it; a story that breaks off is a failed check."""
    scenario = SCENARIOS[name]
    _fit_bot(sandbox, scenario)
    slack = Slack(sandbox.slack.base_url)
    screen = Screen(slack, "C0INCIDENT", quiet=quiet)
    try:
        screen.start()
        story = Story(sandbox, screen, slack)
        _tell(story, scenario)
        screen.stop()
        return story.checks
    finally:
        slack.close()


def _tell(story: Story, scenario: Scenario) -> None:
    try:
        scenario.play(story)
    except Exception as error:  # noqa: BLE001 - whatever breaks a story off is a failed check of it
        where = traceback.extract_tb(error.__traceback__)[-1]
        story.checks.that(f"the story is told to its end ({type(error).__name__})", fact=False, because=str(error))
        story.screen.note(f"{where.filename}:{where.lineno}")
        for bot in story.sandbox.bots:
            story.screen.note(bot.log_tail(30))


def _fit_bot(sandbox: Sandbox, scenario: Scenario) -> None:
    if not scenario.is_special and len(sandbox.bots) == 1:
        return
    sandbox.stop_bots()
    matrix = [row for row in sandbox.tuning.matrix if row[0] not in scenario.without]
    drills = scenario.drills() if scenario.drills else sandbox.tuning.drills
    tuning = dataclasses.replace(sandbox.tuning, matrix=matrix, drills=drills)
    sandbox.add_bot(dataclasses.replace(tuning, demands_drills=scenario.demands_drills))


def clear_stage(sandbox: Sandbox, name: str) -> None:
    """Make everything as it was before a scenario, so that another can be played in the same sandbox."""
    slack = Slack(sandbox.slack.base_url)
    try:
        slack.clear_faults()
        _end_open_runs(sandbox, slack)
    finally:
        slack.close()
    if SCENARIOS[name].is_special:
        sandbox.stop_bots()
    sandbox.reset("prod")


def _end_open_runs(sandbox: Sandbox, slack: Slack) -> None:
    story = Story(sandbox, Screen(slack, "C0INCIDENT", quiet=True), slack)
    query = "SELECT id FROM backstop.runs WHERE state = ANY(%s)"
    for (run_id,) in story.journal(query, list(OPEN_STATES)):
        story.cast.lead_a.types(f"/rollback cancel {run_id}")
    wait_until(lambda: not story.journal(query, list(OPEN_STATES)), "open runs to end", 60.0)
