"""A restore and its undoing: wherever the process dies, the world ends the same."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.domain.backups import Backup, BackupName, Manifest, StoredObject, TableContent, Verification
from bot.domain.catalogue import Session
from bot.domain.planned import PlannedLoss
from bot.domain.plans import RestorePlan, narrow
from bot.domain.runs import Run, RunState, StepState
from bot.engine.maintenance.cleanup import clean_up
from bot.engine.runs.execution import Execution
from bot.engine.runs.steps.load_side import approved_backup
from bot.errors import PermanentError, TemporaryError
from bot.planning import checklist
from bot.ports import FetchedBundle, Report
from tests.engine.runs.test_control import cancel_from_elsewhere
from tests.engine.runs.test_kills import kill_everywhere, killed_after
from tests.engine.story import Story, steps, traffic_faults
from tests.fakes.clock import NOON
from tests.fakes.database import FLAGS, NAMES, PATIENTS, REPORTS, SETTINGS
from tests.fakes.directory import LEAD_A, LEAD_B
from tests.fakes.process import Process
from tests.fakes.sides import FakeSides
from tests.fakes.world import World

THEN = {PATIENTS: 900, SETTINGS: 5, REPORTS: 8}
NOW = {FLAGS: 42, REPORTS: 7, "public.report_totals": 3, PATIENTS: 1000, SETTINGS: 5}
NAME = BackupName("prod", "nightly", NOON - timedelta(hours=2))


def bundle(name: BackupName = NAME, schema: int = 26, server: int = 180006) -> Backup:
    tables = tuple(TableContent(table, rows) for table, rows in THEN.items())
    manifest = Manifest(1, str(name), "prod", name.label, name.created_at, "v1.2.3", schema, server, "18.6", (), tables)
    return Backup(name, StoredObject(f"{name}.tar.gz", 1000, "v1", "ab" * 32), manifest)


def furnish(world: World) -> FakeSides:
    sides = FakeSides(world.database, world.clock)
    world.sides = sides
    world.store.backups.append(bundle())
    return sides


@pytest.fixture
def sides(world: World) -> FakeSides:
    return furnish(world)


def ask(story: Story, backup: str = "latest") -> None:
    words = {"app": "", "reason": "why", "asked_for": f"/rollback prod {backup}"}
    story.do(story.world.request("restore", environment="prod", backup=backup, **words))


def newest(world: World) -> Run:
    return list(world.journal.runs.table.values())[-1]


def approve(story: Story) -> Run:
    for user in (LEAD_A, LEAD_B):
        story.world.clock.sleep(1.0)
        run = newest(story.world)
        ts = f"request:{run.id}:{run.plan.short_digest}"
        words = {"choice": "approve", "how": "reaction", "withdraw": False}
        story.do(story.world.request("vote", user, ts=ts, **words))
    return newest(story.world)


def restore(story: Story) -> Run:
    ask(story)
    return approve(story)


def undo(story: Story, run_id: str) -> Run:
    story.do(story.world.request("undo", run_id=run_id))
    return approve(story)


def refusals(world: World) -> list[str]:
    return [error.reference for _, error in world.announcer.refusals.values()]


def faults_of(checks: dict[str, bool]) -> list[str]:
    return [fault for fault, good in checks.items() if not good]


def faults_in_both(world: World, run: Run) -> list[str]:
    """What must hold after any run: messages against the journal, nothing left about."""
    card, _ = world.announcer.cards[run.id]
    return faults_of(
        {
            f"{run.state}: {run.problem}": run.state is RunState.SUCCEEDED,
            f"steps {steps(run)}": set(steps(run).values()) == {"done", "open"},
            "card": card.state is run.state and steps(card) == steps(run),
            "report": run.id in world.announcer.reports,
            "database closed": world.database.open,
            "requests left": all(kept.finished for kept in world.journal.requests.kept.values()),
            "scratch left": list(world.scratch.glob("backstop-fetch-*")) == [],
        }
    )


def faults_in_restored(world: World) -> list[str]:
    run, sides = newest(world), world.sides
    assert sides is not None
    kept = sides.name("kept", run.id)
    aside = {content.table: content.rows for content in sides.databases.get(kept, ())}
    return (
        faults_of(
            {
                f"live rows {world.database.rows}": world.database.rows == THEN,
                "schema": max(world.database.tracking) == 26,
                f"kept {sides.databases.keys()}": sides.databases.keys() == {kept},
                f"kept rows {aside}": aside == NOW,
                f"exchanges {sides.exchanges}": len(sides.exchanges) == 1,
            }
        )
        + faults_in_both(world, run)
        + traffic_faults(world, "v1.2.3")
    )


def faults_in_undone(world: World) -> list[str]:
    first, run, sides = next(iter(world.journal.runs.table.values())), newest(world), world.sides
    assert sides is not None
    aside = sides.name("undone", run.id)
    return (
        faults_of(
            {
                "two runs": len(world.journal.runs.table) == 2 and run.plan.undoes == first.id,
                f"live rows {world.database.rows}": world.database.rows == NOW,
                "schema": world.database.tracking == NAMES,
                f"aside {sides.databases.keys()}": sides.databases.keys() == {aside},
                f"exchanges {sides.exchanges}": len(sides.exchanges) == 2,
            }
        )
        + faults_in_both(world, run)
        + traffic_faults(world, "v1.3.0")
    )


def faults_in_nothing_done(world: World, problem: str) -> list[str]:
    """What is not as before although the run put everything back."""
    run, sides = newest(world), world.sides
    assert sides is not None
    return faults_of(
        {
            f"{run.state}": run.state in {RunState.FAILED, RunState.CANCELLED},
            f"problem {run.problem}": problem in run.problem,
            "rows": world.database.rows == NOW,
            "closed": world.database.open,
            f"left {sides.databases.keys()}": sides.databases == {},
            "scratch left": list(world.scratch.glob("backstop-fetch-*")) == [],
        }
    ) + traffic_faults(world, "v1.3.0")


def test_the_plan_says_what_vanishes_and_where_the_old_database_is_kept(
    story: Story, world: World, sides: FakeSides
) -> None:
    ask(story)
    plan = narrow(newest(world).plan, RestorePlan)
    assert (plan.from_schema, plan.to_schema, plan.from_app, plan.to_app) == (27, 26, "v1.3.0", "v1.2.3")
    assert plan.restore.backup == str(NAME)
    assert plan.restore.losses == (
        PlannedLoss(FLAGS, 42, 0, gone=True),
        PlannedLoss(PATIENTS, 1000, 900),
        PlannedLoss(REPORTS, 7, 8),
    )
    assert plan.restore.outgoing == sides.name("kept", newest(world).id)


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
    ask(story)
    world.store.backups[0] = Backup(NAME, replace(stored, etag="two"), None, proven)
    assert approve(story).state is RunState.PENDING
    assert "bundle" in world.announcer.changes[0][2][0]


def test_another_file_under_an_old_bundles_name_is_not_fetched(story: Story, world: World, sides: FakeSides) -> None:
    stored, proven = StoredObject(f"{NAME}.tar.gz", 1000, etag="one"), Verification(3, NOON, schema_version=26)
    world.store.backups[0] = Backup(NAME, stored, None, proven)
    ask(story)
    services = world.services(story.process)
    execution = Execution(services, services.env("prod"), newest(world))
    assert approved_backup(execution).stored.etag == "one"
    world.store.backups[0] = Backup(NAME, replace(stored, etag="two"), None, proven)
    with pytest.raises(PermanentError, match=r"^backup-changed: "):
        approved_backup(execution)
    assert sides.databases == {}


@killed_after
def test_a_bundle_that_differs_is_dropped_wherever_the_process_dies(tmp_path: Path, *, after: bool) -> None:
    def play(story: Story) -> None:
        furnish(story.world).changed = {SETTINGS: TableContent(SETTINGS, 4)}
        restore(story)

    def judge(world: World) -> list[str]:
        return faults_in_nothing_done(world, "bundle-differs")

    assert kill_everywhere(tmp_path, play, judge, after=after) == []


def intrude(world: World, who: str) -> None:
    if who == "prepared-transaction":
        world.database.facts = replace(world.database.facts, prepared=("clinic-sync",))
    else:
        world.database.people.append(Session(9, "postgres", "psql", "", "idle", 1.0, superuser=True))


@pytest.mark.parametrize("who", ["prepared-transaction", "session-cannot-be-ended"])
def test_who_would_keep_it_from_its_end_is_met_while_the_app_serves(story: Story, world: World, who: str) -> None:
    furnish(world)
    intrude(world, who)
    pods = world.cluster.pods(next(iter(world.cluster.deployments)))
    run = restore(story)
    assert faults_in_nothing_done(world, who) == []
    assert steps(run)[checklist.STOP_TRAFFIC] == "undone"
    assert world.cluster.pods(next(iter(world.cluster.deployments))) == pods


@killed_after
def test_a_swap_that_cannot_be_is_put_back_wherever_the_process_dies(tmp_path: Path, *, after: bool) -> None:
    def play(story: Story) -> None:
        furnish(story.world).exchange_error = PermanentError("prepared-transaction", "One is open.", "Roll it back.")
        restore(story)

    def judge(world: World) -> list[str]:
        return faults_in_nothing_done(world, "prepared-transaction")

    assert kill_everywhere(tmp_path, play, judge, after=after) == []


def play_with_cancel(scratch: Path, number: int, act: Callable[[Story], Run]) -> World:
    world = World(scratch)
    furnish(world)
    process = Process("first")
    process.at_call[number] = lambda: cancel_from_elsewhere(world) if world.journal.runs.table else None
    act(Story(world, process))
    return world


def test_a_cancel_at_every_call_ends_as_promised(tmp_path: Path) -> None:
    probe = Story(World(tmp_path))
    furnish(probe.world)
    restore(probe)
    faults, ended = [], set()
    for number in range(probe.process.calls.index("journal.runs.open") + 2, len(probe.process.calls) + 1):
        world = play_with_cancel(tmp_path, number, restore)
        ended.add(newest(world).state)
        cancelled = newest(world).state is RunState.CANCELLED
        found = faults_in_nothing_done(world, "cancelled by") if cancelled else faults_in_restored(world)
        faults += [f"cancelled before call {number} ({probe.process.calls[number - 1]}): {fault}" for fault in found]
    assert faults == []
    assert ended == {RunState.CANCELLED, RunState.SUCCEEDED}


def test_a_lost_answer_of_the_swap_is_found_out(story: Story, world: World, sides: FakeSides) -> None:
    sides.lose_answer = True
    restore(story)
    assert faults_in_restored(world) == []


def test_a_failing_smoke_test_parks_with_the_old_database_kept(story: Story, world: World, sides: FakeSides) -> None:
    world.cluster.unhealthy.add("api")
    run = restore(story)
    assert run.state is RunState.PARKED
    (escalation,) = world.announcer.escalations.values()
    assert f"kept as {sides.name('kept', run.id)}" in escalation.backup
    world.cluster.unhealthy.clear()
    story.do(world.request("resume", run_id=run.id))
    assert faults_in_restored(world) == []


def test_what_is_odd_is_told_before_the_swap(story: Story, world: World, sides: FakeSides) -> None:
    sides.odd, sides.not_copied = ["Constraint x is not validated."], ["The comment could not be copied"]
    run = restore(story)
    assert run.step(checklist.VERIFY_SIDE).detail.endswith("; 1 odd; 1 not copied")
    note = world.announcer.notes[run.id, "side-database"]
    assert "Constraint x is not validated." in note
    assert "The comment could not be copied" in note


def test_a_side_database_of_another_schema_is_refused(story: Story, world: World, sides: FakeSides) -> None:
    del sides
    story.world.store.backups[0] = bundle(schema=26)
    ask(story)
    original = world.sides.load

    def load_other(run_id: str, bundle: FetchedBundle, report: Report) -> str:
        name = original(run_id, bundle, report)
        world.sides.tracking[name].pop(26)
        return name

    world.sides.load = load_other  # type: ignore[method-assign] # a dump no manifest tells the truth of
    approve(story)
    assert faults_in_nothing_done(world, "verification-failed") == []


@pytest.mark.parametrize(
    ("backup", "change", "reference"),
    [
        ("prod_nightly_20260301_090000", {}, "unknown-backup"),
        (str(NAME), {"manifest": None}, "backup-not-restorable"),
        (str(NAME), {"verified": Verification(2, NOON, "cut short")}, "backup-not-restorable"),
        (str(NAME), {"manifest": None, "verified": Verification(2, NOON)}, "schema-unknown"),
        ("latest", {"verified": Verification(2, NOON, "cut short")}, "no-restorable-backup"),
        (str(NAME), {"manifest": bundle(schema=19).manifest}, "no-compatible-app"),
        (str(NAME), {"manifest": bundle(server=190001).manifest}, "server-too-old"),
    ],
)
def test_what_cannot_be_restored_is_refused(
    story: Story, world: World, sides: FakeSides, backup: str, change: dict[str, object], reference: str
) -> None:
    del sides
    world.store.backups[0] = replace(world.store.backups[0], **change)  # type: ignore[arg-type] # each as its field wants it
    ask(story, backup)
    assert refusals(world) == [reference]
    assert all(error.hint for _, error in world.announcer.refusals.values())
    assert world.journal.runs.table == {}


def test_the_newest_that_nothing_speaks_against_is_the_latest(story: Story, world: World, sides: FakeSides) -> None:
    del sides
    later = BackupName("prod", "cut", NOON - timedelta(hours=1))
    world.store.backups.append(replace(bundle(later), verified=Verification(1, NOON, "cut short")))
    ask(story)
    plan = narrow(newest(world).plan, RestorePlan)
    assert plan.restore.backup == str(NAME)
    assert plan.warnings[0].startswith(f"1 newer backup was passed over: {later} failed its verification.")


def test_where_no_second_database_may_be_made_nothing_is_restored_or_swapped_back(
    story: Story, world: World, sides: FakeSides
) -> None:
    run = restore(story)
    loads, world.database.facts = sides.loads, replace(world.database.facts, can_create=False)
    ask(story)
    story.do(world.request("undo", run_id=run.id))
    assert refusals(world) == ["no-second-database"] * 2
    assert [error.hint for _, error in world.announcer.refusals.values()] == [
        "Have a superuser type: ALTER ROLE backstop_prod CREATEDB;"
    ] * 2
    assert (len(world.journal.runs.table), sides.loads) == (1, loads)


def test_a_chain_a_run_that_changed_nothing_and_one_undone_already_cannot_be_undone(
    story: Story, world: World, sides: FakeSides
) -> None:
    del sides
    run = restore(story)
    undo(story, run.id)
    story.do(world.request("undo", run_id=run.id))
    assert refusals(world) == ["undo-expired"]
    world.sides.load_error = PermanentError("load-failed", "Syntax error.")
    ask(story)
    failed = approve(story)
    story.do(world.request("undo", run_id=failed.id))
    assert refusals(world)[1:] == ["nothing-to-undo"]


def test_an_undo_can_be_undone(story: Story, world: World, sides: FakeSides) -> None:
    run = restore(story)
    again = undo(story, undo(story, run.id).id)
    assert (again.state, world.database.rows) == (RunState.SUCCEEDED, THEN)
    assert list(sides.databases) == [sides.name("undone", again.id)]


def test_a_kept_database_is_announced_and_dropped_in_time(story: Story, world: World, sides: FakeSides) -> None:
    run = restore(story)
    kept = sides.name("kept", run.id)
    services = world.services(story.process)
    clean_up(services)
    assert (run.id, f"announced-{kept}") not in world.announcer.notes
    world.clock.sleep(6.5 * 86_400)
    clean_up(services)
    assert f"/rollback undo {run.id}" in world.announcer.notes[run.id, f"announced-{kept}"]
    assert kept in sides.databases
    story.do(world.request("status", environment=""))
    assert [item.name for item in world.announcer.kept[0]] == [kept]
    world.clock.sleep(86_400)
    ask(story)  # an open run may need it
    clean_up(services)
    assert kept in sides.databases
    story.do(world.request("cancel", run_id=newest(world).id))
    clean_up(services)
    assert sides.databases == {}
    assert "was dropped" in world.announcer.notes[run.id, f"dropped-{kept}"]
    story.do(world.request("undo", run_id=run.id))
    assert refusals(world) == ["undo-expired"]


def test_a_status_is_given_while_a_database_does_not_answer(story: Story, world: World, sides: FakeSides) -> None:
    del sides
    story.process.faults["sides.list"] = [TemporaryError("database-unreachable", "It is away.")]
    story.do(world.request("status", environment=""))
    assert world.announcer.kept == [()]


def test_a_swap_whose_outcome_nobody_knows_parks(story: Story, world: World, sides: FakeSides) -> None:
    sides.exchange_error = PermanentError("name-taken", "Somebody made it.", "Look.")
    ask(story)
    sides.databases[sides.name("kept", newest(world).id)] = ()
    run = approve(story)
    assert run.state is RunState.PARKED
    assert "outcome-unknown" in run.problem
    assert run.step(checklist.SWAP).state is StepState.FAILED


def test_a_swap_that_commits_while_it_is_undone_is_seen(tmp_path: Path, story: Story, world: World) -> None:
    """A process that was frozen between its last look and COMMIT, and wakes up."""
    sides, names = furnish(world), ("side", "kept")
    sides.exchange_error = PermanentError("session-cannot-be-ended", "Somebody stays.", "End them.")
    probe = Story(World(tmp_path))
    furnish(probe.world).exchange_error = sides.exchange_error
    restore(probe)
    ask(story)
    incoming, outgoing = (sides.name(kind, newest(world).id) for kind in names)

    def wake_up() -> None:
        sides.exchange_error = None
        sides.exchange(incoming, outgoing, lambda: None)

    story.process.after_call[probe.process.calls.index("database.reopen") + 1] = wake_up
    run = approve(story)
    assert run.state is RunState.PARKED
    assert f"swapped-meanwhile: The swap has happened after all; the database from before is kept as {outgoing}" in (
        run.problem
    )
    story.do(world.request("resume", run_id=run.id))
    assert newest(world).state is RunState.SUCCEEDED
    assert traffic_faults(world, "v1.2.3") == []


def test_a_call_for_help_after_the_kept_database_has_gone_says_so(story: Story, world: World) -> None:
    sides = furnish(world)
    run = restore(story)
    sides.drop(sides.name("kept", run.id))
    story.do(world.request("escalate", LEAD_A, run_id=run.id))
    (escalation,) = world.announcer.escalations.values()
    gone = f"the database from before ({sides.name('kept', run.id)}) is gone: dropped after its time, or swapped back"
    assert escalation.backup == f"{gone}; the bundle is {NAME}"
