"""What people try who may not: every attempt is refused with its reference, changes nothing, and is in the log."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import stamina

from bot.domain.approvals import Voter
from bot.domain.runs import Run, RunState
from tests.engine.runs.restoring import furnish
from tests.engine.story import Story
from tests.fakes.directory import ENGINEER, LEAD_A, LEAD_B, LEADS, ONCALL, member
from tests.fakes.world import CHANNEL, World

ATTACKER = "U0EVE"
NOBODYS = "rabcde"


@dataclass
class Stage:
    """A world with production as it was, the people in it, and one who attacks."""

    world: World
    story: Story

    def run(self) -> Run:
        return self.world.run()

    def be(self, person: Voter) -> None:
        self.world.directory.people[ATTACKER] = person

    def do(self, kind: str, user: str = ATTACKER, **payload: Any) -> None:
        self.story.do(self.world.request(kind, user, **payload))

    def ballot(self, user: str, run_id: str = "", digest: str = "", choice: str = "approve") -> None:
        run = self.run()
        self.story.do(self.world.ballot(user, run_id or run.id, digest or run.plan.short_digest, choice))

    def wait(self, seconds: float) -> None:
        self.world.clock.sleep(seconds)


@dataclass(frozen=True)
class Attempt:
    """Something somebody tries, and the reference of the refusal."""

    title: str
    act: Callable[[Stage], None]
    reference: str


OUTSIDERS: dict[str, dict[str, Any]] = {
    "a guest": {"guest": True},
    "a bot": {"bot": True},
    "somebody who has left": {"deleted": True},
    "a member of another workspace": {"team_id": "T0PARTNER"},
    "a stranger in a shared channel": {"stranger": True},
}
ACTS: dict[str, dict[str, Any]] = {
    "rollback": {"environment": "prod", "migration": "027", "app": "", "reason": "why", "asked_for": "/rollback"},
    "restore": {"environment": "prod", "backup": "latest", "app": "", "reason": "why", "asked_for": "/rollback"},
    "freeze": {"environment": "prod", "reason": "why"},
    "unfreeze": {"environment": "prod"},
    "take": {"environment": "prod", "label": "manual"},
    "verify": {"environment": "prod", "name": "latest", "level": 3},
}
OF_A_RUN: dict[str, dict[str, Any]] = {
    "cancel": {},
    "resume": {},
    "escalate": {},
    "close": {"link": "https://example.org"},
    "document": {"wrong": "x", "change": ""},
}


def outsider(flags: dict[str, Any], kind: str) -> Callable[[Stage], None]:
    def act(stage: Stage) -> None:
        stage.be(replace(member(ATTACKER, LEADS), **flags))
        stage.do(kind, **ACTS[kind])

    return act


def stranger_to_the_run(kind: str) -> Callable[[Stage], None]:
    def act(stage: Stage) -> None:
        stage.story.ask()
        stage.do(kind, ENGINEER, run_id=stage.run().id, **OF_A_RUN[kind])

    return act


def voter(person: Voter, how: str) -> Callable[[Stage], None]:
    def act(stage: Stage) -> None:
        stage.story.ask()
        stage.story.approve(LEAD_A)
        stage.be(person)
        if how == "button":
            stage.ballot(ATTACKER)
        else:
            stage.story.do(stage.world.vote(ATTACKER))

    return act


def requester_is_a_lead(stage: Stage) -> None:
    stage.world.directory.people[ONCALL] = member(ONCALL, LEADS)
    stage.story.ask()
    stage.story.approve(LEAD_A, ONCALL)


def with_another_run(stage: Stage) -> None:
    stage.story.ask()
    stage.story.approve(LEAD_A)
    stage.ballot(LEAD_B, run_id=NOBODYS)


def with_another_plan(digest: str) -> Callable[[Stage], None]:
    def act(stage: Stage) -> None:
        stage.story.ask()
        stage.story.approve(LEAD_A)
        stage.ballot(LEAD_B, digest=digest)

    return act


def after_the_rejection(stage: Stage) -> None:
    stage.story.ask()
    stage.story.do(stage.world.vote(LEAD_A, "reject"))
    stage.ballot(LEAD_A)
    stage.ballot(LEAD_B)


def reads_the_logs_without_votes(user: str) -> Callable[[Stage], None]:
    def act(stage: Stage) -> None:
        stage.story.ask()
        stage.do("escalate", user, run_id=stage.run().id)

    return act


def after_its_time(how: str) -> Callable[[Stage], None]:
    def act(stage: Stage) -> None:
        stage.story.ask()
        stage.story.approve(LEAD_A)
        stage.wait(stage.world.environment.approval.expires_after_s + 600)
        if how == "button":
            stage.ballot(LEAD_B)
        else:
            stage.story.do(stage.world.vote(LEAD_B))

    return act


def after_the_sweep_ended_it(stage: Stage) -> None:
    stage.story.ask()
    stage.story.approve(LEAD_A)
    stage.wait(stage.world.environment.approval.expires_after_s + 600)
    stage.story.sweep()
    stage.ballot(LEAD_B)


def after_it_was_cancelled(stage: Stage) -> None:
    stage.story.ask()
    stage.story.approve(LEAD_A)
    stage.do("cancel", ONCALL, run_id=stage.run().id)
    stage.ballot(LEAD_B)


def in_a_shared_channel(how: str) -> Callable[[Stage], None]:
    def act(stage: Stage) -> None:
        stage.story.ask()
        stage.story.approve(LEAD_A)
        stage.world.directory.shared.add(CHANNEL)
        if how == "button":
            stage.ballot(LEAD_B)
        else:
            stage.story.do(stage.world.vote(LEAD_B))

    return act


def asks_in_a_shared_channel(kind: str) -> Callable[[Stage], None]:
    def act(stage: Stage) -> None:
        stage.world.directory.shared.add(CHANNEL)
        stage.do(kind, ONCALL, **ACTS[kind])

    return act


def who_cannot_be_looked_up(stage: Stage) -> None:
    stage.story.ask()
    stage.story.approve(LEAD_A)
    stage.world.directory.unreachable.add(LEAD_B)
    stage.ballot(LEAD_B)


def second_run_over_the_first(stage: Stage) -> None:
    stage.story.ask()
    stage.do("rollback", ENGINEER, **ACTS["rollback"])


def while_frozen(stage: Stage) -> None:
    stage.do("freeze", ONCALL, environment="prod", reason="auditors")
    stage.do("rollback", ENGINEER, **ACTS["rollback"])


def elsewhere(kind: str) -> Callable[[Stage], None]:
    def act(stage: Stage) -> None:
        stage.be(member(ATTACKER))
        stage.do(kind, **(ACTS[kind] | {"environment": "prod-eu"}))

    return act


def of_nobodys_run(kind: str) -> Callable[[Stage], None]:
    def act(stage: Stage) -> None:
        stage.be(member(ATTACKER))
        stage.do(kind, run_id=NOBODYS, **OF_A_RUN.get(kind, {}))

    return act


def drills(kind: str, **payload: Any) -> Callable[[Stage], None]:
    def act(stage: Stage) -> None:
        stage.be(member(ATTACKER))
        stage.do(kind, **payload)

    return act


def label(text: str) -> Callable[[Stage], None]:
    def act(stage: Stage) -> None:
        stage.be(member(ATTACKER))
        stage.do("take", environment="prod", label=text)

    return act


ATTEMPTS = [
    *(
        Attempt(f"{who} asks: {kind}", outsider(flags, kind), "not-a-member")
        for who, flags in OUTSIDERS.items()
        for kind in ACTS
    ),
    *(Attempt(f"an engineer steers another's run: {kind}", stranger_to_the_run(kind),
          "not-yours") for kind in OF_A_RUN),
    *(
        Attempt(f"{who} votes by {how}", voter(replace(member(ATTACKER, LEADS), **flags), how), "vote-refused")
        for who, flags in OUTSIDERS.items()
        for how in ("reaction", "button")
    ),
    *(
        Attempt(f"a member of {groups or 'no group'} votes by {how}", voter(member(ATTACKER, *groups), how),
              "vote-refused")
        for groups in ((), ("S0OTHERS",))
        for how in ("reaction", "button")
    ),
    Attempt("the requester, a lead, consents to their own request", requester_is_a_lead, "vote-refused"),
    Attempt("a button that names a run that is none", with_another_run, "unknown-run"),
    *(
        Attempt(f"a button for the plan {digest}", with_another_plan(digest), "vote-stale")
        for digest in ("000000000000", "zz", "%", "’ OR 1=1")
    ),
    Attempt("Approve after Reject", after_the_rejection, "vote-closed"),
    *(Attempt(f"by {how} ten minutes too late", after_its_time(how), "request-expired") for how in ("reaction",
          "button")),
    *(
        Attempt(f"{user} escalates a run that nobody has approved", reads_the_logs_without_votes(user), "not-begun")
        for user in (ONCALL, LEAD_A)
    ),
    Attempt("Approve after the request has expired", after_the_sweep_ended_it, "vote-closed"),
    Attempt("Approve after the run was cancelled", after_it_was_cancelled, "vote-closed"),
    *(Attempt(f"votes in a shared channel by {how}", in_a_shared_channel(how),
          "shared-channel") for how in ("reaction", "button")),
    *(Attempt(f"asks in a shared channel: {kind}", asks_in_a_shared_channel(kind), "shared-channel") for kind in ACTS),
    Attempt("a lead whom Slack does not know just now", who_cannot_be_looked_up, "lookup-failed"),
    Attempt("a second run of an environment", second_run_over_the_first, "another-run-active"),
    Attempt("a run while the environment is frozen", while_frozen, "environment-frozen"),
    *(Attempt(f"an environment that is none: {kind}", elsewhere(kind), "unknown-environment") for kind in ACTS),
    *(Attempt(f"a run that is none: {kind}", of_nobodys_run(kind), "unknown-run") for kind in (*OF_A_RUN, "undo",
          "salvage")),
    Attempt("a drill in production", drills("drill-now", environment="prod", drill="restore"), "drill-in-production"),
    Attempt("skips a drill that is none", drills("drill-skip", drill_id="dabcde"), "unknown-drill"),
    *(
        Attempt(f"a label that pretends to be the bot's: {text}", label(text), "label-reserved")
        for text in ("pre-rollback-rabcde", "drill-x", "test-rollback-1")
    ),
]  # fmt: skip


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    world = World(tmp_path)
    furnish(world)
    return Stage(world, Story(world))


@pytest.fixture(autouse=True)
def quick_retries() -> Any:
    with stamina.set_testing(True, attempts=4):
        yield


def production(world: World) -> tuple[object, ...]:
    """What an attempt could have changed in the world: the app, its traffic, its database, its bucket."""
    deployments = {name: (item.image, item.replicas) for name, item in world.cluster.deployments.items()}
    selectors = {name: dict(selector) for name, selector in world.cluster.services.items()}
    database = world.database
    return (
        deployments,
        selectors,
        dict(database.tracking),
        dict(database.rows),
        database.open,
        list(world.store.backups),
    )


@pytest.mark.parametrize("attempt", ATTEMPTS, ids=lambda attempt: attempt.title)
def test_it_is_refused_changes_nothing_and_is_in_the_log(stage: Stage, attempt: Attempt) -> None:
    world, before = stage.world, production(stage.world)
    attempt.act(stage)
    refusals = [error.reference for _, error in world.announcer.refusals.values()]
    assert refusals[-1:] == [attempt.reference]
    assert production(world) == before
    assert all(
        run.state is not RunState.SUCCEEDED and run.started_at is None for run in world.journal.runs.table.values()
    )
    logged = [kept.logged.details["problem"] for kept in world.journal.requests.kept.values() if kept.logged]
    assert [problem for problem in logged if problem][-1:] == [attempt.reference]


def test_no_attempt_is_here_twice() -> None:
    assert len({attempt.title for attempt in ATTEMPTS}) == len(ATTEMPTS)
