"""A request opens one run, unless another holds the environment."""

from bot.engine.operations import Operations
from tests.engine.refused import refused
from tests.engine.story import Story
from tests.fakes.directory import ENGINEER, LEAD_A, ONCALL
from tests.fakes.process import Process
from tests.fakes.world import World, submission


def test_a_request_delivered_twice_opens_one_run(story: Story, world: World) -> None:
    request = world.rollback()
    story.do(request)
    story.do(request)
    run = world.run()
    assert (run.requester, run.reason, run.channel) == (ONCALL, "why", "C0INCIDENT")
    user, text = world.announcer.answered[request.id]
    assert user == ONCALL
    assert f"run {run.id}" in text


def test_a_request_finds_its_own_run_even_when_that_has_ended(story: Story, world: World) -> None:
    """Its handler died after opening the run; by the time somebody looks, the run is over."""
    request = world.rollback()
    story.do(request)
    story.do(world.vote(LEAD_A, "reject"))
    kept = world.journal.requests.kept[request.id]
    kept.finished = kept.handled = False
    world.queue.defer_request(request.id)
    world.work(story.process)
    assert len(world.journal.runs.table) == 1
    assert refused(world) == []


def test_a_second_rollback_is_refused_with_who_holds_it(story: Story, world: World) -> None:
    story.ask()
    run = world.run()
    story.do(world.rollback("026", user=ENGINEER))
    ((user, error),) = world.announcer.refusals.values()
    assert user == ENGINEER
    assert str(error) == (
        f"another-run-active: prod is held by run {run.id} (pending), asked for by <@{ONCALL}> at 2026-03-01 12:00 "
        f"UTC: /rollback prod 027. Vote on it, or withdraw it with /rollback cancel {run.id}."
    )


def test_the_loser_of_two_requests_at_once_is_refused(story: Story, world: World) -> None:
    """Both saw no open run; only one may open it."""
    probe = Story(World(world.scratch))
    probe.ask()
    number = probe.process.calls.index("journal.runs.open") + 1
    other, late = Process("other"), world.rollback("026", user=ENGINEER)
    mine = world.rollback()

    def ask_elsewhere() -> None:
        Operations(world.services(other)).submit(submission(late))
        world.queue.requests.remove(late.id)
        Operations(world.services(other)).handle(late.id)

    story.process.at_call[number] = ask_elsewhere
    story.do(mine)
    assert world.run().plan.to_schema == 25
    assert refused(world) == ["another-run-active"]
