"""What goes and what changes is saved before it goes."""

from bot.domain.runs import RunState
from tests.engine.story import Story, faults_in_undoing, traffic_faults
from tests.fakes.world import World


def test_a_chain_of_three_saves_what_goes_and_what_changes(story: Story, world: World) -> None:
    run = story.roll_back("025")
    assert run.state is RunState.SUCCEEDED
    assert world.database.commits == [(27, 26, 25)]
    assert run.plan.to_app == "v1.1.4"
    assert sorted(world.store.open_export(run.id).stored) == [
        "public.feature_flags",
        "public.patients",
        "public.report_totals",
        "public.reports",
        "public.settings",
    ]
    assert traffic_faults(world, "v1.1.4") == []


def test_rows_lost_on_the_way_to_the_bucket_stop_before_the_drop(story: Story, world: World) -> None:
    story.ask()
    world.store.open_export(world.run().id).lost_rows = 1
    story.approve()
    assert (
        faults_in_undoing(world, RunState.FAILED, "export-incomplete: What the bucket holds of public.feature_f") == []
    )
