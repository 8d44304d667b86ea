"""Status and migrations, also of a database that is closed."""

from bot.domain.runs import StepState
from bot.engine.operations import Operations
from bot.errors import TemporaryError
from bot.planning import checklist
from tests.engine.refused import refused
from tests.engine.runs.reports import reported
from tests.engine.story import Story
from tests.fakes.directory import ENGINEER, LEAD_A
from tests.fakes.process import Process
from tests.fakes.sides import FakeSides
from tests.fakes.world import World, submission


def test_migrations_of_a_closed_database_are_not_called_unapplied(story: Story, world: World) -> None:
    """Somebody looks while a run holds the fence."""
    probe = Story(World(world.scratch))
    probe.roll_back()
    looked = world.request("migrations", ENGINEER, environment="prod")

    def look() -> None:
        other = Operations(world.services(Process("other")))
        other.submit(submission(looked))
        other.handle(looked.id)

    story.process.at_call[probe.process.calls.index("fence.export") + 1] = look
    run = story.roll_back()

    (overview,) = world.announcer.overviews
    assert (overview.schema, overview.closed_by) == (None, run.id)
    assert {row.applied for row in overview.rows} == {None}
    assert overview.rows != []


def test_migrations_of_a_database_somebody_has_closed_name_no_run(story: Story, world: World) -> None:
    story.ask()
    world.database.open = False
    story.do(world.request("migrations", ENGINEER, environment="prod"))
    (overview,) = world.announcer.overviews
    assert (overview.schema, overview.closed_by) == (None, "")


def test_migrations_and_status(story: Story, world: World) -> None:
    story.do(world.request("migrations", ENGINEER, environment="prod"))
    (overview,) = world.announcer.overviews
    assert [(row.version, row.applied, row.script is not None) for row in overview.rows] == [
        (27, True, True),
        (26, True, True),
        (25, True, True),
        (24, True, False),
    ]
    assert (overview.schema, overview.app_version, overview.serving) == (27, "v1.3.0", True)
    assert overview.matrix[0] == "v1.3.x needs schema 027–latest"
    run = story.roll_back()
    story.do(world.request("status", ENGINEER, environment="prod"))
    assert world.announcer.statuses == [((world.journal.runs.find(run.id),), {})]
    story.do(world.request("status", ENGINEER, environment="qa"))
    assert refused(world) == ["unknown-environment"]


class TestFollowUps:
    def test_status_lists_what_nobody_closed_however_old(self, story: Story, world: World) -> None:
        run = story.roll_back()
        story.do(world.request("status", environment=""))
        story.do(world.request("close", LEAD_A, run_id=run.id, link="https://fix.example/1"))
        story.do(world.request("status", environment="prod"))

        assert [[run.id for run in told] for told in world.announcer.follow_ups] == [[run.id], []]
        assert reported(world)[0].step(checklist.FOLLOW_UP).state is StepState.DONE
        assert reported(world)[1][-1] == "follow-up-closed"


def test_a_status_is_given_while_a_database_does_not_answer(story: Story, world: World, sides: FakeSides) -> None:
    del sides
    story.process.faults["sides.list"] = [TemporaryError("database-unreachable", "It is away.")]
    story.do(world.request("status", environment=""))
    assert world.announcer.kept == [()]


def test_a_version_only_table_and_a_script_that_cannot_be_run_are_shown(story: Story, world: World) -> None:
    world.database.tracking = dict.fromkeys((27, 26, 25, 24, 19), "")
    world.scripts.corrupt(19)
    story.do(world.request("migrations", ENGINEER, environment="prod"))
    (overview,) = world.announcer.overviews
    assert [(row.version, row.name) for row in overview.rows if row.version in {24, 19}] == [(24, "024"), (19, "019_x")]
    assert list(overview.faults) == ["019_x.sql:3: it has a NUL byte."]


def test_a_script_that_cannot_be_run_blocks_only_the_plans_that_need_it(story: Story, world: World) -> None:
    world.scripts.corrupt(25)
    story.ask("026")
    assert refused(world) == []
    story.do(world.request("cancel", run_id=world.run().id))
    story.ask("025")
    assert refused(world) == ["invalid-script"]
