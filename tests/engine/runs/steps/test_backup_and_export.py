"""What goes and what changes is saved before it goes."""

from dataclasses import replace
from datetime import timedelta

from bot.domain.backups import Backup, BackupName, StoredObject
from bot.domain.runs import RunState
from bot.planning import checklist
from tests.engine.runs.restoring import bundle
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


def test_a_planted_emergency_backup_is_not_taken_for_the_runs_own(story: Story, world: World) -> None:
    """Its label is known before it is taken; its signature is not."""
    story.ask()
    at = world.clock.now() + timedelta(hours=1)
    name = BackupName("prod", f"pre-rollback-027-{world.run().id}", at)
    said = bundle().manifest
    assert said is not None
    manifest = replace(said, name=str(name), label=name.label, created_at=at)
    world.store.backups.append(Backup(name, StoredObject(f"{name}.tar.gz", 1000), manifest))
    story.approve()
    assert world.run().state is RunState.SUCCEEDED
    assert world.run().step(checklist.BACKUP).data["backup"] != str(name)
    assert len(world.store.backups) == 2
