"""Down scripts tried in copies of the sample: each alone, up again, and all as a chain; what is wrong is named."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from bot.adapters.clock import SystemClock
from bot.adapters.database import LoaderLogin, PostgresDatabase, Server
from bot.adapters.migration_files.files import ScriptFiles
from bot.adapters.pgclient.tools import PgTools
from bot.adapters.sides import PostgresScriptTests, PostgresSides
from bot.adapters.sides.databases import build_side_name
from bot.domain.backups import BundleKind
from bot.domain.drills import ScriptTest
from bot.domain.migrations import DownScript, UpScript
from bot.domain.runs import Progress
from bot.errors import PermanentError, TemporaryError
from bot.ports import FetchedBundle
from bot.sandbox.physioflow import clones
from bot.sandbox.physioflow.clones import Clone
from bot.sandbox.physioflow.schema import UP_DIR
from bot.sandbox.postgres import PostgresServer, find_bin_dir
from tests.adapters.sides.conftest import TIMING, TRACKING, ignore

DOWN_DIR = Path(__file__).parents[3] / "sql" / "down"
RUN = "dabcde"
COPY = f"{RUN}-alone"
FILES = ScriptFiles(DOWN_DIR, "schema_migrations", UP_DIR)
EVERY = range(27, 17, -1)


@dataclass(frozen=True)
class Loaded:
    """A clone as the live database, a copy of it as what a drill has loaded, and the script tests."""

    clone: Clone
    source: str
    script_tests: PostgresScriptTests

    def ask(self, query: str, *parameters: object) -> list[tuple[object, ...]]:
        with psycopg.connect(self.clone.superuser_dsn.rpartition("/")[0] + f"/{self.source}") as conn:
            return conn.execute(query.encode(), parameters).fetchall()

    def databases(self) -> set[str]:
        with psycopg.connect(self.clone.superuser_dsn) as conn:
            found = conn.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", (self.clone.name,))
            return {name for (name,) in found}


@pytest.fixture(scope="session")
def bundle(postgres: PostgresServer, sample_template: str, tmp_path_factory: pytest.TempPathFactory) -> FetchedBundle:
    """A dump of the sample, as a drill fetches it."""
    copy, path = clones.clone(postgres, sample_template, "sample_dumped"), tmp_path_factory.mktemp("bundle") / "dump"
    server = Server(copy.bot_dsn, TRACKING, TIMING, PgTools(find_bin_dir()), SystemClock())
    PostgresDatabase(server).dump(path, ignore)
    clones.drop(postgres, copy.name)
    return FetchedBundle(BundleKind.DIRECTORY, path, None, 1)


@pytest.fixture
def loaded(postgres: PostgresServer, sample_database: Callable[[], Clone], bundle: FetchedBundle) -> Iterator[Loaded]:
    clone = sample_database()
    loader = LoaderLogin("physioflow_prod_loader", postgres.password)
    server = Server(clone.bot_dsn, TRACKING, TIMING, PgTools(find_bin_dir()), SystemClock(), loader=loader)
    source = PostgresSides(server).load(RUN, bundle, ignore)
    yield Loaded(clone, source, PostgresScriptTests(server))
    clones.drop_beside(postgres, clone.name)


def orders(*versions: int) -> list[tuple[DownScript, UpScript | None]]:
    downs, ups = FILES.load(), FILES.load_ups()
    return [(downs[version], ups.get(version)) for version in versions or EVERY]


def changed(script: DownScript, **changes: object) -> DownScript:
    return replace(script, **changes)  # type: ignore[arg-type] # each as its field wants it


LEFT_VALUES = (
    'does not go up again: line 32, insert or update on table "invoices" violates foreign key constraint '
    '"invoices_bhyt_claim_id_fkey" (23503)'
)
"""021's down script leaves a column behind, whose values point at rows that are gone. Only real data shows that."""


def test_every_script_of_the_sample_goes_down_and_all_but_one_up_again(loaded: Loaded) -> None:
    told: list[Progress] = []
    tried = loaded.script_tests.alone(loaded.source, COPY, orders(), told.append)
    expected = {version: ScriptTest(version, reversible=True) for version in EVERY}
    expected[21] = ScriptTest(21, reversible=False, note=LEFT_VALUES)
    assert tried == list(expected.values())
    assert told[-1] == Progress(9, 10, "scripts")
    assert loaded.databases() == {loaded.clone.name, loaded.source}
    assert loaded.ask("SELECT count(*) FROM schema_migrations") == [(27,)]
    assert loaded.ask("SELECT to_regclass('feature_flags') IS NOT NULL") == [(True,)]


def test_all_of_them_are_one_chain(loaded: Loaded) -> None:
    chain = [script for script, _ in orders()]
    loaded.script_tests.chain(loaded.source, COPY, chain)
    assert loaded.databases() == {loaded.clone.name, loaded.source}
    assert loaded.ask("SELECT count(*) FROM schema_migrations") == [(27,)]


def test_a_check_that_does_not_hold_is_named_and_ends_it(loaded: Loaded) -> None:
    wrong = orders(27, 26, 25)
    wrong[1] = (changed(wrong[1][0], verify=("SELECT to_regclass('patients') IS NULL",)), wrong[1][1])
    tried = loaded.script_tests.alone(loaded.source, COPY, wrong, ignore)
    assert [script_test.version for script_test in tried] == [27, 26]
    assert tried[0].problem == ""
    assert tried[1].problem == (
        "026_add_version_column ran, and its check does not hold: "
        "SELECT to_regclass('patients') IS NULL (it is not true)."
    )
    with pytest.raises(PermanentError, match=r"^down-script-failed: As a chain: 026_add_version_column ran, and its"):
        loaded.script_tests.chain(loaded.source, COPY, [script for script, _ in wrong])


def test_a_statement_that_fails_is_named_with_its_line(loaded: Loaded) -> None:
    script, up = orders(27)[0]
    broken = changed(script, statements=(replace(script.statements[0], sql="DROP TABLE nowhere"),))
    (script_test,) = loaded.script_tests.alone(loaded.source, COPY, [(broken, up)], ignore)
    line = script.statements[0].line
    assert script_test.problem == f'027_feature_flags.sql line {line} failed: table "nowhere" does not exist (42P01).'
    with pytest.raises(PermanentError, match=r"^down-script-failed: As a chain: 027_feature_flags\.sql line"):
        loaded.script_tests.chain(loaded.source, COPY, [broken])


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("CREATE TABLE feature_flags (id int)", "goes up to another schema: no "),
        ("CREATE TABLE patients (id int)", 'does not go up again: line 1, relation "patients" already exists (42P07)'),
    ],
)
def test_an_up_script_that_is_not_the_inverse_is_reported_and_stops_nothing(
    loaded: Loaded, text: str, note: str
) -> None:
    script, _ = orders(27)[0]
    up = UpScript(27, script.name, ((1, text),))
    first, second = loaded.script_tests.alone(loaded.source, COPY, [(script, up), *orders(26)], ignore)
    assert (first.problem, first.reversible) == ("", False)
    assert first.note.startswith(note)
    assert second == ScriptTest(26, reversible=True)


def test_an_up_script_that_cannot_be_run_here_is_reported(loaded: Loaded) -> None:
    script, _ = orders(27)[0]
    up = UpScript(27, script.name, (), "line 3, VACUUM cannot run in a transaction")
    tried = loaded.script_tests.alone(loaded.source, COPY, [(script, up), (orders(26)[0][0], None)], ignore)
    assert tried == [
        ScriptTest(27, note="was not run up again: line 3, VACUUM cannot run in a transaction"),
        ScriptTest(26),
    ]


def test_what_a_dead_process_left_is_replaced(loaded: Loaded, postgres: PostgresServer) -> None:
    left = build_side_name(loaded.clone.name, "side", COPY)
    with psycopg.connect(postgres.superuser_dsn, autocommit=True) as conn:
        create = sql.SQL("CREATE DATABASE {} OWNER backstop_prod")
        conn.execute(create.format(sql.Identifier(left)))
    assert loaded.script_tests.alone(loaded.source, COPY, orders(27), ignore) == [ScriptTest(27, reversible=True)]
    assert left not in loaded.databases()


def test_only_side_databases_that_are_there_are_copied(loaded: Loaded) -> None:
    with pytest.raises(PermanentError, match=r"^not-ours: "):
        loaded.script_tests.alone(loaded.clone.name, COPY, orders(27), ignore)
    with pytest.raises(PermanentError, match=r"^side-missing: "):
        loaded.script_tests.chain(build_side_name(loaded.clone.name, "side", "dother"), COPY, [])


def test_a_lost_connection_is_no_fault_of_the_script(loaded: Loaded) -> None:
    def end_sessions(_: Progress) -> None:
        with psycopg.connect(loaded.clone.superuser_dsn, autocommit=True) as conn:
            name = build_side_name(loaded.clone.name, "side", COPY)
            conn.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))

    with pytest.raises(TemporaryError, match=r"^database-unreachable: "):
        loaded.script_tests.alone(loaded.source, COPY, orders(27), end_sessions)


def test_privileges_are_not_compared_before_the_handover(loaded: Loaded) -> None:
    """Nothing has been granted in what a drill has loaded, and default privileges are those of other roles."""
    both = [
        loaded.script_tests.alone(loaded.source, COPY, orders(27), ignore, privileges=each) for each in (True, False)
    ]
    assert both == [[ScriptTest(27, reversible=True)]] * 2
    up = UpScript(27, "027_feature_flags", ((1, "CREATE TABLE feature_flags (id int)"),))
    (other,) = loaded.script_tests.alone(loaded.source, COPY, [(orders(27)[0][0], up)], ignore)
    assert other.reversible is False
