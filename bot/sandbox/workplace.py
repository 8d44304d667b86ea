"""Runs the workplace on one machine: Slack, cluster, PostgreSQL, S3, PhysioFlow, and the real bot beside them."""

import contextlib
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bot.config.new_key import generate_key
from bot.domain.signing import Keyring
from bot.errors import PermanentError
from bot.sandbox import configuration
from bot.sandbox.bot_process import BotProcess
from bot.sandbox.cluster import ClusterEmulator, Delays
from bot.sandbox.cluster.app import PhysioFlowApp
from bot.sandbox.cluster.layout import lay_out
from bot.sandbox.cluster.rbac import read_rules
from bot.sandbox.configuration import ANCHOR_BUCKET, CHANNELS, Places, Tuning
from bot.sandbox.objectstore import ObjectStore
from bot.sandbox.physioflow import Sample, clones, seed
from bot.sandbox.physioflow.sample import STATE_DATABASE, database_name
from bot.sandbox.postgres import PostgresServer, free_port
from bot.sandbox.slack import SlackEmulator
from bot.sandbox.world import BucketWorld, DatabaseWorld, StateWorld

DOWN_DIR = Path(__file__).parents[2] / "sql" / "down"


@dataclass(frozen=True)
class Layout:
    """Size, ports and parts of the sandbox.

    Attributes:
        scale: of the sample data; 1.0 is about 30 MB in prod.
        port_base: first of four fixed ports; 0 takes free ones.
        slack_rates: multiplies Slack's rate limits; 0 turns them off.
        resettable: keep a copy of prod, so that `reset` can bring it back.
        pod_delays: how long pods take to start and stop.
        results_dir: where scenarios leave what they have to show; made when there is something.
    """

    scale: float = 0.1
    port_base: int = 0
    slack_rates: float = 1.0
    resettable: bool = False
    pod_delays: Delays = field(default_factory=Delays)
    results_dir: Path = field(default_factory=lambda: Path(tempfile.gettempdir()) / "backstop-results")


class Sandbox:
    """Started as a context; everything is gone when it ends."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._stack = contextlib.ExitStack()
        self.bots: list[BotProcess] = []

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            self._start(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def _start(self, stack: contextlib.ExitStack) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="backstop-sandbox-"))
        stack.callback(shutil.rmtree, self.directory, ignore_errors=True)
        (self.directory / "scratch").mkdir()
        self.down_dir = Path(shutil.copytree(DOWN_DIR, self.directory / "down"))
        self.tuning = Tuning(self.down_dir)
        self.signing_keys = generate_key("sandbox")
        self.directory.chmod(0o755)  # the database server may run as another user
        self.postgres = stack.enter_context(PostgresServer(self.directory / "postgres", self._port(3)))
        self.store = stack.enter_context(ObjectStore(self._port(2)))
        self.store.create_buckets([f"physioflow-backups-{name}" for name in CHANNELS])
        self.store.create_locked_bucket(ANCHOR_BUCKET)
        self.sample: Sample = seed(self.postgres, self._layout.scale)
        self.state = stack.enter_context(contextlib.closing(StateWorld(self.sample.superuser_dsn, STATE_DATABASE)))
        if self._layout.resettable:
            clones.clone(self.postgres, database_name("prod"), "sample_prod")
        self.app = PhysioFlowApp({f"physioflow-{name}": dsn for name, dsn in self.sample.app_dsns.items()})
        self.cluster = stack.enter_context(
            ClusterEmulator(self.app, port=self._port(1), delays=self._layout.pod_delays)
        )
        lay_out(self.cluster)
        self.cluster.limit(read_rules())  # the Role that is deployed
        self.slack = stack.enter_context(
            SlackEmulator(
                port=self._port(0),
                rate_scale=self._layout.slack_rates,
                state_extra=self.survey,
                fault_sink=self.break_things,
            )
        )
        stack.callback(self.stop_bots)

    @property
    def keyring(self) -> Keyring:
        """The bot's signing keys, as somebody has them who has got into its machine."""
        return Keyring.parse(self.signing_keys)

    def _port(self, offset: int) -> int:
        return self._layout.port_base + offset if self._layout.port_base else 0

    def survey(self) -> dict[str, Any]:
        """Return what ``GET /sandbox/state`` shows beside Slack."""
        return {**self.cluster.state(), "endpoints": self.endpoints(), "tokens": {"cluster": self.cluster.token}}

    def endpoints(self) -> dict[str, Any]:
        """Every address; what ``sandbox ready`` prints."""
        return {
            "control": self.slack.base_url,
            "slack_api": self.slack.api_url,
            "cluster": {"url": self.cluster.url, "token": self.cluster.token},
            "s3": self.store.endpoint_url,
            "state_dsn": self.sample.state_dsn,
            "environment_dsns": dict(self.sample.bot_dsns),
        }

    def break_things(self, fault: Mapping[str, Any] | None) -> None:
        """Take a fault for the cluster, the object store or PostgreSQL; None clears all.

        Raises:
            PermanentError: ``unknown-target``.
        """
        if fault is None:
            self.cluster.clear_faults()
            self.store.clear_faults()
            return
        target, rest = fault.get("target"), {key: value for key, value in fault.items() if key != "target"}
        if target == "cluster":
            self._break_cluster(rest)
        elif target == "s3":
            self.store.fault(rest)
        elif target == "postgres":
            self.postgres.restart()
        else:
            raise PermanentError("unknown-target", f"Nothing here takes faults for {target!r}.")

    def _break_cluster(self, fault: Mapping[str, Any]) -> None:
        try:
            self.cluster.fault(fault)
        except ValueError as error:
            raise PermanentError("bad-fault", f"{error}.") from error

    def add_bot(self, tuning: Tuning | None = None, *, start: bool = True, wrapper: Sequence[str] = ()) -> BotProcess:
        """Configure a replica, and start it unless `start` is False; `wrapper` as in `BotProcess`."""
        number, port = len(self.bots) + 1, free_port()
        config = self.directory / f"backstop-{number}.toml"
        config.write_text(configuration.write(self._places(port), tuning or self.tuning))
        bot = BotProcess(config, self.environ(), port, self.directory / f"bot-{number}.log", wrapper)
        self.bots.append(bot)
        if start:
            bot.start()
        return bot

    def reset(self, environment: str) -> None:
        """Put prod back to the sample: database, workloads, empty bucket. Runs that are open must have ended."""
        name = database_name(environment)
        clones.drop_beside(self.postgres, name)
        clones.drop(self.postgres, name)
        clones.clone(self.postgres, f"sample_{environment}", name)
        self.cluster.clear_faults()
        lay_out(self.cluster, [environment])
        self.bucket(environment).clear()
        for left in (self.directory / "scratch").iterdir():  # by a bot that a scenario killed
            shutil.rmtree(left, ignore_errors=True)

    @property
    def results_dir(self) -> Path:
        """Return the directory for the scenarios' results."""
        return self._layout.results_dir

    def scratch_left(self) -> list[str]:
        """List the files the bot has left in its scratch directory."""
        return sorted(path.name for path in (self.directory / "scratch").iterdir())

    def environ(self) -> dict[str, str]:
        """The bot's environment variables. What it writes anywhere goes to the scratch directory, as in its image."""
        tokens = {
            "bot": self.slack.workspace.bot_token,
            "app": self.slack.workspace.app_token,
            "cluster": self.cluster.token,
            "access_key": self.store.access_key,
            "secret_key": self.store.secret_key,
            "signing_keys": self.signing_keys,
        }
        return {**configuration.secrets(self.sample, tokens), "TMPDIR": str(self.directory / "scratch")}

    def _places(self, http_port: int) -> Places:
        return Places(
            slack_api=self.slack.api_url,
            cluster=self.cluster.url,
            s3=self.store.endpoint_url,
            http_port=http_port,
            scratch_dir=self.directory / "scratch",
            pg_bin=self.postgres.bin_dir,
        )

    def stop_bots(self) -> None:
        """Stop every replica."""
        for bot in self.bots:
            bot.stop()
        self.bots.clear()

    def database(self, environment: str) -> DatabaseWorld:
        """An environment's database, past the bot."""
        return DatabaseWorld(self.sample.superuser_dsn, f"physioflow_{environment}")

    def bucket(self, environment: str) -> BucketWorld:
        """An environment's bucket, past the bot."""
        return BucketWorld(self.store.client(), f"physioflow-backups-{environment}")
