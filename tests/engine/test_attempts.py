"""A request whose handler dies: begun again and said so, given up after three deaths, and no bar to any other."""

from pathlib import Path

import pytest

from bot.domain.drills import DrillState
from bot.domain.runs import RunState
from bot.engine.attempts import MAX_ATTEMPTS, MAX_JOB_ATTEMPTS
from bot.engine.operations import Operations
from bot.errors import BotError
from bot.ports import Request
from tests.engine.backups.requests import take
from tests.engine.drills.drill_world import DRILL_ID, Drilling
from tests.engine.story import Story
from tests.fakes.directory import ENGINEER, ONCALL
from tests.fakes.process import Killed, Process
from tests.fakes.world import World


def die_handling(world: World, request_id: str, call: str) -> None:
    """Let a process take a request, and die before its first such call."""
    process = Process("killed")

    def die() -> None:
        process.dead = True
        raise Killed

    process.before[call] = [die]
    with pytest.raises(Killed):
        Operations(world.services(process)).handle(request_id)
    world.clock.sleep(60)


def handle(world: World, request_id: str) -> list[str]:
    """Let a process that lives handle it; returns the calls it made."""
    process = Process("lives")
    Operations(world.services(process)).handle(request_id)
    return process.calls


def ask(world: World, request: Request) -> str:
    world.submit(Process("receiver"), request)
    return request.id


def test_a_request_that_was_interrupted_once_says_so_and_goes_on(world: World) -> None:
    asked = ask(world, world.rollback())
    die_handling(world, asked, "database.catalogue")
    handle(world, asked)
    user, text = world.announcer.answered[f"{asked}:again:1"]
    assert user == ONCALL
    assert text == ("Backstop stopped in the middle of your request (rollback). It begins again now: attempt 2 of 3.")
    assert world.run().state is RunState.PENDING
    assert world.announcer.answered[asked][1].startswith("The plan is in the incident channel")


def test_an_undisturbed_request_says_nothing_of_it(story: Story, world: World) -> None:
    story.ask()
    assert [key for key in world.announcer.answered if "again" in key] == []


def test_after_three_deaths_it_is_given_up_and_the_rest_goes_on(world: World) -> None:
    asked = ask(world, world.rollback())
    for _ in range(MAX_ATTEMPTS):
        die_handling(world, asked, "database.catalogue")
    calls = handle(world, asked)
    assert not any(call.startswith(("database", "store", "cluster", "scripts")) for call in calls), calls
    user, error = world.announcer.refusals[asked]
    assert (user, error.reference) == (ONCALL, "request-given-up")
    assert "3 times in the middle of this request (rollback)" in str(error)
    assert world.journal.requests.kept[asked].finished
    assert world.journal.requests.kept[asked].problem.startswith("request-given-up")
    (event,) = world.journal.audit.log
    assert (event.actor, event.event, event.details["attempts"]) == (ONCALL, "request-given-up", 3)
    assert handle(world, ask(world, world.rollback("026", user=ENGINEER)))
    assert world.run().requester == ENGINEER


def test_what_leaves_a_request_for_later_is_no_death(world: World) -> None:
    asked = ask(world, world.rollback())
    for _ in range(2 * MAX_ATTEMPTS):
        process = Process("refused")
        process.faults = {
            "scripts.load": [BotError("invalid-script", "No.")],
            "announcer.refuse": [ZeroDivisionError()],
        }
        with pytest.raises(ZeroDivisionError):
            Operations(world.services(process)).handle(asked)
    handle(world, asked)
    assert world.run().state is RunState.PENDING


def test_a_job_ends_by_its_own_bound_first(world: World) -> None:
    asked = ask(world, take(world))
    for _ in range(MAX_ATTEMPTS):
        die_handling(world, asked, "database.dump")
    handle(world, asked)
    (shown,) = world.announcer.jobs.values()
    assert shown[-1].problem.startswith("chore-given-up")
    assert world.announcer.refusals[asked][1].reference == "chore-given-up"


def test_a_job_that_kills_before_it_has_an_owner_is_given_up_too(world: World) -> None:
    asked = ask(world, take(world))
    for _ in range(MAX_JOB_ATTEMPTS):
        die_handling(world, asked, "directory.look_up")
    handle(world, asked)
    assert world.announcer.refusals[asked][1].reference == "request-given-up"
    assert world.journal.requests.kept[asked].finished


def test_a_home_tab_that_kills_shows_why(world: World) -> None:
    asked = ask(world, world.request("home"))
    for _ in range(MAX_ATTEMPTS):
        die_handling(world, asked, "directory.look_up")
    handle(world, asked)
    shown = world.announcer.homes[ONCALL][-1]
    assert isinstance(shown, BotError)
    assert shown.reference == "request-given-up"


def test_a_drill_that_kills_before_it_has_an_owner_ends_as_failed(tmp_path: Path) -> None:
    story = Drilling(tmp_path)
    world = story.world
    asked = ask(world, world.request("drill", drill_id=DRILL_ID, start_at=story.drill().start_at.isoformat()))
    for _ in range(MAX_JOB_ATTEMPTS):
        die_handling(world, asked, "drills.drill")
    handle(world, asked)
    drill = story.drill()
    assert (drill.state, drill.problem.split(":")[0]) == (DrillState.FAILED, "request-given-up")
    assert world.journal.requests.kept[asked].finished


def test_interrupted_requests_are_handled_one_after_the_other(world: World) -> None:
    """One that kills must not take along another that only happened to be at work then."""
    asked = [ask(world, world.rollback()), ask(world, world.request("status", ENGINEER, environment="prod"))]
    for request_id in asked:
        die_handling(world, request_id, "directory.look_up")
    process = Process("lives")
    operations = Operations(world.services(process))
    process.before["database.catalogue"] = [lambda: operations.handle(asked[1])]
    operations.handle(asked[0])
    assert world.announcer.statuses == []
    assert not world.journal.requests.kept[asked[1]].finished
    operations.handle(asked[1])
    assert len(world.announcer.statuses) == 1


def test_a_new_request_does_not_wait_for_an_interrupted_one(world: World) -> None:
    asked = ask(world, world.rollback())
    die_handling(world, asked, "directory.look_up")
    process = Process("lives")
    operations = Operations(world.services(process))
    fresh = ask(world, world.request("status", ENGINEER, environment="prod"))
    process.before["database.catalogue"] = [lambda: operations.handle(fresh)]
    operations.handle(asked)
    assert len(world.announcer.statuses) == 1
