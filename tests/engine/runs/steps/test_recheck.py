"""A run that is taken up after hours: the app still serves, so its plan and its votes are looked at again first."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from bot.domain.backups import Backup, StoredObject, Verification
from bot.domain.environments import BackupTarget
from bot.domain.runs import RunState
from bot.planning import checklist
from tests.engine.runs import restoring
from tests.engine.runs.restoring import NAME, approve, ask
from tests.engine.story import Story, faults_in, faults_in_success
from tests.fakes.clock import NOON
from tests.fakes.database import PATIENTS
from tests.fakes.directory import LEAD_A, LEAD_B
from tests.fakes.sides import FakeSides
from tests.fakes.world import World

HOURS_S = 8 * 3600.0


def dies(story: Story, meanwhile: Callable[[], object] = lambda: None, for_s: float = HOURS_S) -> Callable[[], None]:
    """The process is killed; nobody takes its run up for so long."""

    def die() -> None:
        story.process.dead = True
        story.world.clock.sleep(for_s)
        meanwhile()

    return die


def scale(world: World) -> None:
    world.cluster.scale("api", 4, "")
    world.cluster.clear_annotation("api")
    world.clock.sleep(10)


def checks(world: World) -> int:
    return sum(e.event == "step" and e.details["key"] == checklist.RECHECK for e in world.journal.audit.log)


def after_the_backup(story: Story, act: Callable[[], object]) -> None:
    """Do it when the backup is there, and traffic is about to be stopped."""

    def wait() -> None:
        story.process.before["journal.leases.record_step"] = [
            lambda: None,
            act,
        ]  # the backup's end, the next step's begin

    story.process.before["store.put_bundle"] = [wait]


@pytest.mark.parametrize("saved", [False, True], ids=["backup under way", "backup taken"])
def test_approvers_who_cannot_be_looked_up_any_more_are_asked_again(story: Story, world: World, *, saved: bool) -> None:
    def leave() -> None:
        world.directory.unreachable |= {LEAD_A, LEAD_B}

    if saved:
        after_the_backup(story, dies(story, leave))
    else:
        story.process.before["database.dump"] = [dies(story, leave)]
    run = story.roll_back()
    assert run.state is RunState.PENDING
    assert world.announcer.changes[0][2] == (
        f"<@{LEAD_A}> could not be looked up (lookup-failed)",
        f"<@{LEAD_B}> could not be looked up (lookup-failed)",
    )
    assert world.cluster.deployments["api"].replicas == 3


def test_a_run_whose_consent_still_stands_goes_on_with_a_new_backup(story: Story, world: World) -> None:
    after_the_backup(story, dies(story))
    story.roll_back()
    assert faults_in_success(world) == []
    assert checks(world) == 2
    assert len(world.store.backups) == 2


def test_a_run_that_is_taken_up_soon_goes_on_as_it_was(story: Story, world: World) -> None:
    story.process.before["database.dump"] = [dies(story, for_s=0.0)]
    story.roll_back()
    assert faults_in_success(world) == []
    assert checks(world) == 1


def test_what_was_laid_out_for_a_plan_that_has_moved_is_put_back(story: Story, world: World) -> None:
    sides = restoring.furnish(world)
    story.process.before["sides.contents"] = [dies(story, lambda: scale(world))]
    run = restoring.restore(story)
    assert run.state is RunState.VOID
    said = f"plan-moved: Run {run.id} was taken up long after its plan was checked, and now: workloads:"
    assert run.problem.startswith(said)
    assert run.problem.endswith("Ask for it again: /rollback prod latest")
    assert faults_in(world) == []
    assert sides.name("side", run.id) not in sides.databases
    assert list(world.scratch.glob("backstop-fetch-*")) == []


def test_a_restore_that_nothing_has_moved_for_goes_on(story: Story, world: World) -> None:
    restoring.furnish(world)
    story.process.before["sides.contents"] = [dies(story)]
    restoring.restore(story)
    assert restoring.faults_in_restored(world) == []
    assert checks(world) == 2


def test_rows_written_meanwhile_do_not_void_the_votes(story: Story, world: World, sides: FakeSides) -> None:
    del sides
    ask(story)
    world.database.rows[PATIENTS] += 50
    assert approve(story).state is RunState.SUCCEEDED


def test_another_object_under_the_name_voids_them(story: Story, world: World, sides: FakeSides) -> None:
    del sides
    ask(story)
    before = world.store.backups[0]
    world.store.backups[0] = replace(before, stored=replace(before.stored, sha256="cd" * 32))
    assert approve(story).state is RunState.PENDING
    assert "bundle" in world.announcer.changes[0][2][0]


def test_another_file_under_an_old_bundles_name_voids_them(story: Story, world: World, sides: FakeSides) -> None:
    del sides
    stored, proven = StoredObject(f"{NAME}.tar.gz", 1000, etag="one"), Verification(3, NOON, schema_version=26)
    world.store.backups[0] = Backup(NAME, stored, None, proven)
    ask(story, str(NAME))
    world.store.backups[0] = Backup(NAME, replace(stored, etag="two"), None, proven)
    assert approve(story).state is RunState.PENDING
    assert "bundle" in world.announcer.changes[0][2][0]


def moves_namespace(world: World) -> None:
    workloads = replace(world.environment.workloads, namespace="physioflow-dev")
    world.environment = replace(world.environment, workloads=workloads)
    world.cluster.identity = replace(world.cluster.identity, namespace="physioflow-dev")


def moves_bucket(world: World) -> None:
    world.environment = replace(world.environment, backups=BackupTarget("backups-dev"))


def moves_dsn(world: World) -> None:
    identity = replace(world.database.facts.identity, address="address two", oid=99)
    world.database.facts = replace(world.database.facts, identity=identity)


def fails_over(world: World) -> None:
    identity = replace(world.database.facts.identity, timeline=2)
    world.database.facts = replace(world.database.facts, identity=identity)


def moves_cluster(world: World) -> None:
    world.cluster.identity = replace(world.cluster.identity, address="address two")


def needs_one_vote(world: World) -> None:
    world.environment = replace(world.environment, approval=replace(world.environment.approval, quorum=1))


def asks_one_person(world: World) -> None:
    approval = replace(world.environment.approval, approvers=(f"user:{LEAD_A}", f"user:{LEAD_B}"))
    world.environment = replace(world.environment, approval=approval)


MOVES: dict[Callable[[World], None], str] = {
    moves_namespace: "The namespace is another one: it was physioflow-prod, and is physioflow-dev now.",
    moves_bucket: "The bucket is another one: backups-prod, now backups-dev.",
    moves_dsn: "The database is another one: the server has physioflow with OID 99",
    fails_over: "The database is another one: its server is on timeline 2, and was on 1",
    moves_cluster: "The cluster is another one: physioflow-prod is reached at another API server.",
    needs_one_vote: "Other people decide: 2 of",
    asks_one_person: "Other people decide: 2 of",
}


@pytest.mark.parametrize("kind", ["rollback", "restore"])
@pytest.mark.parametrize("move", MOVES, ids=lambda move: move.__name__)
def test_votes_are_for_one_place(story: Story, world: World, kind: str, move: Callable[[World], None]) -> None:
    sides = restoring.furnish(world)
    story.ask() if kind == "rollback" else ask(story)
    asked = restoring.newest(world)
    ts = f"request:{asked.id}:{asked.plan.short_digest}"
    words = {"choice": "approve", "how": "reaction", "withdraw": False, "ts": ts}
    story.do(world.request("vote", LEAD_A, **words))
    move(world)
    story.do(world.request("vote", LEAD_B, **words))
    run = restoring.newest(world)
    assert run.state is RunState.PENDING
    assert run.plan.digest != asked.plan.digest
    assert world.announcer.changes[0][2][0].startswith(MOVES[move])
    assert (world.database.commits, sides.exchanges, sides.loads) == ([], [], 0)
    assert world.cluster.deployments["api"].replicas == 3
    assert approve(story).state is RunState.SUCCEEDED  # the new plan, with votes of its own
