"""Runs that the bot has not opened in the test, as if it had: signed, and in the log."""

from dataclasses import replace

from bot.domain.runs import Run, RunState
from bot.engine.approvals.signatures import sign_run, sign_step
from tests.fakes.keyring import KEYRING
from tests.fakes.world import World


def signed(run: Run) -> Run:
    """Sign a run and its steps."""
    run = sign_run(KEYRING, run)
    steps = tuple(replace(step, signature=sign_step(KEYRING, run, step)) for step in run.steps)
    return replace(run, steps=steps)


def put(world: World, run: Run) -> Run:
    """Put a signed run into the journal, and into the log what brought it there."""
    run = signed(run)
    world.journal.runs.table[run.id] = run
    world.journal.runs.ballots.setdefault(run.id, {})
    log = world.journal.audit.append
    log(run.id, run.requester, "requested", {"digest": run.plan.digest})
    if run.state is not RunState.PENDING:
        log(run.id, "backstop", "approved", {"digest": run.plan.digest})
    if any(step.attempts for step in run.steps):
        log(run.id, "backstop", "run-started", {"digest": run.plan.digest})
    return run
