"""The Home tab: who sees it, what it shows, when it is shown anew."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from bot.domain.approvals import Choice, Vote
from bot.domain.backups import Backup, BackupName, StoredObject, Verification
from bot.domain.drills import DrillKind
from bot.domain.runs import RunState
from bot.domain.signing import SignatureState
from bot.engine.approvals.authorization import MEMBER_FOR_S
from bot.engine.context import Services
from bot.engine.status import home
from bot.engine.status.cached_reads import CachedReads
from bot.engine.status.home import HomeKeeper
from bot.errors import BotError, PermanentError, TemporaryError
from bot.ports import EnvironmentSummary, HomeFacts
from bot.ports.journal import Verdict
from tests.drills import drill_of
from tests.engine.hanging import Hanging
from tests.engine.story import Story
from tests.fakes.directory import ENGINEER, HOME, LEAD_A, ONCALL, member
from tests.fakes.process import Process
from tests.fakes.sides import FakeSides
from tests.fakes.world import World

NOON_BUNDLE, OLD_BUNDLE = "prod_nightly_20260301_020000", "prod_nightly_20260225_020000"


def shown(world: World, user: str = ENGINEER) -> EnvironmentSummary:
    """Production, on somebody's tab as it is now."""
    facts = world.announcer.homes[user][-1]
    assert isinstance(facts, HomeFacts), facts
    return facts.environments[0]


def times(world: World, user: str = ENGINEER) -> int:
    return len(world.announcer.homes.get(user, []))


def put(world: World, name: str, level: int = 0, problem: str = "") -> Backup:
    parsed = BackupName.parse(name)
    assert parsed is not None
    verified = Verification(level, world.clock.now(), problem) if level else None
    world.store.backups.append(
        Backup(parsed, StoredObject(f"{name}.tar.gz", 100), None, verified, SignatureState.VALID)
    )
    return world.store.backups[-1]


def open_tab(story: Story, user: str = ENGINEER) -> None:
    story.do(story.world.request("home", user))


def test_it_shows_where_the_environment_stands(story: Story, world: World) -> None:
    newest = put(world, NOON_BUNDLE, 2)
    proven = put(world, OLD_BUNDLE, 3)
    open_tab(story)
    assert shown(world) == EnvironmentSummary(
        "prod",
        production=True,
        channel="C0INCIDENT",
        quorum=2,
        schema=27,
        app_version="v1.3.0",
        serving=True,
        newest=newest,
        proven=proven,
    )


def test_a_failed_proof_is_none(story: Story, world: World) -> None:
    put(world, NOON_BUNDLE, 3, "restored-content-differs: one row is missing")
    open_tab(story)
    assert (shown(world).newest is not None, shown(world).proven) == (True, None)


def test_it_follows_a_run_to_its_open_follow_up(story: Story, world: World) -> None:
    keeper, services = keeper_of(world)
    open_tab(story)
    assert shown(world).run is None

    story.ask()
    refresh(world, keeper, services)
    run = shown(world).run
    assert run is not None
    assert (run.state, shown(world).votes) == (RunState.PENDING, ())

    world.journal.votes.cast(run.id, world_vote(world), lambda _: Verdict(RunState.PENDING))
    refresh(world, keeper, services)
    assert [vote.user_id for vote in shown(world).votes] == [LEAD_A]

    story.approve()
    refresh(world, keeper, services)
    assert (shown(world).run, shown(world).schema) == (None, 26)
    assert [done.id for done in shown(world).follow_ups] == [run.id]

    story.do(world.request("close", ONCALL, run_id=run.id, link="https://example.org/fix"))
    refresh(world, keeper, services)
    assert shown(world).follow_ups == ()


def world_vote(world: World) -> Vote:
    return Vote(LEAD_A, Choice.APPROVE, world.run().plan.digest, "reaction", world.clock.now())


def keeper_of(world: World) -> tuple[HomeKeeper, Services]:
    services = world.services(Process("sweeper"))
    return HomeKeeper(services), services


def refresh(world: World, keeper: HomeKeeper, services: Services, after_s: float = home.MIN_REFRESH_S) -> None:
    world.clock.sleep(after_s)
    keeper.refresh(services)


def test_a_freeze_and_a_kept_database_show(world: World) -> None:
    world.sides = FakeSides(world.database, world.clock)
    world.sides.databases = {"physioflow_backstop_kept_rk3f9a": (), "physioflow_backstop_side_rk3f9b": ()}
    story = Story(world)
    story.do(world.request("freeze", ONCALL, environment="prod", reason="month's end"))
    open_tab(story)
    assert shown(world).frozen == f"<@{ONCALL}> froze prod: month's end"
    assert [(kept.name, kept.run_id) for kept in shown(world).kept] == [("physioflow_backstop_kept_rk3f9a", "rk3f9a")]


@pytest.mark.parametrize(
    "changes", [{"guest": True}, {"stranger": True}, {"bot": True}, {"deleted": True}, {"team_id": "T0PARTNER"}]
)
def test_only_full_members_see_anything(story: Story, world: World, changes: dict[str, Any]) -> None:
    world.directory.people["U0GUEST"] = replace(member("U0GUEST"), **changes)
    open_tab(story, "U0GUEST")
    (seen,) = world.announcer.homes["U0GUEST"]
    assert isinstance(seen, PermanentError)
    assert seen.reference == "not-a-member"
    assert world.announcer.refusals == {}


def test_who_cannot_be_looked_up_sees_why(story: Story, world: World) -> None:
    world.directory.unreachable.add(ENGINEER)
    open_tab(story)
    (seen,) = world.announcer.homes[ENGINEER]
    assert isinstance(seen, TemporaryError)
    world.directory.unreachable.clear()
    keeper, services = keeper_of(world)
    refresh(world, keeper, services)
    assert shown(world).schema == 27


@pytest.fixture
def hanging() -> Iterator[Hanging]:
    port = Hanging()
    yield port
    port.released.set()


@pytest.mark.parametrize(
    ("port", "problem", "missing"),
    [
        ("database", "The database does not answer", {"schema": None}),
        ("cluster", "The cluster does not answer", {"app_version": "", "serving": None}),
        ("store", "The bucket cannot be listed", {"newest": None, "proven": None}),
    ],
)
def test_an_environment_that_does_not_answer_hides_no_other(
    world: World, hanging: Hanging, port: str, problem: str, missing: dict[str, Any]
) -> None:
    put(world, NOON_BUNDLE, 3)
    services = world.services(Process("one"))
    whole = services.envs["prod"]
    staging = replace(whole.environment, name="staging", production=False)
    changes: dict[str, Any] = {"environment": staging, port: hanging}
    broken = replace(whole, **changes)
    services = replace(services, envs={"staging": broken, "prod": whole})

    facts = home.gather(services, CachedReads(world.clock), timeout_s=0.3)

    prod, other = facts.environments
    assert (prod.environment, prod.problems, other.environment) == ("prod", (), "staging")
    assert other.problems == (f"{problem}: no-answer-in-time: It did not answer in time.",)
    same = replace(prod, environment="staging", production=False, problems=other.problems)
    assert other == replace(same, **missing)


def test_a_closed_database_is_no_database_without_migrations(story: Story, world: World) -> None:
    world.database.open = False
    open_tab(story)
    assert (shown(world).schema, shown(world).problems) == (None, ())


def test_nobody_is_looked_after_until_somebody_opens_it(world: World) -> None:
    keeper, services = keeper_of(world)
    process = Process("watched")
    refresh(world, keeper, world.services(process))
    assert process.calls == ["journal.activity.visitors"]
    assert world.announcer.homes == {}
    del services


def test_it_is_refreshed_at_once_for_the_journal_and_within_a_minute_for_the_world(story: Story, world: World) -> None:
    keeper, services = keeper_of(world)
    open_tab(story)
    refresh(world, keeper, services)
    assert times(world) == 2

    world.database.tracking.pop(27)
    refresh(world, keeper, services, 30.0)
    assert times(world) == 2
    refresh(world, keeper, services, 30.0)
    assert (times(world), shown(world).schema) == (3, 26)

    world.journal.freezes.freeze("prod", ONCALL, "why")
    refresh(world, keeper, services, 1.0)
    assert times(world) == 3  # too soon: Slack would not take it
    refresh(world, keeper, services, 2.0)
    assert (times(world), shown(world).frozen is not None) == (4, True)


def test_who_has_not_come_for_a_week_is_forgotten(story: Story, world: World) -> None:
    keeper, services = keeper_of(world)
    open_tab(story)
    refresh(world, keeper, services, home.VISITED_WITHIN_S - 60)
    assert times(world) == 2
    refresh(world, keeper, services, 120)
    assert times(world) == 2


def test_who_is_no_member_any_more_loses_it(story: Story, world: World) -> None:
    keeper, services = keeper_of(world)
    open_tab(story)
    refresh(world, keeper, services)
    world.directory.people[ENGINEER] = replace(member(ENGINEER), guest=True)
    refresh(world, keeper, services, MEMBER_FOR_S + 1)
    last = world.announcer.homes[ENGINEER][-1]
    assert isinstance(last, BotError)
    assert last.reference == "not-a-member"


def test_a_look_up_that_fails_leaves_the_tab_as_it_is(story: Story, world: World) -> None:
    keeper, services = keeper_of(world)
    open_tab(story)
    world.directory.unreachable.add(ENGINEER)
    refresh(world, keeper, services)
    assert times(world) == 1
    assert services.home_team == HOME


def test_it_shows_the_newest_drill_that_was_here_or_with_backups_of_here(story: Story, world: World) -> None:
    for drill in (drill_of(3), drill_of(2, DrillKind.BUNDLE, of="prod"), drill_of(1)):
        world.drills.table[drill.id] = drill
    open_tab(story)
    last = shown(world).last_drill
    assert last is not None
    assert (last.kind, last.bundle_of) == (DrillKind.BUNDLE, "prod")
