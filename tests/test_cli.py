"""What `backstop doctor` finds."""

from dataclasses import replace
from pathlib import Path

import pytest

from bot.adapters.pgclient.tools import PgTools
from bot.cli import examine, examine_anchors
from bot.domain.obstacles import HiddenRows, Obstacles, Subscription
from bot.errors import TemporaryError
from tests.fakes.process import Process
from tests.fakes.world import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def fit(server_version: int) -> None:
    assert server_version >= 140000


def test_nothing_missing(world: World) -> None:
    problems, remarks = examine(world.services(Process("doctor")), fit)
    assert problems == []
    assert remarks == [
        "prod: backstop_prod_loader logs in, and physioflow refuses it",
        "prod: pods of the database (app=postgres): postgres-0",
    ]


def test_everything_missing_is_named_and_nothing_hides_the_rest(world: World) -> None:
    process = Process("doctor")
    world.cluster.lacking = ("patch services",)
    process.faults["database.inspect"] = [TemporaryError("database-unreachable", "It is away.", "Wait.")]
    process.faults["store.list_backups"] = [TemporaryError("bucket-unavailable", "It is away too.", "Wait.")]
    problems, _ = examine(world.services(process), fit)
    assert problems == [
        "prod: database-unreachable: It is away. Wait.",
        "prod: the cluster account is not allowed to patch services",
        "prod: bucket-unavailable: It is away too. Wait.",
    ]


def test_a_role_that_may_make_no_database_hears_what_to_grant(world: World) -> None:
    world.database.facts = replace(world.database.facts, can_create=False)
    problems, _ = examine(world.services(Process("doctor")), fit)
    assert problems == [
        (
            "prod: no-second-database: Restoring needs a database beside that of prod, and role backstop_prod may make "
            "none. Have a superuser type: ALTER ROLE backstop_prod CREATEDB;"
        )
    ]


def test_a_log_without_a_fresh_anchor_is_named(world: World) -> None:
    services = world.services(Process("doctor"))
    assert examine_anchors(services) == ([], [])
    services.journal.audit.append("", "U1", "frozen", {})
    assert examine_anchors(services) == ([], []), "an event of this minute has time"
    since = world.clock.now()
    world.clock.sleep(600)
    (problem,), _ = examine_anchors(services)
    assert problem == f"audit log: nothing was anchored since {since:%Y-%m-%d %H:%M} UTC"
    services.witness.anchor_now()
    assert examine_anchors(services) == ([], [])
    assert world.anchors.kept, "only the witness has written"


def test_a_log_that_contradicts_its_anchors_is_named(world: World) -> None:
    services = world.services(Process("doctor"))
    services.journal.audit.append("", "U1", "frozen", {})
    services.witness.anchor_now()
    world.journal.audit.log.clear()
    (problem,), _ = examine_anchors(services)
    assert problem.startswith("audit log: The log is empty, and anchor 1 saw event 1.")


def test_anchors_that_cannot_be_read_are_named(world: World) -> None:
    world.anchors.down = TemporaryError("storage-unavailable", "It is away.")
    (problem,), remarks = examine_anchors(world.services(Process("doctor")))
    assert (problem, remarks) == (
        "audit log: its anchors in witness/anchors/ cannot be read (storage-unavailable)",
        [],
    )


def test_a_loader_that_may_do_more_is_named_with_what_takes_it_away(world: World) -> None:
    powers = (("has the attribute CREATEDB", "ALTER ROLE backstop_prod_loader NOCREATEDB;"),)
    loader = replace(world.database.facts.loader, powers=powers)
    world.database.facts = replace(world.database.facts, loader=loader)
    problems, _ = examine(world.services(Process("doctor")), fit)
    assert problems == [
        (
            "prod: loader-too-powerful: Role backstop_prod_loader, which loads backups of prod, has the attribute "
            "CREATEDB. What is in a backup could do that, too. Have a superuser type: ALTER ROLE backstop_prod_loader "
            "NOCREATEDB;"
        )
    ]


def test_what_a_run_would_stop_at_and_what_a_restore_loses_is_said_before(world: World) -> None:
    apply_worker = Subscription("inbox", "postgres", is_enabled=True, is_superusers=True)
    world.database.in_the_way = Obstacles(
        hidden=(HiddenRows("public.lab", "lab", is_forced=True),),
        subscriptions=(apply_worker,),
        lost=("event trigger guard",),
    )
    problems, remarks = examine(world.services(Process("doctor")), fit)
    assert [problem.split(": ")[1] for problem in problems] == ["rows-hidden", "subscription-in-the-way"]
    assert any(remark.startswith("prod: A restore loses event trigger guard") for remark in remarks)


def test_a_deployment_of_two_environments_is_named(world: World) -> None:
    services = world.services(Process("doctor"))
    twin = replace(services.envs["prod"], environment=replace(world.environment, name="staging"))
    problems, _ = examine(replace(services, envs={**services.envs, "staging": twin}), fit)
    assert problems[0] == "staging: api belongs to prod, too; a run there would stop it here"


def test_old_client_tools_are_named_for_each_server(world: World, tmp_path: Path) -> None:
    tool = tmp_path / "pg_dump"
    tool.write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 13.9'\n")
    tool.chmod(0o755)
    problems, _ = examine(world.services(Process("doctor")), PgTools(tmp_path).check_version)
    assert [problem.partition(" Install")[0] for problem in problems] == [
        "prod: tool-too-old: pg_dump is 13.9 and the server is PostgreSQL 18."
    ]
