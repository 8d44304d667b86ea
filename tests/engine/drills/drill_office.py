"""Services with a few schedules and a clock that is set by hand."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from bot.domain.drills import Drill, DrillKind, DrillState, Schedule
from bot.domain.environments import DrillDemand
from bot.engine.context import Services
from bot.engine.drills.scheduler import tick
from bot.engine.operations import Operations
from bot.ports import Request
from tests.fakes.clock import NOON
from tests.fakes.process import Process
from tests.fakes.world import ENVIRONMENT, World, submission

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
DAILY = Schedule("daily", "staging", DrillKind.RESTORE, "0 15 * * *", announce_before_s=3600)
FIRST_DUE = NOON + 3 * HOUR


class Office:
    """Services with one schedule, and a performer who passes everything at once."""

    def __init__(self, world: World, *schedules: Schedule) -> None:
        self.world = world
        self.schedules = schedules
        self.process = Process("only")
        self.performed: list[str] = []
        self.performing: Callable[[Services, str], None] = self.passing
        self.require_s: int | None = None

    @property
    def services(self) -> Services:
        base = self.world.services(self.process)
        envs = {
            name: replace(
                base.envs["prod"],
                environment=replace(
                    ENVIRONMENT,
                    name=name,
                    production=name == "prod",
                    drill_demand=DrillDemand(self.require_s) if self.require_s and name == "prod" else None,
                ),
            )
            for name in ("prod", "staging", "dev")
        }
        return replace(base, envs=envs, schedules=self.schedules)

    def passing(self, services: Services, drill_id: str) -> None:
        drill = services.drills.take(drill_id, (), "another", 0.0)
        if drill is not None:
            self.performed.append(drill_id)
            services.drills.finish(drill.lease, DrillState.PASSED)

    def until(self, at: timedelta, *, work: bool = True) -> bool:
        """Let the clock go on to NOON plus that, and the scheduler look."""
        self.world.clock.elapsed_s = at.total_seconds()
        done = tick(self.services)
        if work:
            self.work()
        return done

    def work(self) -> None:
        queue = self.world.queue
        while queue.requests:
            Operations(self.services, self.performing).handle(queue.requests.pop(0))

    def do(self, request: Request) -> None:
        """Let a person do something, and everything that follows."""
        Operations(self.services, self.performing).submit(submission(request))
        self.work()

    def refused(self, request: Request) -> str:
        """The error that somebody was told instead; "" for none."""
        self.do(request)
        _, error = self.world.announcer.refusals.get(request.id, ("", ""))
        return str(error)

    def answered(self, request: Request) -> str:
        """What somebody was told."""
        self.do(request)
        return self.world.announcer.answered[request.id][1]

    def drill(self) -> Drill:
        (drill,) = self.world.drills.table.values()
        return drill

    def said(self) -> list[DrillState]:
        return [drill.state for drill in self.world.announcer.drills[self.drill().id]]
