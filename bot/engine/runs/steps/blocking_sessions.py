"""Refuses a swap that sessions or prepared transactions would block, while the app still serves."""

from collections.abc import Sequence

from bot.domain.catalogue import DatabaseFacts, Session
from bot.engine.runs.execution import Execution
from bot.errors import PermanentError
from bot.planning.kinds import KINDS
from bot.planning.refusals import and_list

PATIENCE_S = 10.0
"""A superuser that only looks in, as a monitoring tool does, is gone by then."""
POLL_S = 0.5
MAX_NAMED = 3


def check_blocking_sessions(execution: Execution) -> None:
    """Refuse what cannot be ended later, before anything of the app is stopped.

    Raises:
        PermanentError: ``prepared-transaction``, ``session-cannot-be-ended``.
    """
    if not KINDS[execution.run.plan.kind].swaps:
        return
    clock = execution.services.clock
    deadline = clock.monotonic() + PATIENCE_S
    while True:
        facts = execution.env.database.inspect()
        problem = _problem(facts)
        if problem is None:
            return
        if facts.prepared or clock.monotonic() >= deadline:
            raise problem
        execution.check()
        clock.sleep(POLL_S)


def _problem(facts: DatabaseFacts) -> PermanentError | None:
    if facts.prepared:
        return _prepared(facts.prepared)
    stuck = [] if facts.is_superuser else [session for session in facts.sessions if session.superuser]
    return _cannot_end(stuck) if stuck else None


def _prepared(found: Sequence[str]) -> PermanentError:
    named = and_list([repr(gid) for gid in found[:MAX_NAMED]])
    return PermanentError(
        "prepared-transaction",
        f"A prepared transaction would keep the restore from its end: {named}.",
        "The app was not stopped. Have its owner COMMIT PREPARED or ROLLBACK PREPARED it, then try again.",
    )


def _cannot_end(stuck: Sequence[Session]) -> PermanentError:
    named = and_list([str(session) for session in stuck[:MAX_NAMED]])
    return PermanentError(
        "session-cannot-be-ended",
        f"Backstop's role is not allowed to terminate a superuser's session: {named}.",
        "The app was not stopped. Have them disconnect, then try again.",
    )
