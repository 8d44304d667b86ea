"""Measures Backstop's way, with the parts the bot runs with, step by step."""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import bot.app  # noqa: F401 -- for its weight: the memory measured is to be the bot's
from bot.adapters import storage
from bot.adapters.clock import SystemClock
from bot.adapters.database import PostgresDatabase, Server, Tracking
from bot.adapters.pgclient.tools import PgTools
from bot.adapters.sides import PostgresSides
from bot.domain.environments import BackupTarget, Timing
from bot.domain.runs import Progress
from bot.engine.backups.compare import compare
from bot.engine.backups.create import take_bundle
from bot.engine.context import EnvironmentServices
from bot.errors import PermanentError
from bot.ports import Dump, Report
from tests.bench.child import Figures, serve
from tests.bench.places import BUCKET, Places, Stopwatch
from tests.fakes.clock import FakeClock
from tests.fakes.cluster import FakeCluster
from tests.fakes.keyring import KEYRING
from tests.fakes.process import Process
from tests.fakes.row_recovery import FakeRowRecovery
from tests.fakes.script_tests import FakeScriptTests
from tests.fakes.sides import FakeSides
from tests.fakes.world import ENVIRONMENT, World

RUN = "01BENCH"
APP_VERSION = "v1.3.0"


class TimedDatabase(PostgresDatabase):
    """Keeps how long its dump took, in seconds."""

    dump_s = 0.0

    def dump(self, directory: Path, report: Report) -> Dump:
        watch = Stopwatch()
        with watch.phase("dump"):
            taken = super().dump(directory, report)
        self.dump_s = watch.seconds["dump"]
        return taken


class Backstop:
    """The adapters of one environment; the cluster, which is not measured, is a fake."""

    def __init__(self, places: Places) -> None:
        clock, tools = SystemClock(), PgTools(Path(places.bin_dir))
        tracking = Tracking("schema_migrations", ("version", "name"))
        server = Server(places.bot_dsn, tracking, Timing(), tools, clock)
        target = BackupTarget(BUCKET, places.endpoint_url)
        client = storage.connect(target, storage.Credentials(places.access_key, places.secret_key))
        self.directory = places.directory
        self.sides = PostgresSides(server)
        self.store = storage.S3BackupStore(client, "prod", target, KEYRING)
        self._database = TimedDatabase(server)
        self.env = EnvironmentServices(
            ENVIRONMENT,
            FakeCluster(clock),
            self._database,
            self.store,
            self.sides,
            FakeRowRecovery(),
            FakeScriptTests(FakeSides(), FakeClock()),
        )
        self.services = World(places.directory).services(Process("bench"))
        self._away = [self.sides.name("kept", RUN), self.sides.name("undone", RUN)]

    def backup(self) -> Figures:
        """Dump, count, hash, bundle, upload: all that a backup takes."""
        watch = Stopwatch()
        with watch.phase("all"):
            taken = take_bundle(self.env, self.services, "bench", APP_VERSION, ignore)
        dump_s = self._database.dump_s
        seconds = {"dump": dump_s, "bundle": watch.seconds["all"] - dump_s}
        return {"seconds": seconds, "key": taken.stored.key, "size_bytes": taken.stored.size_bytes}

    def prepare(self, key: str) -> Figures:
        """Everything of a restore that is done while the app serves."""
        watch, directory = Stopwatch(), self.directory / "bundle"
        directory.mkdir()
        backup = self.store.find(key.removesuffix(".tar.gz"))
        if backup is None:
            raise PermanentError("unknown-backup", f"There is no backup {key}.", "")
        with watch.phase("fetch"):
            bundle = self.store.fetch(backup, directory, ignore)
        with watch.phase("load"):
            self._come = self.sides.load(RUN, bundle, ignore)
        shutil.rmtree(directory)
        with watch.phase("verify"):
            compare(backup, self.sides.contents(self._come, ignore))
            problems = self.sides.problems(self._come)
        with watch.phase("adopt"):
            problems = [*problems, *self.sides.copy_settings(self._come)]
        (side_bytes,) = [side.size_bytes for side in self.sides.list() if side.name == self._come]
        return {"seconds": watch.seconds, "problems": problems, "side_bytes": side_bytes}

    def exchange(self) -> Figures:
        """The swap. Asked again, it swaps back."""
        away = self._away[0]
        closed_s = self.sides.exchange(self._come, away, lambda: None)
        self._come, self._away = away, self._away[::-1]
        return {"seconds": {"exchange": closed_s}}

    def clean_up(self) -> Figures:
        """Drop what stands beside the live database."""
        for side in self.sides.list():
            self.sides.drop(side.name)
        return {}


def ignore(progress: Progress) -> None:
    """A report nobody reads."""


def answers(places: Places) -> Mapping[str, Callable[..., Figures]]:
    """Return the questions this process answers."""
    backstop = Backstop(places)
    return {name: getattr(backstop, name) for name in ("backup", "prepare", "exchange", "clean_up")}


if __name__ == "__main__":
    serve(answers)
