"""Swaps the two databases (the cutover), and verifies the one that serves then."""

from dataclasses import astuple

import stamina

from bot.domain.planned import PlannedRestore
from bot.engine.runs.execution import Execution
from bot.engine.runs.steps.load_side import planned
from bot.engine.runs.steps.step import UNDO_PATIENCE_S, Action, Outcome
from bot.engine.runs.steps.verify import accept
from bot.errors import PermanentError, TemporaryError
from bot.planning import checklist
from bot.ports import ExchangeState

TABLES, COUNTED_S = "tables", "counted_s"
"""Keys of what `VerifySwapped` remembers for a drill: every table with rows and hash, and the time that took."""


class SwapDatabases(Action):
    """Rename both databases in ONE transaction (decision 13). Its COMMIT is the point of no return."""

    key = checklist.SWAP
    patience_s = 45.0
    undoes = "the database is opened again"

    def act(self, execution: Execution) -> Outcome:
        """Exchange the two. Idempotent: after it has happened it finds nothing to do.

        Raises:
            BotError: see `Sides.exchange`.
        """
        come = planned(execution)
        execution.check()
        closed_s = execution.env.sides.exchange(
            come.incoming,
            come.outgoing,
            execution.may_commit,
            execution.approved_database,
            found_closed=come.found_closed,
        )
        execution.audit("databases-swapped", incoming=come.incoming, kept_as=come.outgoing, closed_s=round(closed_s, 3))
        closed = f"closed for {closed_s:.2f} s" if closed_s else "swapped already"
        return Outcome(f"{closed}; {kept_as(come)}", {"closed_s": closed_s})

    def undo(self, execution: Execution) -> str:
        """Open the database: a process that died in the swap may have left it closed.

        Raises:
            PermanentError: ``swapped-meanwhile``: the swap has committed after all.
        """
        come = planned(execution)
        if come.outgoing and not come.found_closed:
            execution.env.database.reopen()
        # Once more: a process that was thought dead may have committed after the names were read. It holds their rows
        # until then, so the reopening has waited for it.
        if execution.env.sides.state(come.incoming, come.outgoing) is ExchangeState.AFTER:
            raise PermanentError(
                "swapped-meanwhile",
                f"The swap has happened after all; {kept_as(come)}.",
                "Retry: the run goes on to its end with what was swapped in. /rollback undo takes that back.",
            )
        return "open, as before" if come.outgoing and not come.found_closed else "as it was found"


def kept_as(come: PlannedRestore) -> str:
    """Say where the database from before is, as a clause."""
    if not come.outgoing:
        return "there was no database before, so none is kept"
    return f"the database from before is kept as {come.outgoing}"


def has_swapped(execution: Execution) -> bool:
    """Read from the databases' names if the swap has committed.

    Raises:
        BotError: the server does not answer; ``outcome-unknown``: the names are neither those before nor after it.
    """
    come = planned(execution)
    for attempt in stamina.retry_context(on=TemporaryError, attempts=None, timeout=UNDO_PATIENCE_S, wait_max=5.0):
        with attempt:
            state = execution.env.sides.state(come.incoming, come.outgoing)
    if state is ExchangeState.UNKNOWN:
        raise PermanentError(
            "outcome-unknown",
            f"Of the live database, {come.incoming} and {come.outgoing or 'none kept'}, not those are there that "
            "should be.",
            "Look at the names (psql -l) before anything else; no database has been dropped.",
        )
    return state is ExchangeState.AFTER


class VerifySwapped(Action):
    """Connect as the app will, and compare the schema with the plan's."""

    key = checklist.VERIFY_SWAPPED

    def act(self, execution: Execution) -> Outcome:
        """Compare the schema; run the environment's SQL checks.

        Raises:
            PermanentError: ``verification-failed`` names what is not as planned.
        """
        detail = accept(execution, f"Traffic is still stopped, and {kept_as(planned(execution))}.")
        return self._counted(execution, detail) if execution.run.drill else Outcome(detail)

    def _counted(self, execution: Execution, detail: str) -> Outcome:
        """Count and hash every table for the drill, now that nobody writes: traffic is held."""
        clock = execution.services.clock
        begun_s = clock.monotonic()
        tables = execution.env.sides.live_contents(execution.reporter(self.key))
        data = {
            TABLES: [list(astuple(table)) for table in tables],
            COUNTED_S: clock.monotonic() - begun_s,
        }
        return Outcome(f"{detail}; every table hashed for the drill", data)
