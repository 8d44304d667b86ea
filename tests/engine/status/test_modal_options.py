"""What can be chosen from: live lists, and what is said where one is missing."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from bot.domain.backups import Backup, BackupName, Manifest, StoredObject, Verification
from bot.domain.signing import SignatureState
from bot.engine.approvals.authorization import MEMBER_FOR_S, Readers
from bot.engine.context import Services
from bot.engine.operations import Operations
from bot.engine.preview.swap import choose_backup
from bot.engine.status import modal_options
from bot.engine.status.cached_reads import CachedReads
from bot.engine.status.modal_options import Search
from bot.errors import PermanentError, TemporaryError
from bot.ports import Choices
from tests.engine.hanging import Hanging
from tests.fakes.directory import ENGINEER, member
from tests.fakes.process import Process
from tests.fakes.world import World

NAMES = ("prod_nightly_20260105_020000", "prod_manual_20260104_020000", "prod_nightly_20260103_020000")


@pytest.fixture
def full(world: World) -> World:
    for name in NAMES:
        parsed = BackupName.parse(name)
        assert parsed is not None
        world.store.backups.append(
            Backup(parsed, StoredObject(f"{name}.tar.gz", 100), _manifest(parsed), signature=SignatureState.VALID)
        )
    return world


def _manifest(name: BackupName) -> Manifest:
    return Manifest(1, str(name), "prod", name.label, name.created_at, "v1.2.3", 26, 180006, "18.6", (), ())


def choose(world: World, text: str = "") -> Choices:
    return Operations(world.services(Process("one"))).choices(ENGINEER, "prod", text)


def versions(choices: Choices) -> list[int]:
    return [script.version for script in choices.undoable]


def names(choices: Choices) -> list[str]:
    return [str(backup.name) for backup in choices.backups]


def test_everything_there_is_newest_first(full: World) -> None:
    choices = choose(full)
    assert versions(choices) == [27, 26, 25]  # 024 has no script: no chain gets past it
    assert names(choices) == list(NAMES)
    assert choices.latest is not None
    assert str(choices.latest.name) == NAMES[0]
    assert (choices.problems, choices.at) == ((), full.clock.now())


@pytest.mark.parametrize(
    ("text", "migrations", "backups", "latest"),
    [
        ("27", [27], [], False),
        ("FLAGS", [27], [], False),
        ("no reports", [25], [], False),
        ("night", [], [NAMES[0], NAMES[2]], True),
        ("manual", [], [NAMES[1]], False),
        ("latest", [], [], True),
        ("nothing", [], [], False),
        ("x" * 5000, [], [], False),
    ],
)
def test_the_lists_are_narrowed(full: World, text: str, migrations: object, backups: object, latest: object) -> None:
    choices = choose(full, text)
    assert (versions(choices), names(choices), choices.latest is not None) == (migrations, backups, latest)


def test_latest_is_what_a_restore_of_it_would_take(full: World) -> None:
    failed = Verification(2, full.clock.now(), "physioflow.dump cannot be read")
    full.store.backups[0] = replace(full.store.backups[0], verified=failed)
    choices = choose(full)
    assert choices.latest is not None
    assert choices.latest.name == choose_backup(full.services(Process("one")).env("prod"), "latest").name
    assert (str(choices.latest.name), choices.problems) == (NAMES[1], ())


def test_where_nothing_can_be_restored_there_is_no_latest(full: World) -> None:
    full.store.backups[:] = [
        replace(backup, manifest=None, signature=SignatureState.UNSIGNED) for backup in full.store.backups
    ]
    choices = choose(full)
    assert (choices.latest, names(choices)) == (None, list(NAMES))
    (problem,) = choices.problems
    assert problem.startswith("There is no latest: None of the newest 3 backups of prod is one that Backstop made ")


def test_a_chain_ends_at_the_first_missing_script(full: World) -> None:
    del full.scripts.scripts[26]
    assert versions(choose(full)) == [27]


def test_an_invalid_script_hides_no_backup(full: World) -> None:
    full.scripts.invalid = True
    choices = choose(full)
    assert (versions(choices), names(choices)) == ([], list(NAMES))
    (problem,) = choices.problems
    assert problem.startswith("Migrations cannot be listed: invalid-script: 027_feature_flags.sql, line 3")


def test_an_unknown_environment_is_refused(world: World) -> None:
    with pytest.raises(PermanentError, match="unknown-environment"):
        Operations(world.services(Process("one"))).choices(ENGINEER, "qa", "")


def test_a_guest_is_offered_nothing(full: World) -> None:
    full.directory.people["U0GUEST"] = replace(member("U0GUEST"), guest=True)
    with pytest.raises(PermanentError, match="not-a-member"):
        Operations(full.services(Process("one"))).choices("U0GUEST", "prod", "")


def test_who_has_been_looked_up_recently_needs_no_slack(full: World) -> None:
    operations = Operations(full.services(Process("one")))
    operations.choices(ENGINEER, "prod", "")
    full.directory.unreachable.add(ENGINEER)
    assert versions(operations.choices(ENGINEER, "prod", "")) == [27, 26, 25]
    full.clock.sleep(MEMBER_FOR_S)
    with pytest.raises(TemporaryError, match="lookup-failed"):
        operations.choices(ENGINEER, "prod", "")


def test_a_run_at_work_says_so(full: World) -> None:
    full.database.open = False
    choices = choose(full)
    assert versions(choices) == []
    assert choices.problems == (
        "Migrations cannot be listed: database-closed: The database of prod is closed; a run may be at work on it.",
    )


@pytest.fixture
def hanging() -> Iterator[Hanging]:
    port = Hanging()
    yield port
    port.released.set()


@pytest.mark.parametrize("slow", ["database", "store"])
def test_what_hangs_is_said_to_be_missing_and_the_rest_is_there(full: World, hanging: Hanging, slow: str) -> None:
    services = _with(full.services(Process("one")), **{slow: hanging})
    choices = modal_options.choices(
        services, CachedReads(full.clock), Readers(), Search(ENGINEER, "prod", ""), timeout_s=0.3
    )
    assert (versions(choices), names(choices)) == (([], list(NAMES)) if slow == "database" else ([27, 26, 25], []))
    assert [problem.rpartition(": ")[2] for problem in choices.problems] == ["It did not answer in time."]


def _with(services: Services, **ports: Any) -> Services:
    return replace(services, envs={"prod": replace(services.envs["prod"], **ports)})


def test_it_fits_slack_s_three_seconds() -> None:
    assert modal_options.TIMEOUT_S < 2.0


def test_looking_changes_nothing(full: World) -> None:
    before = (dict(full.database.tracking), list(full.store.backups), dict(full.journal.requests.kept))
    choose(full)
    assert (dict(full.database.tracking), list(full.store.backups), dict(full.journal.requests.kept)) == before
