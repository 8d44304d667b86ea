"""Drills beside everything else: people's runs, cleanup, a state database that is away for a moment."""

from dataclasses import replace
from pathlib import Path

from bot.domain.drills import DrillKind, DrillState
from bot.engine.maintenance.cleanup import clean_up
from bot.errors import TemporaryError
from tests.engine.drills.drill_runs import faults_in_passed, runs
from tests.engine.drills.drill_world import DRILL_ID, Drilling
from tests.fakes.process import Process


def clean_up_staging(story: Drilling) -> None:
    """Another replica does; what is in production's database is not this fake's to know."""
    services = story.world.services(Process("another"))
    clean_up(replace(services, envs={"staging": services.env("staging")}))


def test_a_database_that_could_not_be_dropped_is_dropped_later(tmp_path: Path) -> None:
    story = Drilling(tmp_path, kind=DrillKind.MIGRATION)
    story.process.faults["sides.drop"] = [TemporaryError("database-unreachable", "It is away.")] * 9
    drill = story.perform()
    assert drill.problem.startswith("database-unreachable: ")
    assert list(story.sides.databases) == [story.sides.name("side", DRILL_ID)]
    another = story.sides.name("side", "rk3f9a")
    story.sides.databases[another] = ()
    clean_up_staging(story)
    assert list(story.sides.databases) == [another]


def test_nothing_of_a_drill_under_way_is_cleaned_up(tmp_path: Path) -> None:
    probe = Drilling(tmp_path, kind=DrillKind.MIGRATION)
    probe.perform()
    story = Drilling(tmp_path, kind=DrillKind.MIGRATION)
    loaded = probe.process.calls.index("sides.load") + 1
    for number in range(loaded, len(probe.process.calls)):
        story.process.after_call[number] = lambda: clean_up_staging(story)
    story.perform()
    assert faults_in_passed(story, DrillKind.MIGRATION) == []


def test_a_real_rollback_goes_first(tmp_path: Path) -> None:
    story = Drilling(tmp_path)
    words = {"app": "", "reason": "why", "asked_for": "/rollback staging 027"}
    story.do(story.world.request("rollback", environment="staging", migration="027", **words))
    (run,) = runs(story)
    drill = story.perform()
    assert drill.state is DrillState.PLANNED  # it waits
    assert not [b for b in story.world.store.backups if DRILL_ID in b.name.label]
    assert runs(story) == [run]


def test_people_hear_that_a_drill_holds_the_environment(tmp_path: Path) -> None:
    story = Drilling(tmp_path)
    story.world.cluster.unhealthy.add("api")
    story.perform()
    words = {"app": "", "reason": "why", "asked_for": "/rollback staging 027"}
    story.do(story.world.request("rollback", environment="staging", migration="027", **words))
    (refused,) = [error for _, error in story.world.announcer.refusals.values()]
    assert refused.reference == "another-run-active"
    assert f"asked for by drill {DRILL_ID}" in refused.message


def test_a_book_that_is_away_for_a_moment_is_waited_for(tmp_path: Path) -> None:
    story = Drilling(tmp_path, kind=DrillKind.BUNDLE)
    away = TemporaryError("journal-unreachable", "It is away.")
    story.process.faults |= {"drills.begin": [away], "drills.record": [None, away, away], "drills.finish": [away]}
    story.process.faults["announcer.drill"] = [away, None, away]
    story.perform()
    assert faults_in_passed(story, DrillKind.BUNDLE) == []


def test_an_owner_replaced_between_two_attempts_touches_nothing(tmp_path: Path) -> None:
    story = Drilling(tmp_path, kind=DrillKind.BUNDLE)
    away = TemporaryError("database-unreachable", "It is away.")
    story.process.faults["sides.load"] = [away]
    probe = Drilling(tmp_path, kind=DrillKind.BUNDLE)
    probe.perform()
    number = probe.process.calls.index("sides.load") + 1
    story.process.at_call[number] = story.take_over
    story.perform()
    assert story.process.calls[number - 1 :] == ["sides.load", "journal.leases.renew", "drills.drill"]
