"""Creates and loads again what a chain dropped, and verifies that the database is as it was before the chain."""

from bot.domain.plans import UndoRollbackPlan, narrow
from bot.domain.runs import Run
from bot.domain.versions import label
from bot.engine.preview.undo_rollback import build_spec
from bot.engine.runs.execution import Execution
from bot.engine.runs.steps.load_side import clear_fetched, fetch_bundle
from bot.engine.runs.steps.run_chain import mark_once
from bot.engine.runs.steps.step import Action, Outcome
from bot.engine.runs.steps.verify import accept
from bot.errors import PermanentError
from bot.planning import checklist


class RecreateDropped(Action):
    """Bring all of it back in ONE transaction (decision 14). Its COMMIT is the point of no return."""

    key = checklist.RECREATE
    patience_s = 45.0

    def act(self, execution: Execution) -> Outcome:
        """Do it on our only session. Idempotent: after a commit it finds nothing to do.

        Raises:
            BotError: see `ExclusiveAccess.recreate`.
        """
        undone = _undone(execution)
        # A process that took over has nothing on its disk, and fetches it again while the app is down.
        bundle = execution.bundle or fetch_bundle(execution, self.key)
        exports = execution.env.store.open_export(undone.id)
        spec = build_spec(undone, exports.existing())
        restore_point = mark_once(execution, self.key)
        execution.check()
        with execution.exclusive_session() as session:
            recreated = session.recreate(bundle, spec, exports.read, execution.may_commit)
        execution.audit(
            "chain-undone",
            undone=undone.id,
            versions=[label(version) for version in sorted(spec.versions)],
            rows=sum(recreated.rows.values()),
            restore_point=restore_point,
        )
        clear_fetched(execution)
        rows = sum(recreated.rows.values())
        done = f"{recreated.statements} statements, {rows:,} rows in {recreated.elapsed_s:.2f} s, one transaction"
        how = done if recreated.statements or recreated.rows else "committed already"
        return Outcome(
            f"schema {label(execution.run.plan.to_schema)}; {how}",
            {"rows": dict(recreated.rows), "restore_point": restore_point},
        )


def _undone(execution: Execution) -> Run:
    undone = execution.services.journal.runs.find(execution.run.plan.undoes)
    if undone is None:
        raise PermanentError(
            "unknown-run",
            f"The run {execution.run.plan.undoes} that is to be undone is no longer in the journal.",
            "Nothing was changed.",
        )
    return undone


class VerifyRecreated(Action):
    """Connect as the app will, and compare with the database from before the chain."""

    key = checklist.VERIFY_RECREATED

    def act(self, execution: Execution) -> Outcome:
        """Open the database; compare schema and catalogue with what was before the chain; run the SQL checks.

        Raises:
            PermanentError: ``verification-failed`` names what is not as planned.
        """
        execution.end_session()
        database = execution.env.database
        database.reopen()
        same = database.catalogue().fingerprint == narrow(execution.run.plan, UndoRollbackPlan).expected_fingerprint
        found = () if same else ("the catalogue is not what it was before the chain",)
        hint = "Traffic is still stopped. Compare the database with the plan before anything else."
        return Outcome(f"{accept(execution, hint, found)}, catalogue as before the chain")
