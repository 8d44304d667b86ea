"""A thin slice on every other major that is there: what touches the server most. `make test-majors` runs the rest."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.adapters.clock import SystemClock
from bot.adapters.database import LoaderLogin, PostgresDatabase, Server, Tracking
from bot.adapters.migration_files.files import ScriptFiles
from bot.adapters.pgclient.tools import PgTools
from bot.adapters.sides import PostgresSides
from bot.domain.backups import BundleKind
from bot.domain.environments import Timing
from bot.domain.runs import Progress
from bot.ports import FetchedBundle
from bot.sandbox.physioflow import clones
from bot.sandbox.physioflow.clones import Clone
from bot.sandbox.physioflow.sample import loader_name
from bot.sandbox.postgres import PostgresServer, find_bin_dir
from tests.majors.servers import find_servers

SERVERS = find_servers()
MAJORS = (14, 15, 16, 17)
DOWN_DIR = Path(__file__).parents[2] / "sql" / "down"
UNDONE = (27, 26, 25, 24)
REMAINING = frozenset(range(1, 24))


def ignore(progress: Progress) -> None:
    """A report nobody reads."""
    del progress


@dataclass(frozen=True)
class Place:
    """A sample database on a server of that major."""

    major: int
    clone: Clone
    server: Server


@pytest.fixture(scope="module", params=MAJORS)
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    major: int = request.param
    if major not in SERVERS:
        pytest.skip(f"there is no PostgreSQL {major} here: make test-majors fetches it")
    with PostgresServer(tmp_path_factory.mktemp(f"postgres{major}") / "data", server_dir=SERVERS[major]) as server:
        clone = clones.clone(server, clones.build_template(server, "sample_template", 0.02), "sample")
        tracking = Tracking("schema_migrations", ("version", "name"))
        tools = PgTools(find_bin_dir())
        loader = LoaderLogin(loader_name("prod"), server.password)
        yield Place(major, clone, Server(clone.bot_dsn, tracking, Timing(), tools, SystemClock(), loader=loader))


def test_a_restore_and_then_a_chain(place: Place, tmp_path: Path) -> None:
    """The catalogue is the same in the shadow, after a restore, and after the chain as it was rehearsed."""
    database, sides = PostgresDatabase(place.server), PostgresSides(place.server)
    assert database.inspect().server_version // 10_000 == place.major
    before = database.catalogue()

    dumped = database.dump(tmp_path / "dump", ignore)
    bundle = FetchedBundle(BundleKind.DIRECTORY, tmp_path / "dump", None, 1)
    side = sides.load("r1", bundle, ignore)
    assert list(sides.contents(side, ignore)) == list(dumped.tables)
    sides.hand_over(side, bundle, ignore)
    lines = sides.copy_settings(side)
    # Before PostgreSQL 15 only a superuser may set a parameter of the app's own making.
    assert all("physioflow.environment" in line for line in lines)
    assert bool(lines) is (place.major < 15)
    sides.exchange(side, sides.name("kept", "r1"), lambda: None)
    assert database.catalogue().fingerprint == before.fingerprint

    scripts = ScriptFiles(DOWN_DIR, "schema_migrations").load()
    chain = tuple(scripts[version] for version in UNDONE)
    with database.shadow("r2") as shadow:
        rehearsal = shadow.rehearse(chain, REMAINING)
    assert rehearsal.before.fingerprint == before.fingerprint
    access = database.take_exclusive_access("r2")
    try:
        access.run_chain(chain, REMAINING, (), lambda: None)
    finally:
        access.close()
        database.reopen()
    assert database.catalogue().fingerprint == rehearsal.after.fingerprint
