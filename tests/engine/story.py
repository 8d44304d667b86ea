"""What people do, one after the other, in a world whose processes may die at any moment."""

from collections.abc import Callable

from bot.domain.runs import Run, RunState, StepState
from bot.engine.maintenance.sweeper import REQUEST_AGE_S
from bot.engine.runs.step_execution import LEASE_S
from bot.planning import checklist
from bot.ports import Request
from tests.fakes.directory import LEAD_A, LEAD_B
from tests.fakes.process import Killed, Process
from tests.fakes.world import World

BEFORE_CHAIN = [
    checklist.RECHECK,
    checklist.NOTIFY,
    checklist.BACKUP,
    checklist.STOP_TRAFFIC,
    checklist.EXCLUSIVE_ACCESS,
    checklist.EXPORT,
]
AFTER_CHAIN = [
    checklist.VERIFY,
    checklist.START_APP,
    checklist.SMOKE,
    checklist.RESTORE_TRAFFIC,
    checklist.DOCUMENT,
    checklist.FOLLOW_UP,
]


class Story:
    """Plays requests to their end. When the process dies, another takes over as the sweep lets it."""

    def __init__(self, world: World, process: Process | None = None) -> None:
        self.world = world
        self.process = process or Process("first")
        self.deaths = 0

    def do(self, request: Request) -> None:
        """Deliver it, and work everything off that follows."""
        self._survive(lambda: self.world.submit(self.process, request))
        self._survive(lambda: self.world.work(self.process))

    def sweep(self) -> None:
        self._survive(lambda: self.world.sweep(self.process))

    def _survive(self, act: Callable[[], None]) -> None:
        try:
            act()
        except Killed:
            self.deaths += 1
            self.process = Process(f"successor {self.deaths}")
            self.world.clock.sleep(max(LEASE_S, REQUEST_AGE_S) + 1)
            act()
            self.world.sweep(self.process)

    def ask(self, migration: str = "027") -> None:
        self.do(self.world.rollback(migration))

    def approve(self, *users: str) -> None:
        for user in users or (LEAD_A, LEAD_B):
            self.world.clock.sleep(1.0)
            self.do(self.world.vote(user))

    def roll_back(self, migration: str = "027") -> Run:
        """Ask, approve, and let it run."""
        self.ask(migration)
        self.approve()
        return self.world.run()


def steps(run: Run) -> dict[str, str]:
    return {step.key: step.state.value for step in run.steps}


def faults_in(world: World) -> list[str]:
    """What is not consistent, whatever became of the run: the messages against the journal, the world against both."""
    run = world.run()
    card, _ = world.announcer.cards[run.id]
    told = world.announcer.reports.get(run.id)
    filed = world.announcer.files.get(run.id, [])
    request, _ = world.announcer.requests[run.id, run.plan.short_digest]
    checks = {
        f"card says {card.state}, run is {run.state}": card.state is run.state,
        "card has another checklist": steps(card) == steps(run),
        "card has another problem": card.problem == run.problem,
        f"request says {request.state}, run is {run.state}": request.state is run.state,
        f"run is left {run.state}": run.state not in {RunState.PENDING, RunState.APPROVED, RunState.RUNNING},
        f"the chain ran {len(world.database.commits)} times": len(world.database.commits) <= 1,
        "requests left": all(kept.finished for kept in world.journal.requests.kept.values()),
        "two starts": "started" not in [key for _, key in world.announcer.notes][1:],
        "a report of another state": run.started_at is None or (told is not None and told[0].state is run.state),
        "a report with another checklist": run.started_at is None
        or (told is not None and steps(told[0]) == steps(run)),
        "the file is not the report": filed[-1:] == ([told] if told else []),
        "an open step": run.state is RunState.PARKED or "running" not in steps(run).values(),
        f"no reason for {run.state}": run.state is RunState.SUCCEEDED or run.problem != "",
        "parked silently": run.state is not RunState.PARKED or any(k[0] == run.id for k in world.announcer.escalations),
    }
    return [fault for fault, good in checks.items() if not good]


def faults_in_success(world: World) -> list[str]:
    """What is not as it should be after a rollback of 027."""
    run = world.run()
    wanted = dict.fromkeys([*BEFORE_CHAIN, checklist.CHAIN, *AFTER_CHAIN], StepState.DONE.value)
    wanted[checklist.FOLLOW_UP] = StepState.OPEN.value
    checks = {
        f"state {run.state} {run.problem}": run.state is RunState.SUCCEEDED,
        f"steps {steps(run)}": steps(run) == wanted,
        f"chain {world.database.commits}": world.database.commits == [(27,)],
        "schema": max(world.database.tracking) == 26,
        "database closed": world.database.open,
        f"bundles {len(world.store.backups)}": 1 <= len(world.store.backups) <= 2,
        "export": export_rows(world) == 42,
        "report": run.id in world.announcer.reports,
    }
    return [fault for fault, good in checks.items() if not good] + traffic_faults(world, "v1.2.3") + faults_in(world)


def faults_in_undoing(world: World, state: RunState, problem: str) -> list[str]:
    """What is not as before although the run should have put everything back."""
    run = world.run()
    touched = {StepState.DONE.value, StepState.FAILED.value, StepState.RUNNING.value}
    left = [key for key in (checklist.STOP_TRAFFIC, checklist.EXCLUSIVE_ACCESS) if steps(run).get(key) in touched]
    checks = {
        f"state {run.state} {run.problem}": run.state is state,
        f"problem {run.problem!r}": problem in run.problem,
        f"chain {world.database.commits}": world.database.commits == [],
        "database closed": world.database.open,
        f"not undone {left}": not left,
    }
    return [fault for fault, good in checks.items() if not good] + traffic_faults(world, "v1.3.0") + faults_in(world)


def traffic_faults(world: World, version: str) -> list[str]:
    """What is wrong with traffic when that version should serve as before."""
    world.clock.sleep(10.0)
    found = []
    for name, replicas in (("api", 3), ("web", 2)):
        item = world.cluster.deployments[name]
        ready = sum(pod.ready and not pod.terminating for pod in world.cluster.pods(name))
        if (item.replicas, ready, item.image.rpartition(":")[2]) != (replicas, replicas, version):
            found.append(f"{name}: {ready} of {item.replicas} ready, {item.image}")
        if world.cluster.services[name] != {"app": name}:
            found.append(f"service {name}: {world.cluster.services[name]}")
        if item.note or name in world.cluster.notes:
            found.append(f"notes left on {name}")
    return found


def export_rows(world: World) -> int:
    export = world.store.open_export(world.run().id).existing()
    return export.rows if export else -1
