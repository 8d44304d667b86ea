"""All services in memory, shared by processes that come and go."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from bot.adapters.schedule.calendar import CronCalendar
from bot.domain.environments import ApprovalPolicy, BackupTarget, Environment, HttpCheck, SmokeChecks, Timing, Workloads
from bot.domain.runs import Run
from bot.domain.versions import CompatibilityRow, Matrix
from bot.engine.approvals.signatures import sign_request
from bot.engine.context import EnvironmentServices, Services
from bot.engine.maintenance.sweeper import sweep
from bot.engine.maintenance.witness import Witness
from bot.engine.operations import Operations
from bot.engine.requests import REQUEST_TYPES, Submission, defer, read, read_audience
from bot.engine.runs.runner import Runner
from bot.ports import Journal, Request
from tests.fakes.anchors import FakeAnchors
from tests.fakes.announcer import FakeAnnouncer
from tests.fakes.clock import FakeClock
from tests.fakes.cluster import FakeCluster
from tests.fakes.database import FakeDatabase
from tests.fakes.directory import HOME, LEADS, ONCALL, FakeDirectory
from tests.fakes.drills import FakeDrillRepository
from tests.fakes.journal import FakeJournal
from tests.fakes.keyring import KEYRING
from tests.fakes.plotter import FakePlotter
from tests.fakes.process import Process
from tests.fakes.queue import FakeQueue
from tests.fakes.reader import FakeReader
from tests.fakes.row_recovery import FakeRowRecovery
from tests.fakes.script_tests import FakeScriptTests
from tests.fakes.scripts import FakeScripts
from tests.fakes.sides import FakeSides
from tests.fakes.store import FakeStore

CHANNEL = "C0INCIDENT"
SMOKE_SQL = "SELECT count(*) > 0 FROM patients"
ENVIRONMENT = Environment(
    name="prod",
    production=True,
    incident_channel=CHANNEL,
    workloads=Workloads("physioflow-prod", ("api", "web"), ("api", "web"), "api", "app=postgres"),
    backups=BackupTarget("backups-prod"),
    approval=ApprovalPolicy(2, (f"usergroup:{LEADS}",)),
    smoke=SmokeChecks((HttpCheck("api", 7011, "/health"),), (SMOKE_SQL,)),
    timing=Timing(pods_stop_s=3.0, pods_start_s=5.0, smoke_s=2.0),
    escalation_contacts=("the DBA, 555-0100",),
)
MATRIX = Matrix(
    (
        CompatibilityRow("v1.3.x", 27, None),
        CompatibilityRow("v1.2.x", 25, 26),
        CompatibilityRow("v1.1.x", 20, 24),
    )
)


class World:
    """The ports' other side, and the processes that work in it."""

    def __init__(self, scratch: Path) -> None:
        self.scratch = scratch
        self.clock = FakeClock()
        self.journal = FakeJournal(self.clock)
        self.anchors = FakeAnchors()
        self.witness = Witness(self.journal.audit, self.anchors, KEYRING, self.clock)
        self.drills = FakeDrillRepository(self.clock, self.journal.leases)
        self.calendar = CronCalendar()
        self.plotter = FakePlotter()
        self.environment = ENVIRONMENT
        self.queue = FakeQueue()
        self.announcer = FakeAnnouncer()
        self.directory = FakeDirectory()
        self.scripts = FakeScripts()
        self.cluster = FakeCluster(self.clock)
        self.database = FakeDatabase(self.clock)
        self.store = FakeStore()
        self.reader = FakeReader()
        self.sides = FakeSides(self.database, self.clock)
        self.row_recovery = FakeRowRecovery()
        self.script_tests = FakeScriptTests(self.sides, self.clock)
        self.elsewhere: dict[str, FakeStore] = {}
        for name, replicas in (("api", 3), ("web", 2)):
            self.cluster.add(name, ("v1.3.0", "v1.2.3", "v1.1.4"), replicas)
        self._requests = 0

    def services(self, process: Process) -> Services:
        """The ports as one process reaches them."""
        env = EnvironmentServices(
            self.environment,
            process.wrap(self.cluster, "cluster"),
            process.wrap(self.database, "database"),
            process.wrap(self.store, "store"),
            process.wrap(self.sides, "sides"),
            process.wrap(self.row_recovery, "row_recovery"),
            process.wrap(self.script_tests, "script_tests"),
        )
        others = {name: self._elsewhere(process, name, store) for name, store in self.elsewhere.items()}
        return Services(
            envs={self.environment.name: env, **others},
            journal=Journal(
                **{topic: process.wrap(part, f"journal.{topic}") for topic, part in vars(self.journal).items()}
            ),
            queue=process.wrap(self.queue, "queue"),
            announcer=process.wrap(self.announcer, "announcer"),
            job_announcer=process.wrap(self.announcer, "announcer"),
            drill_announcer=process.wrap(self.announcer, "announcer"),
            answers=process.wrap(self.announcer, "announcer"),
            home_tabs=process.wrap(self.announcer, "announcer"),
            directory=process.wrap(self.directory, "directory"),
            scripts=process.wrap(self.scripts, "scripts"),
            reader=process.wrap(self.reader, "reader"),
            clock=self.clock,
            keyring=KEYRING,
            witness=self.witness,
            matrix=MATRIX,
            owner=process.name,
            home_team=HOME,
            scratch_dir=self.scratch,
            drills=process.wrap(self.drills, "drills"),
            calendar=self.calendar,
            plotter=process.wrap(self.plotter, "plotter"),
        )

    def _elsewhere(self, process: Process, name: str, store: FakeStore) -> EnvironmentServices:
        """Another environment, of which only the bucket may be touched."""
        environment = replace(ENVIRONMENT, name=name)
        untouchable: Any = object()
        bucket, beside = process.wrap(store, f"{name}-store"), FakeSides()
        return EnvironmentServices(environment, untouchable, untouchable, bucket, beside, untouchable, untouchable)

    def submit(self, process: Process, request: Request) -> None:
        """A person does something; Slack delivers it to this process."""
        services = self.services(process)
        self._react(request.payload)
        if request.kind in REQUEST_TYPES:
            Operations(services).submit(submission(request))
        else:  # from another version
            services.journal.requests.accept(sign_request(KEYRING, request, self.clock.now()))
            defer(services.queue, request)

    def _react(self, payload: Mapping[str, Any]) -> None:
        """Slack has the reaction, or no longer, when it delivers the event."""
        if payload.get("how") == "reaction":
            change = self.directory.unreact if payload["withdraw"] else self.directory.react
            name = "x" if payload["choice"] == "reject" else "white_check_mark"
            change(str(payload["channel"]), str(payload["ts"]), str(payload["user_id"]), name)

    def work(self, process: Process) -> None:
        """Let a process work off the queue. What it took is lost when it dies."""
        services = self.services(process)
        while self.queue.requests or self.queue.runs:
            if self.queue.requests:
                Operations(services).handle(self.queue.requests.pop(0))
            else:
                Runner(services).execute(self.queue.runs.pop(0))

    def sweep(self, process: Process) -> None:
        """Find what was left, and do it."""
        sweep(self.services(process))
        self.work(process)

    def run(self) -> Run:
        """The only run there is."""
        (run,) = self.journal.runs.table.values()
        return run

    def request(self, kind: str, user: str = ONCALL, **payload: object) -> Request:
        """Make a request of that kind, with an id of its own."""
        self._requests += 1
        base = {"user_id": user, "channel": CHANNEL, "response_url": ""}
        return Request(f"{kind}-{self._requests}", kind, base | payload)

    def rollback(self, migration: str = "027", app: str = "", user: str = ONCALL) -> Request:
        asked_for = f"/rollback prod {migration}"
        return self.request(
            "rollback", user, environment="prod", migration=migration, app=app, reason="why", asked_for=asked_for
        )

    def vote(self, user: str, choice: str = "approve", *, ts: str = "", withdraw: bool = False) -> Request:
        """A reaction, or one taken off; each is newer than those made before it."""
        ts = ts or f"request:{self.run().id}:{self.run().plan.short_digest}"
        seen = f"1772366400.{self._requests:06}"
        words = {"ts": ts, "choice": choice, "how": "reaction", "withdraw": withdraw, "event_ts": seen}
        return self.request("vote", user, **words)

    def ballot(self, user: str, run_id: str, digest: str, choice: str = "approve") -> Request:
        """A button pressed on a message that nobody remembers."""
        words = {"ts": "17.1", "choice": choice, "how": "button", "withdraw": False, "run_id": run_id, "digest": digest}
        return self.request("vote", user, **words, event_ts=f"1772366400.{self._requests:06}")


def submission(request: Request) -> Submission:
    """Read what somebody does out of how it is persisted."""
    return Submission(read_audience(request), read(request))
