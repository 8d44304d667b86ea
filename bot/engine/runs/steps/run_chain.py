"""Closes the database to others, runs the down scripts in one transaction, and verifies the result."""

from collections.abc import Sequence
from dataclasses import replace

import stamina

from bot.domain.backups import TableContent
from bot.domain.catalogue import Catalogue, CheckResult, DatabaseFacts
from bot.domain.effects import LARGE_OBJECTS, PlannedEffect, planned_effect
from bot.domain.migrations import DownScript
from bot.domain.plans import ChainPlan, SchemaPlan, narrow
from bot.domain.versions import label
from bot.engine.runs.execution import Execution
from bot.engine.runs.steps.step import UNDO_PATIENCE_S, Action, Outcome
from bot.errors import PermanentError, TemporaryError
from bot.planning import checklist

_KEY = "restore_point"
_PROVEN = "proven"
"""In the chain's data: its effect and the scripts' checks were compared in its own transaction, before COMMIT."""


class TakeExclusiveAccess(Action):
    """Take exclusive access: no session but ours, until the chain has run."""

    key = checklist.EXCLUSIVE_ACCESS
    undoes = "the database is opened again"

    def act(self, execution: Execution) -> Outcome:
        """Close it, end every other session, keep one."""
        ended = len(execution.env.database.other_sessions())
        execution.session()
        return Outcome(f"{ended} sessions ended, closed to others")

    def undo(self, execution: Execution) -> str:
        """Open it again."""
        execution.end_session()
        execution.env.database.reopen()
        return "open again"


class RunChain(Action):
    """Run all down scripts in ONE transaction. Its COMMIT is the point of no return."""

    key = checklist.CHAIN
    patience_s = 45.0

    def act(self, execution: Execution) -> Outcome:
        """Run it on our only session. Idempotent: after a commit it finds nothing to do.

        Raises:
            BotError: see `ExclusiveAccess.run_chain`.
        """
        plan = _plan(execution)
        scripts = execution.services.scripts.load()
        chain = tuple(scripts[script.version] for script in plan.scripts if script.version in scripts)
        # Approved were these bytes: a script edited since the vote must not run.
        if [script.sha256 for script in chain] != [script.sha256 for script in plan.scripts]:
            raise PermanentError(
                "script-edited",
                "A down script has been edited or removed since the plan was approved.",
                "Nothing was dropped. Ask for the rollback again to have the new script rehearsed.",
            )
        restore_point = mark_once(execution, self.key)
        execution.check()
        with execution.exclusive_session() as session:
            outcome = session.run_chain(
                chain, frozenset(plan.remaining), _saved(execution), execution.may_commit, _planned(plan, chain)
            )
        execution.audit(
            "chain-committed",
            removed=[label(version) for version in outcome.removed],
            lsn=outcome.lsn,
            restore_point=restore_point,
            attempts=outcome.attempts,
        )
        took = sum(statement.elapsed_s for statement in outcome.statements)
        return Outcome(
            f"schema {label(plan.to_schema)}; {len(outcome.statements)} statements in {took:.2f} s, one transaction",
            {
                "lsn": outcome.lsn,
                "restore_point": restore_point,
                "attempts": outcome.attempts,
                # Where the answer to COMMIT was lost, this call has found the chain done, and has proven nothing.
                _PROVEN: bool(outcome.removed),
            },
        )


def has_committed(execution: Execution) -> bool:
    """Read from the tracking table if a chain, or its undo, has committed.

    Raises:
        BotError: the server does not answer; ``outcome-unknown``: it holds neither what was before nor after it.
    """
    plan, database = narrow(execution.run.plan, SchemaPlan), execution.env.database
    execution.end_session()
    # A dead owner's session, or ours whose answer was lost, may still be committing: fencing ends it, so that what the
    # table says afterwards is final.
    for attempt in stamina.retry_context(on=TemporaryError, attempts=None, timeout=UNDO_PATIENCE_S, wait_max=5.0):
        with attempt:
            # After a fail-over the new primary's table is what counts.
            approved = execution.approved_database
            database.take_exclusive_access(execution.run.id, approved and approved.without_timeline).close()
            database.reopen()
            facts = database.inspect()
            facts.require_read()
            applied = {migration.version for migration in facts.applied}
    if applied == set(plan.remaining):
        return True
    if applied == plan.applied_before:
        return False
    raise PermanentError(
        "outcome-unknown",
        "The tracking table holds neither what was before the run nor what should be after it.",
        "Look at it by hand before anything else; the emergency backup and the export are in the bucket.",
    )


def _saved(execution: Execution) -> list[TableContent]:
    """Return what the export holds; one made before hashes were kept is compared by its rows."""
    data = execution.data(checklist.EXPORT)
    hashes = {table["table"]: table.get("content_hash", "") for table in data.get("tables", ())}
    return [TableContent(table, rows, hashes.get(table, "")) for table, rows in data.get("rows", {}).items()]


def _planned(plan: ChainPlan, chain: Sequence[DownScript]) -> PlannedEffect:
    """Return the approved effect; a script that calls a function of large objects has their change approved."""
    planned = planned_effect(plan)
    named = any(statement.writes_large_objects for script in chain for statement in script.statements)
    return replace(planned, written=planned.written | {LARGE_OBJECTS}) if named else planned


class VerifySchema(Action):
    """Connect as the app will, and look once more: the chain itself has compared its effect before COMMIT."""

    key = checklist.VERIFY

    def act(self, execution: Execution) -> Outcome:
        """Open the database; compare tracking rows and the catalogue, and the scripts' checks where none proves them.

        Raises:
            PermanentError: ``verification-failed`` names what is not as planned.
        """
        execution.end_session()
        database = execution.env.database
        database.reopen()
        proven = bool(execution.data(checklist.CHAIN).get(_PROVEN))
        facts, catalogue, queries = database.inspect(), database.catalogue(), _verify_queries(execution)
        failed = [] if proven else _failed_checks(database.check(queries))
        problems = [*_schema(execution, facts), *failed, *_objects(execution, catalogue)]
        if problems:
            raise PermanentError(
                "verification-failed",
                "; ".join(problems)[:250] + ".",
                "Traffic is still stopped. Compare the database with the plan before anything else.",
            )
        known = _plan(execution).expected_fingerprint
        exact = "catalogue as rehearsed" if known else "dropped objects gone, catalogue not comparable as a whole"
        true = f"{len(queries)} checks true" + (" before COMMIT" if proven else "")
        return Outcome(f"schema {label(facts.schema)}, {exact}, {true}")


def _plan(execution: Execution) -> ChainPlan:
    return narrow(execution.run.plan, ChainPlan)


def _schema(execution: Execution, facts: DatabaseFacts) -> list[str]:
    planned = execution.run.plan.to_schema
    return [] if facts.schema == planned else [f"schema is {label(facts.schema)}, planned was {label(planned)}"]


def _verify_queries(execution: Execution) -> list[str]:
    scripts = execution.services.scripts.load()
    planned = [scripts[script.version] for script in _plan(execution).scripts if script.version in scripts]
    return [query for script in planned for query in script.verify]


def _failed_checks(results: Sequence[CheckResult]) -> list[str]:
    return [f"not true: {result.sql} {result.problem}".strip() for result in results if not result.ok]


def _objects(execution: Execution, catalogue: Catalogue) -> list[str]:
    plan = _plan(execution)
    if plan.expected_fingerprint:
        same = catalogue.fingerprint == plan.expected_fingerprint
        return [] if same else ["the catalogue is not what the rehearsal left"]
    here = {(item.kind, item.identity) for item in catalogue.objects}
    left = [drop for drop in plan.drops if not drop.remade and (drop.kind, drop.identity) in here]
    return [f"{drop.identity} is still there" for drop in left][:5]


def mark_once(execution: Execution, key: str) -> str:
    """Mark a restore point for point-in-time recovery before a step's first attempt; return its LSN.

    Raises:
        BotError: see `Database.mark_restore_point`.
        OwnershipLostError: another process has the run, or the journal stays away.
    """
    # Once only: a later attempt may come after the COMMIT.
    known = execution.data(key)
    if _KEY not in known:
        point = execution.env.database.mark_restore_point(f"backstop_{execution.run.id}")
        execution.remember(key, {**known, _KEY: point})
    return str(execution.data(key)[_KEY])
