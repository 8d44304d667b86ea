"""Assembles the process: the composition root, and the only module that names every adapter."""

import logging
import os
import socket
import tempfile
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import stamina

import commands
from bot.adapters import cluster, journal, storage
from bot.adapters.clock import SystemClock
from bot.adapters.database import LoaderLogin, PostgresDatabase, Server, Tracking, identify
from bot.adapters.http import Figures, HttpServer
from bot.adapters.migration_files.files import ScriptFiles
from bot.adapters.outbox import PostgresOutbox, Writer
from bot.adapters.outbox.announcer import SlackDrillAnnouncer, SlackJobAnnouncer, SlackRunAnnouncer
from bot.adapters.outbox.answers import SlackAnswers, SlackHomeTabs
from bot.adapters.pgclient.bundle_reader import ToolBundleReader
from bot.adapters.pgclient.tools import PgTools
from bot.adapters.plots import SvgPlotter
from bot.adapters.queue import ProcrastinateQueue, Worker
from bot.adapters.row_recovery import PostgresRowRecovery
from bot.adapters.schedule.calendar import CronCalendar
from bot.adapters.schedule.scheduler import Scheduler
from bot.adapters.sides import PostgresScriptTests, PostgresSides
from bot.adapters.slack.app import SLACK_API, build_app, build_client
from bot.adapters.slack.chat import SlackChat
from bot.config import Access, Config, StoreKeys
from bot.config.keys import DatabaseKeys
from bot.domain.environments import Environment
from bot.domain.signing import Keyring
from bot.engine.context import EnvironmentServices, Services
from bot.engine.drills.alerts import standings
from bot.engine.drills.scheduler import TICK_EVERY_S, tick
from bot.engine.maintenance.sweeper import Sweeper
from bot.engine.maintenance.witness import Witness
from bot.engine.operations import Operations
from bot.engine.runs.runner import Runner
from bot.errors import PermanentError, TemporaryError
from bot.ports import Cluster

POOL_SIZE = 24
REQUESTS_AT_ONCE = 6
RUNS_AT_ONCE = 4
STATE_PATIENCE_S = 60.0
STOP_TIMEOUT_S = 10.0
CONNECT_EVERY_S = 15.0
ANCHOR_TIMEOUT_S = 5.0  # runs wait for it

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Parts:
    """The engine's services, and the adapters that a process starts and stops."""

    services: Services
    pool: journal.Pool
    outbox: PostgresOutbox
    chat: SlackChat
    tools: PgTools


@contextmanager
def assemble(config: Config) -> Iterator[Parts]:
    """Connect everything the engine needs; nothing listens or works yet.

    Raises:
        TemporaryError: ``journal-unreachable`` after a minute of trying.
        PermanentError: the state database refuses, a client cannot be configured, or ``same-database``.
    """
    _migrate(config)
    clock = SystemClock()
    with journal.open_pool(config.state_dsn.get_secret_value(), max_size=POOL_SIZE) as pool:
        outbox = PostgresOutbox(pool, config.keyring)
        chat = SlackChat(build_client(config.slack.bot_token.get_secret_value(), _base_url(config)))
        tools = PgTools(config.pg_bin)
        where = config.migrations
        scripts = ScriptFiles(where.down_dir, where.tracking_table, where.up_dir)
        queue = ProcrastinateQueue(config.state_dsn.get_secret_value())
        kept = journal.PostgresJournal(pool, clock, config.keyring)
        try:
            yield Parts(
                Services(
                    envs={name: _env(config, name, tools, clock) for name in config.environments},
                    journal=kept,
                    witness=Witness(kept.audit, _anchor_store(config, clock), config.keyring, clock),
                    queue=queue,
                    announcer=SlackRunAnnouncer(outbox, config.environments),
                    job_announcer=SlackJobAnnouncer(outbox, config.environments),
                    drill_announcer=SlackDrillAnnouncer(outbox, config.environments),
                    answers=SlackAnswers(outbox),
                    home_tabs=SlackHomeTabs(outbox),
                    directory=chat,
                    scripts=scripts,
                    reader=ToolBundleReader(tools),
                    clock=clock,
                    keyring=config.keyring,
                    matrix=config.matrix,
                    owner=f"{socket.gethostname()}:{os.getpid()}",
                    home_team=config.slack.team_id,
                    allowed_shared_channels=frozenset(config.slack.allow_shared_channels),
                    scratch_dir=config.scratch_dir or Path(tempfile.gettempdir()),
                    drills=journal.PostgresDrillRepository(pool, clock),
                    calendar=CronCalendar(),
                    schedules=config.drills,
                    plotter=SvgPlotter(),
                ),
                pool,
                outbox,
                chat,
                tools,
            )
        finally:
            queue.close()


@stamina.retry(on=TemporaryError, attempts=None, timeout=STATE_PATIENCE_S, wait_max=5.0)
def _migrate(config: Config) -> None:
    check_apart(config)  # before anything is created in it
    journal.prepare(config.state_dsn.get_secret_value())


def check_apart(config: Config) -> None:
    """Refuse two names of one database: a run would close its own journal, or another environment.

    Raises:
        PermanentError: ``same-database`` names the two places.
    """
    places = {"state": (config.state_dsn, "")}
    for name, access in config.access.items():
        places[f"environments.{name}.database"] = (access.database.dsn, access.database.maintenance_database)
    with ThreadPoolExecutor(len(places), thread_name_prefix="identity") as threads:
        found = list(threads.map(lambda place: identify(place[0].get_secret_value(), place[1]), places.values()))
    seen: dict[object, str] = {}
    # Decision 29: names say little, so what the servers say of themselves is compared.
    # A database that does not answer within seconds is left out: one unreachable environment must not stop the bot.
    for place, identity in zip(places, found, strict=True):
        if identity is not None and (other := seen.setdefault(identity, place)) != place:
            raise PermanentError(
                "same-database",
                f"{place} is the same database as {other}, by another name.",
                "Give each its own: a run closes its environment's database to everybody else.",
            )


def _base_url(config: Config) -> str:
    return config.slack.base_url or SLACK_API


def _env(config: Config, name: str, tools: PgTools, clock: SystemClock) -> EnvironmentServices:
    environment, access = config.environments[name], config.access[name]
    place, where = access.database, config.migrations
    server = Server(
        place.dsn.get_secret_value(),
        Tracking(where.tracking_table, tuple(where.version_columns)),
        environment.timing,
        tools,
        clock,
        maintenance_database=place.maintenance_database,
        template=place.shadow_template,
        loader=_loader(place),
    )
    sides = PostgresSides(server)
    return EnvironmentServices(
        environment,
        _cluster(environment, access),
        PostgresDatabase(server),
        _store(environment, access, config.keyring),
        sides,
        PostgresRowRecovery(server, sides.session),
        PostgresScriptTests(server),
        float(config.keep_old_database_s[name]),
    )


def _loader(place: DatabaseKeys) -> LoaderLogin | None:
    if place.loader_user is None:
        return None
    return LoaderLogin(place.loader_user, place.loader_password.get_secret_value() if place.loader_password else None)


def _cluster(environment: Environment, access: Access) -> Cluster:
    where = access.cluster
    token = where.token.get_secret_value() if where.token else None
    client = cluster.connect(where.server, token, where.ca_file, where.kubeconfig, where.context, where.token_file)
    return cluster.KubernetesCluster(client, environment.workloads)


def _store(environment: Environment, access: Access, keyring: Keyring) -> storage.S3BackupStore:
    client = storage.connect(environment.backups, _credentials(access.storage))
    return storage.S3BackupStore(client, environment.name, environment.backups, keyring)


def _anchor_store(config: Config, clock: SystemClock) -> storage.S3AnchorStore:
    place = config.anchors
    client = storage.connect(place.target, _credentials(place.access), attempts=2, read_timeout_s=ANCHOR_TIMEOUT_S)
    return storage.S3AnchorStore(client, place.target.bucket, place.prefix, place.lock_days, clock)


def _credentials(keys: StoreKeys) -> storage.Credentials | None:
    if keys.access_key is None or keys.secret_key is None:
        return None
    return storage.Credentials(keys.access_key.get_secret_value(), keys.secret_key.get_secret_value())


class Service:
    """A running replica: workers, outbox writer, sweeper, scheduler, health, and perhaps the socket to Slack."""

    def __init__(self, config: Config, parts: Parts, *, listen: bool) -> None:
        if listen and config.slack.mode != "socket":
            raise PermanentError(
                "http-mode-not-available",
                "Events over HTTP are not in this version; a bot started like that would receive nothing.",
                'Set mode = "socket" in [slack], and give it an app token.',
            )
        self._parts = parts
        operations, runner = Operations(parts.services), Runner(parts.services)
        self._worker = Worker(
            config.state_dsn.get_secret_value(), operations.handle, runner.execute, REQUESTS_AT_ONCE, RUNS_AT_ONCE
        )
        self._writer = Writer(parts.outbox, parts.chat, parts.services.clock)
        self._sweeper = Sweeper(parts.services)
        self._scheduler = Scheduler(lambda: tick(parts.services), TICK_EVERY_S, parts.services.clock)
        self._http = HttpServer(
            config.http.host,
            config.http.port,
            self._unready,
            Figures(
                self._runs_by_state,
                lambda: standings(parts.services),
                self._scheduler.ticked_at,
                parts.outbox.backlog,
                lambda: parts.services.witness.standing,
            ),
        )
        app, self._handler = build_app(
            config.slack.bot_token.get_secret_value(),
            config.slack.app_token.get_secret_value() if config.slack.app_token else "",
            config.slack.team_id,
            base_url=_base_url(config),
        )
        self._listens = listen
        self._stopped = threading.Event()
        self._connecting = threading.Thread(target=self._connect, name="slack-connect", daemon=True)
        commands.register(app, operations, config.environments, config.slack.team_id)

    def start(self) -> None:
        """Start everything; the socket last, so that the rest is ready for its first message."""
        self._http.start()
        self._worker.start()
        self._writer.start()
        self._sweeper.start()
        self._scheduler.start()
        if self._listens:
            self._connecting.start()

    def _connect(self) -> None:
        """Retry until Slack answers: while Slack is down, runs go on and the command line works."""
        wait_s = 1.0
        while not self._stopped.wait(0.0):
            try:
                self._handler.connect()  # type: ignore[no-untyped-call] # slack_bolt types it not
            except Exception as error:  # noqa: BLE001 -- slack_sdk raises whatever its sockets raise
                _log.warning("slack cannot be reached: %s", type(error).__name__)
                self._stopped.wait(wait_s)
                wait_s = min(wait_s * 2, CONNECT_EVERY_S)
            else:
                return

    def stop(self) -> None:
        """Stop taking work, then stop; the next owner continues a run that has started."""
        self._stopped.set()
        if self._listens:
            self._connecting.join()
            self._handler.close()  # type: ignore[no-untyped-call] # the same
        self._scheduler.stop()
        self._sweeper.stop()
        self._worker.stop(STOP_TIMEOUT_S)
        self._writer.stop()
        self._http.stop()

    def _unready(self) -> Mapping[str, str]:
        missing = {}
        if self._listens and not self._handler.client.is_connected():
            missing["slack"] = "the socket is not connected"
        try:
            self._parts.services.journal.runs.newest(limit=1)
        except TemporaryError as error:
            missing["journal"] = error.reference
        return missing

    def _runs_by_state(self) -> Mapping[str, int]:
        return self._parts.services.journal.runs.count()
