"""A restore and its undo as people ask for them, and faults in their outcome."""

from datetime import timedelta

from bot.domain.backups import Backup, BackupName, Manifest, StoredObject, TableContent
from bot.domain.runs import Run, RunState
from bot.domain.signing import SignatureState
from tests.engine.story import Story, steps, traffic_faults
from tests.fakes.clock import NOON
from tests.fakes.database import FLAGS, NAMES, PATIENTS, REPORTS, SETTINGS
from tests.fakes.directory import LEAD_A, LEAD_B
from tests.fakes.sides import FakeSides
from tests.fakes.world import World

THEN = {PATIENTS: 900, SETTINGS: 5, REPORTS: 8}
NOW = {FLAGS: 42, REPORTS: 7, "public.report_totals": 3, PATIENTS: 1000, SETTINGS: 5}
NAME = BackupName("prod", "nightly", NOON - timedelta(hours=2))


def bundle(name: BackupName = NAME, schema: int = 26, server: int = 180006) -> Backup:
    tables = tuple(TableContent(table, rows) for table, rows in THEN.items())
    manifest = Manifest(1, str(name), "prod", name.label, name.created_at, "v1.2.3", schema, server, "18.6", (), tables)
    return Backup(name, StoredObject(f"{name}.tar.gz", 1000, "v1", "ab" * 32), manifest, signature=SignatureState.VALID)


def furnish(world: World) -> FakeSides:
    sides = FakeSides(world.database, world.clock)
    world.sides = sides
    world.store.backups.append(bundle())
    return sides


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
