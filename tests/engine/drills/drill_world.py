"""Drills in a world where runs are executed, and people book, while somebody waits."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from bot.domain.backups import Backup, BackupName, Manifest, StoredObject, TableContent
from bot.domain.drills import Corruption, Drill, DrillKind, DrillState
from bot.domain.runs import WorkKind
from bot.domain.signing import SignatureState
from bot.domain.workloads import HOLD_LABEL
from bot.engine.runs.runner import Runner
from tests.engine.runs.restoring import faults_of
from tests.engine.story import Story
from tests.fakes.clock import NOON
from tests.fakes.database import FLAGS, PATIENTS, REPORTS, SETTINGS
from tests.fakes.process import Process
from tests.fakes.script_tests import FakeScriptTests
from tests.fakes.sides import FakeSides
from tests.fakes.store import FakeStore
from tests.fakes.world import ENVIRONMENT, World

DRILL_ID = "dabcde"
STAGING = replace(ENVIRONMENT, name="staging", production=False)
PROD_TABLES = (TableContent(FLAGS, 9), TableContent(PATIENTS, 90), TableContent(REPORTS, 8), TableContent(SETTINGS, 5))
AGE_S = 7200.0


def bundle_of(environment: str, schema: int = 27, server: int = 180006) -> Backup:
    name = BackupName(environment, "nightly", NOON - timedelta(seconds=AGE_S))
    about = ("v1.3.0", schema, server, "18.6", (), PROD_TABLES)
    manifest = Manifest(1, str(name), environment, name.label, name.created_at, *about)
    return Backup(name, StoredObject(f"{name}.tar.gz", 1000, "v1", "ab" * 32), manifest, signature=SignatureState.VALID)


class Drilling(Story):
    """A drill under way. Whenever somebody sleeps, runs are executed and, as long as they can, people book."""

    def __init__(self, scratch: Path, process: Process | None = None, kind: DrillKind = DrillKind.RESTORE) -> None:
        super().__init__(World(scratch), process)
        world = self.world
        world.environment = STAGING
        self.sides = world.sides = FakeSides(world.database, world.clock)
        self.script_tests = world.script_tests = FakeScriptTests(self.sides, world.clock)
        self.prod = world.elsewhere["prod"] = FakeStore()
        self.prod.backups.append(bundle_of("prod"))
        world.store.backups.append(bundle_of("staging"))
        world.clock.on_sleep = self._meanwhile
        self._busy = False
        self.booked = 0
        source = "staging" if kind is DrillKind.RESTORE else "prod"
        drill = Drill(DRILL_ID, "weekly", "staging", kind, source, NOON, NOON)
        assert world.drills.plan(drill)

    def _meanwhile(self) -> None:
        self._book()
        if self._busy:
            return
        self._busy = True
        try:
            for run_id in self.world.journal.runs.unowned():
                self.world.queue.defer_run(run_id)
            while self.world.queue.runs:
                Runner(self.world.services(self.process)).execute(self.world.queue.runs.pop(0))
        finally:
            self._busy = False

    def _book(self) -> None:
        world = self.world
        serving = any(pod.ready and not pod.terminating for pod in world.cluster.pods("api"))
        if serving and HOLD_LABEL not in world.cluster.services["api"] and world.database.open:
            world.database.rows[PATIENTS] += 1
            self.booked += 1

    def perform(self) -> Drill:
        self.do(self.world.request("drill", drill_id=DRILL_ID, start_at=self.drill().start_at.isoformat()))
        return self.drill()

    def take_over(self) -> None:
        """Another process takes the drill: this one stalls until its lease has ended."""
        self.world.journal.leases.release(WorkKind.DRILL, DRILL_ID)
        assert self.world.drills.take(DRILL_ID, (), "another", 0.0)

    def drill(self) -> Drill:
        drill = self.world.drills.drill(DRILL_ID)
        assert drill is not None
        return drill


def states(drill: Drill) -> dict[str, str]:
    return {step.key: step.state.value for step in drill.steps}


def faults_in_any(story: Drilling, state: DrillState, problem: str = "") -> list[str]:
    """What must hold after any drill: ended once, shown so, nothing left."""
    world, drill = story.world, story.drill()
    shown = world.announcer.drills[DRILL_ID]
    ended = [event.details for event in world.journal.audit.log if event.event == "drill-ended"]
    kept = [name for name in story.sides.databases if "_kept_" not in name]
    own = [b for b in world.store.backups if DRILL_ID in b.name.label]
    return faults_of(
        {
            f"{drill.state}: {drill.problem}": drill.state is state,
            f"problem {drill.problem!r}": drill.problem.startswith(problem) and bool(problem) == bool(drill.problem),
            "no end": drill.ended_at is not None,
            f"open steps {states(drill)}": not {"waiting", "running"} & set(states(drill).values()),
            f"shown as {shown[-1].state}": shown[-1] == drill,
            "ended in another way before": {(e["state"], e["problem"]) for e in ended}
            == {(state.value, drill.problem)},
            f"left {story.sides.databases.keys()}": kept == [],
            f"scratch {list(world.scratch.iterdir())}": list(world.scratch.glob("backstop-*")) == [],
            "requests left": all(kept.finished for kept in world.journal.requests.kept.values()),
            "database closed": world.database.open,
            f"bundles {[str(b.name) for b in own]}": len(own) <= 1,
            "production touched": [str(b.name) for b in story.prod.backups] == [str(bundle_of("prod").name)],
        }
    )


def accept_corrupted(story: Drilling, corrupt: Corruption) -> None:
    """Have the stores take that kind of corrupted copy for a good one."""
    for store in (story.world.store, story.prod):
        store.gullible.add(corrupt)
