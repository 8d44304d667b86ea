"""The undo of a rollback as people ask for it, and faults in its outcome."""

from bot.domain.runs import Run, RunState
from tests.engine.story import Story, steps, traffic_faults
from tests.fakes.directory import LEAD_A, LEAD_B
from tests.fakes.world import World


def newest(world: World) -> Run:
    return list(world.journal.runs.table.values())[-1]


def ask(story: Story, run_id: str) -> None:
    story.do(story.world.request("undo", run_id=run_id))


def approve(story: Story) -> Run:
    for user in (LEAD_A, LEAD_B):
        story.world.clock.sleep(1.0)
        run = newest(story.world)
        ts = f"request:{run.id}:{run.plan.short_digest}"
        words = {"choice": "approve", "how": "reaction", "withdraw": False}
        story.do(story.world.request("vote", user, ts=ts, **words))
    return newest(story.world)


def undo(story: Story, run_id: str) -> Run:
    ask(story, run_id)
    return approve(story)


def faults_in_undone(world: World) -> list[str]:
    first, run = next(iter(world.journal.runs.table.values())), newest(world)
    card, _ = world.announcer.cards[run.id]
    checks = {
        f"two runs: {len(world.journal.runs.table)}": len(world.journal.runs.table) == 2
        and run.plan.undoes == first.id,
        f"{run.state}: {run.problem}": run.state is RunState.SUCCEEDED,
        f"steps {steps(run)}": set(steps(run).values()) == {"done", "open"},
        "card": card.state is run.state and steps(card) == steps(run),
        f"recreated {world.database.recreations}": world.database.recreations == [(27,)],
        "schema": max(world.database.tracking) == 27,
        "database closed": world.database.open,
        "requests left": all(kept.finished for kept in world.journal.requests.kept.values()),
        "report": run.id in world.announcer.reports,
        "scratch left": list(world.scratch.glob("backstop-fetch-*")) == [],
        "two emergency backups": len({b.name.label for b in world.store.backups}) == 2,
    }
    return [fault for fault, good in checks.items() if not good] + traffic_faults(world, "v1.3.0")
