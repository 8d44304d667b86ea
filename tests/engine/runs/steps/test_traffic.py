"""After a run that was closed with the app stopped: the next one starts it, or leaves it as found."""

import pytest

from bot.domain.runs import Run, RunState
from bot.domain.workloads import HOLD_LABEL, Before
from bot.errors import PermanentError
from bot.planning import checklist
from tests.engine.runs.undoing import approve, ask, newest, undo
from tests.engine.story import Story, faults_in_success, faults_in_undoing, steps, traffic_faults
from tests.fakes.directory import LEAD_A, ONCALL
from tests.fakes.world import World

BROKEN = PermanentError("out-of-order", "It is broken.", "Mend it.")


def fail_verification(story: Story) -> None:
    story.process.faults["database.inspect"] = [BROKEN]


@pytest.fixture
def closed(story: Story, world: World) -> Run:
    """A chain has committed, its verification failed, and somebody closed the run as it stood."""
    story.ask()
    world.database.on_commit = lambda: fail_verification(story)
    story.approve()
    story.do(world.request("cancel", LEAD_A, run_id=world.run().id))
    run = world.run()
    assert (run.state, world.cluster.deployments["api"].replicas) == (RunState.FAILED, 0)
    world.database.on_commit = lambda: None
    return run


def details(run: Run) -> dict[str, str]:
    return {step.key: step.detail for step in run.steps}


def test_the_undo_says_and_starts_what_there_was_before(story: Story, world: World, closed: Run) -> None:
    ask(story, closed.id)
    plan = newest(world).plan
    assert [work.replicas for work in plan.workloads] == [3, 2]
    later = "replicas start afterwards. If this run stops early, it stays at 0."
    assert plan.warnings[:2] == (
        f"api is at 0, stopped by run {closed.id}: 3 {later}",
        f"web is at 0, stopped by run {closed.id}: 2 {later}",
    )
    run = approve(story)
    assert run.state is RunState.SUCCEEDED
    assert "now: " in (begun := world.announcer.notes[run.id, "started"])
    assert "The app is stopped already, and starts at the end. Stop it with" in begun
    assert details(run)["start-app"] == "v1.3.0, 5 pods ready, not serving yet"
    assert details(run)["smoke"] == "1 HTTP and 1 SQL checks passed"
    assert traffic_faults(world, "v1.3.0") == []


def test_a_run_that_fails_early_leaves_the_app_as_it_found_it(story: Story, world: World, closed: Run) -> None:
    """The app of before cannot use the schema that the closed run left: it must not be started."""
    world.database.recreate_error = PermanentError("undo-failed", "The key is taken.", "Nothing was changed.")
    run = undo(story, closed.id)
    assert run.state is RunState.FAILED
    as_found = "api and web stay at 0 and traffic of api and web stays held, as found"
    assert details(run)["stop-traffic"] == as_found
    assert f"{as_found}; open again. The database is as it was." in world.announcer.notes[run.id, "ended"]
    for name, replicas in (("api", 3), ("web", 2)):
        item = world.cluster.deployments[name]
        assert (item.replicas, item.note) == (0, Before(closed.id, replicas))
        assert world.cluster.services[name][HOLD_LABEL] == run.id

    world.database.recreate_error = None
    assert undo(story, closed.id).state is RunState.SUCCEEDED
    assert traffic_faults(world, "v1.3.0") == []


def test_one_that_fails_before_it_took_the_hold_over_leaves_the_hold(story: Story, world: World, closed: Run) -> None:
    ask(story, closed.id)
    story.process.faults["cluster.release_service"] = [BROKEN]
    assert approve(story).state is RunState.FAILED
    assert {labels[HOLD_LABEL] for labels in world.cluster.services.values()} == {closed.id}


def test_somebody_who_starts_it_after_the_votes_is_asked_again(story: Story, world: World, closed: Run) -> None:
    ask(story, closed.id)
    for name, replicas in (("api", 3), ("web", 2)):
        world.cluster.scale(name, replicas, closed.id)
    run = approve(story)
    assert run.state is RunState.PENDING
    ((_, _, differences),) = world.announcer.changes
    assert differences == (f"left: no longer deployment api {closed.id}; no longer deployment web {closed.id}",)


def test_a_note_of_a_closed_run_on_an_app_that_runs_is_no_count(story: Story, world: World) -> None:
    """It was started by hand since, with another count: that one counts when the next run is closed too."""
    world.cluster.scale("api", 0, "rclosed")
    world.cluster.scale("api", 4, "rclosed")
    story.ask()
    world.database.on_commit = lambda: fail_verification(story)
    story.approve()
    assert world.cluster.deployments["api"].note == Before(world.run().id, 4)


def test_without_pods_nothing_is_said_to_serve(story: Story, world: World) -> None:
    for name in ("api", "web"):
        world.cluster.deployments[name].replicas = 0
    run = story.roll_back()
    assert run.plan.warnings[0].startswith("api has 0 replicas now and will have 0 afterwards.")
    assert steps(run)[checklist.SMOKE] == "done"
    told = details(run)
    assert told["start-app"] == "v1.2.3, no pod is to run; api and web are at 0, as planned"
    assert told["smoke"] == ("0 HTTP and 1 SQL checks passed; nobody was asked /health of api, for there are no pods")
    assert told["restore-traffic"] == (
        "traffic of api and web is let through, and nothing serves: api and web are at 0, as planned"
    )


def test_gitops_that_scales_up_again_is_named(story: Story, world: World) -> None:
    story.ask()
    world.cluster.deployments["web"].gitops = 2
    world.cluster.deployments["web"].autoscaler = "argocd"
    story.approve()
    problem = "scale-undone: web was scaled to 0 and is at 2 again, by argocd."
    assert faults_in_undoing(world, RunState.FAILED, problem) == []


def test_a_selector_somebody_changes_parks(story: Story, world: World) -> None:
    world.cluster.sabotaged_service = "web"
    run = story.roll_back()
    assert run.state is RunState.PARKED
    assert run.problem.startswith("traffic-not-restored: The selector of web is not what it was.")
    world.cluster.sabotaged_service = ""
    story.do(world.request("resume", ONCALL, run_id=run.id))
    assert faults_in_success(world) == []


def test_a_hold_that_a_closed_run_left_is_taken_over(story: Story, world: World) -> None:
    world.cluster.hold_service("web", "rclosed")
    run = story.roll_back()
    assert "Traffic of web is still held by run rclosed; this run will return it." in run.plan.warnings
    assert faults_in_success(world) == []
