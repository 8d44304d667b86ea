"""A restore in place: everything in the database is replaced in ONE transaction, and what must be true after that."""

from collections.abc import Sequence

from bot.domain.backups import Backup, TableContent
from bot.domain.versions import label
from bot.engine.comparing import compare
from bot.engine.execution import Execution
from bot.engine.steps.acceptance import accept
from bot.engine.steps.action import Action, Outcome
from bot.engine.steps.restoring import approved_backup, clear_fetched, fetch_bundle
from bot.errors import PermanentError
from bot.planning import checklist
from bot.planning.inplace import saved_in_place
from bot.ports import ReplacementOrder, Supervision

TRANSACTIONS = "transactions"
"""Key in the step's data: numbers of the transactions that were begun, each noted before anything was dropped in it."""
LACKING = "lacking"
"""Key in the step's data: privileges of the bundle that could not be given, noted before COMMIT."""
_NOTED = 10


class ReplaceContent(Action):
    """Compare with the emergency backup, empty, load, compare with the manifest. COMMIT is the point of no return."""

    key = checklist.REPLACE
    patience_s = 300.0

    def act(self, execution: Execution) -> Outcome:
        """Do it on the fenced session. Repeated after a commit, which the server remembers, it finds nothing to do.

        Raises:
            BotError: see `Fence.replace`; ``bundle-differs``, ``verification-failed``, ``emergency-backup-missing``.
        """
        begun = list(execution.data(self.key).get(TRANSACTIONS, ()))
        with execution.fenced() as session:  # whoever else had one has lost it now, so the server's word is final
            if any(execution.site.database.was_committed(transaction) for transaction in begun):
                clear_fetched(execution)
                return Outcome(f"committed already, as the server itself says{_tell_lacking(execution)}")
            # A process that took over has nothing on disk, and fetches it again while the app is down.
            bundle = execution.bundle or fetch_bundle(execution, self.key)
            backup, saved = approved_backup(execution), _saved(execution)
            restore_point = execution.site.database.mark_restore_point(f"backstop_{execution.run.id}")
            execution.check()
            replaced = session.replace(bundle, _order(execution, saved), self._watch(execution, backup, begun))
        execution.audit(
            "content-replaced", bundle=str(backup.name), saved_as=str(saved.name), restore_point=restore_point
        )
        clear_fetched(execution)
        return Outcome(
            f"{replaced.rows:,} rows of {replaced.tables} tables equal to the manifest, in {replaced.elapsed_s:.1f} s, "
            f"one transaction; the old content is in {saved.name}{_tell_lacking(execution)}",
        )

    def _watch(self, execution: Execution, backup: Backup, begun: Sequence[str]) -> Supervision:
        def began(transaction: str) -> None:
            execution.must_own()
            execution.remember(self.key, {TRANSACTIONS: [*begun, transaction]})

        def judge(tables: Sequence[TableContent], schema: int) -> None:
            compare(backup, tables)
            wanted = execution.run.plan.to_schema
            if schema != wanted:
                raise PermanentError(
                    "verification-failed",
                    f"The bundle has schema {label(schema)}, planned was {label(wanted)}.",
                    "It was rolled back; the old content is as it was. Verify the bundle: its manifest may be wrong.",
                )

        def lacking(lines: Sequence[str]) -> None:
            execution.remember(self.key, {**execution.data(self.key), LACKING: list(lines)})

        return Supervision(began, judge, execution.reporter(self.key), execution.may_commit, lacking)


def _tell_lacking(execution: Execution) -> str:
    """Say in the thread which privileges could not be given; gives the rest of the step's own line."""
    lines = list(execution.data(checklist.REPLACE).get(LACKING, ()))
    if not lines:
        return ""
    more = f"; and {len(lines) - _NOTED} more" if len(lines) > _NOTED else ""
    execution.note("lacking-privileges", f"Could not be granted as in the bundle: {'; '.join(lines[:_NOTED])}{more}")
    return "; not all privileges of the bundle could be given, see the thread"


def _saved(execution: Execution) -> Backup:
    """Find the run's emergency backup in the bucket: without it nothing is dropped.

    Raises:
        PermanentError: ``emergency-backup-missing``.
    """
    name = saved_in_place(execution.run)
    found = execution.site.store.find(name) if name else None
    if found is None or found.manifest is None:
        raise PermanentError(
            "emergency-backup-missing",
            f"The emergency backup {name or 'of this run'} is not in the bucket, so nothing was dropped.",
            "The database is as it was. Look into the bucket, then ask for the restore again.",
        )
    return found


def _order(execution: Execution, saved: Backup) -> ReplacementOrder:
    return ReplacementOrder(
        saved=saved.manifest.tables if saved.manifest else (),
        uncounted=str(execution.data(checklist.BACKUP).get("uncounted", "")),
        fingerprint=execution.run.plan.schema_fingerprint,
    )


class VerifyReplaced(Action):
    """Connect anew, as the app will, and look."""

    key = checklist.VERIFY_REPLACED

    def act(self, execution: Execution) -> Outcome:
        """Open the database; compare the schema; run the environment's SQL checks.

        Raises:
            PermanentError: ``verification-failed`` names what is not as planned.
        """
        execution.end_session()
        execution.site.database.reopen()
        hint = f"Traffic is still stopped. What was there before is in {saved_in_place(execution.run)}."
        return Outcome(accept(execution, hint))
