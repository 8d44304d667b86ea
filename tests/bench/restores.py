"""Compares the manual procedure with Backstop, on the same data, at two sizes."""

import os
import statistics
import tempfile
from dataclasses import dataclass
from pathlib import Path

from bot.sandbox.objectstore import ObjectStore
from bot.sandbox.physioflow.sample import APP_ROLE, bot_role, database_name, owner_dsn
from bot.sandbox.postgres import PostgresServer
from tests.bench import data
from tests.bench.child import Child, Figures
from tests.bench.clients import Clients
from tests.bench.data import Sizes
from tests.bench.places import BUCKET, DATABASE, Places

EXCHANGES = 5


@dataclass(frozen=True)
class Side:
    """One way's figures at one size; seconds by phase."""

    backup: dict[str, float]
    restore: dict[str, float]
    memory_bytes: int
    scratch_bytes: int
    own_bytes: int
    bundle_bytes: int


@dataclass(frozen=True)
class Swap:
    """Several exchanges with clients about, in seconds."""

    closed_s: list[float]
    gaps_s: list[float]

    @property
    def median_s(self) -> float:
        """The live name was closed for."""
        return statistics.median(self.closed_s)


@dataclass(frozen=True)
class Comparison:
    """Both ways at one size; the side database is the second one on the server while Backstop restores."""

    database_bytes: int
    side_bytes: int
    theirs: Side
    ours: Side
    swap: Swap


def measure(sizes: Sizes) -> list[Comparison]:
    """Measure at both sizes, on a server and a store of their own."""
    with tempfile.TemporaryDirectory(prefix="backstop-bench-") as name:
        directory = Path(name)
        directory.chmod(0o755)  # the database server may run as another user
        with PostgresServer(directory / "postgres") as server, ObjectStore() as store:
            store.create_buckets([BUCKET])
            places = _places(server, store, directory / "scratch")
            places.directory.mkdir()
            data.seed(server, sizes.small_mb)
            return [_compare(server, places, size_mb) for size_mb in (sizes.small_mb, sizes.large_mb)]


def _places(server: PostgresServer, store: ObjectStore, scratch: Path) -> Places:
    return Places(
        bot_dsn=server.dsn(bot_role("prod"), database_name("prod")),
        owner_dsn=owner_dsn(server, "prod"),
        superuser_dsn=server.superuser_dsn,
        endpoint_url=store.endpoint_url,
        access_key=store.access_key,
        secret_key=store.secret_key,
        bin_dir=str(server.bin_dir),
        scratch=str(scratch),
    )


def _compare(server: PostgresServer, places: Places, size_mb: float) -> Comparison:
    size_bytes = data.live(server, size_mb)
    with Child("tests.bench.procedure", places) as procedure:
        their_backup = procedure.ask("backup")
        with Child("tests.bench.backstop", places) as backstop:
            our_backup = backstop.ask("backup")
            os.sync()  # each restore begins with nothing else to be written
            our_restore = backstop.ask("prepare", key=our_backup["key"])
            swap = _swap(server, backstop)
            our_restore["seconds"]["exchange"] = swap.median_s
            backstop.ask("clean_up")
        os.sync()
        their_restore = procedure.ask("restore", key=our_backup["key"])
    return Comparison(
        size_bytes,
        our_restore["side_bytes"],
        _side(procedure, their_backup, their_restore),
        _side(backstop, our_backup, our_restore),
        swap,
    )


def _side(child: Child, backup: Figures, restore: Figures) -> Side:
    return Side(
        backup["seconds"],
        restore["seconds"],
        child.watch.memory_bytes,
        child.watch.scratch_bytes,
        restore["own_bytes"],
        backup["size_bytes"],
    )


def _swap(server: PostgresServer, backstop: Child) -> Swap:
    """Swap to and fro; every time all clients are in the live database."""
    closed, gaps = [], []
    for _ in range(EXCHANGES):
        with Clients(server.dsn(APP_ROLE, DATABASE)) as clients:
            closed.append(backstop.ask("exchange")["seconds"]["exchange"])
        gaps.append(max(clients.gaps_s))
    return Swap(closed, gaps)
