"""Plans the undo of a rollback: what the chain dropped is created and loaded again."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from bot.domain.backups import Backup, Export
from bot.domain.catalogue import Catalogue
from bot.domain.effects import LARGE_OBJECTS, RowsSince
from bot.domain.migrations import DownScript
from bot.domain.planned import PlannedDrop, PlannedRecreation, PlannedRows, PlannedUndo
from bot.domain.plans import ChainPlan, UndoRollbackPlan, narrow
from bot.domain.runs import Run
from bot.domain.signing import explain_signature
from bot.domain.versions import label
from bot.errors import PermanentError
from bot.planning.app_version import choose_app_before, running_app
from bot.planning.checklist import CHAIN
from bot.planning.facts import Facts, UndoRequest
from bot.planning.forecast import recreation_estimate
from bot.planning.impact import DERIVED, TABLES
from bot.planning.kinds import is_past_return, saved_backup
from bot.planning.name_matching import COLUMN
from bot.planning.obstacles import beside_chain
from bot.planning.refusals import and_list
from bot.planning.rollback import planned_service, planned_workload
from bot.planning.warnings import environment_warnings

CONSTRAINT = "table constraint"
TRACE = "trace"
"""In the data of the chain's step: its `ChainTrace`."""
_SHOWN = 5


def check_recreatable(undone: Run, facts: Facts, live: Catalogue) -> None:
    """Refuse where the database is not as the chain left it.

    Raises:
        PermanentError: ``nothing-to-undo``, ``undo-not-exact``, ``schema-changed-since``.
    """
    plan = narrow(undone.plan, ChainPlan)
    if not is_past_return(undone):
        raise PermanentError(
            "nothing-to-undo",
            f"Run {undone.id} is {undone.state} and has changed no database.",
            "/rollback status shows what can be undone.",
        )
    if plan.undo is not None and not plan.undo.possible:
        raise PermanentError(
            "undo-not-exact",
            f"Run {undone.id} cannot be taken back, as its request said: {plan.undo.reason}",
            f"Nothing was changed. Restore what was saved before: {saved_backup(undone) or 'see its report'}.",
        )
    # decision 14: it is undone in the database it ran in, so that must still be as the chain left it.
    applied = {migration.version for migration in facts.database.applied}
    if applied != set(plan.remaining):
        raise _moved(
            undone, f"its schema is {label(facts.database.schema)}, and the chain left {label(plan.to_schema)}"
        )
    check_not_remade(plan, saved_backup(undone))
    # decision 27: people may have made an object of the same name since, and it may hold data.
    here = {(item.kind, item.identity) for item in live.objects}
    again = [drop.identity for drop in plan.drops if (drop.kind, drop.identity) in here and not drop.remade]
    if again:
        raise _moved(undone, f"{and_list(again[:_SHOWN])} {'is' if len(again) == 1 else 'are'} there again")
    if plan.expected_fingerprint not in {"", live.fingerprint}:
        raise _moved(undone, "its catalogue is not the one the chain left")


def check_not_remade(plan: ChainPlan, backup: str) -> None:
    """Refuse where the chain itself makes another object of the same name: people may have filled it since.

    Args:
        plan: of the chain.
        backup: name of its emergency backup; "" where none has been taken.

    Raises:
        PermanentError: ``undo-not-exact``.
    """
    # A materialized view's content is computed again.
    remade = [drop for drop in plan.drops if drop.remade and drop.kind not in DERIVED]
    wholes = {drop.identity for drop in remade}
    names = [drop.identity for drop in remade if drop.part_of not in wholes]
    if names:
        raise PermanentError(
            "undo-not-exact",
            f"The chain drops {and_list(names[:_SHOWN])} and makes another of the same name: what was in it cannot be "
            "put back beside what is there then.",
            f"Nothing was changed. Restore what was saved before: {backup or 'see its report'}.",
        )


def _moved(undone: Run, why: str) -> PermanentError:
    return PermanentError(
        "schema-changed-since",
        f"The database of {undone.environment} is not as run {undone.id} left it: {why}.",
        "Take back what was done since, the newest first, then ask again. "
        f"Or restore what was saved before the chain: {saved_backup(undone) or 'no backup was noted'}.",
    )


def check_saved(undone: Run, backup: Backup | None, export: Export | None) -> Backup:
    """Return the bundle saved before the chain, or refuse where it or the saved rows are gone.

    Raises:
        PermanentError: ``undo-expired``, ``bundle-unsigned``.
    """
    missing = [f"its emergency backup {saved_backup(undone)}".rstrip()] if backup is None else []
    missing += ["its saved rows"] if narrow(undone.plan, ChainPlan).rows and export is None else []
    if backup is None or missing:
        raise PermanentError(
            "undo-expired",
            f"What run {undone.id} saved is no longer in {undone.plan.saves_to}: {and_list(missing)}.",
            f"Restore a backup instead: /backups {undone.environment} lists them.",
        )
    if not backup.is_signed:
        # decision 44: its statements are run in the live database, and nobody is asked about each of them.
        raise PermanentError(
            "bundle-unsigned",
            f"{backup.name}, the emergency backup of run {undone.id}, {explain_signature(backup.signature)}: nothing "
            "shows that it is what Backstop saved.",
            f"Nothing was changed. If you vouch for it: backstop bundles sign {undone.environment} {backup.name}, on a "
            "machine with the key.",
        )
    return backup


def refilled_columns(plan: ChainPlan) -> frozenset[tuple[str, str]]:
    """List (table, column) that a chain dropped of tables that stayed."""
    return frozenset((drop.part_of, drop.identity.removeprefix(f"{drop.part_of}.")) for drop in _lost(plan, COLUMN))


def lost_constraints(plan: ChainPlan) -> frozenset[tuple[str, str]]:
    """List (table, constraint) that a chain dropped of tables that stayed."""
    lost = _lost(plan, CONSTRAINT)
    return frozenset((drop.part_of, drop.identity.removesuffix(f" on {drop.part_of}")) for drop in lost)


def _lost(plan: ChainPlan, kind: str) -> list[PlannedDrop]:
    """List the parts of that kind that went while their table stayed."""
    gone = {drop.identity for drop in plan.drops}
    return [drop for drop in plan.drops if drop.kind == kind and drop.part_of not in gone]


def reloaded_relations(plan: ChainPlan) -> frozenset[str]:
    """List the tables that a chain dropped, rows and all."""
    return frozenset(drop.identity for drop in plan.drops if drop.kind in TABLES)


def saved_tables(plan: ChainPlan, chain: Iterable[DownScript]) -> frozenset[str]:
    """List the relations whose rows are saved: those that go, those that change, and the tables of dropped columns.

    Large objects are saved, all of them, where a script of the chain calls a function that changes some.
    """
    tables = {row.table.rpartition(".")[0] if row.reason == "column" else row.table for row in plan.rows}
    return frozenset(tables | ({LARGE_OBJECTS} if writes_large_objects(chain) else set()))


def writes_large_objects(chain: Iterable[DownScript]) -> bool:
    """Tell if a script calls a function that changes large objects."""
    return any(statement.writes_large_objects for script in chain for statement in script.statements)


def plan_undo_of(
    plan: ChainPlan, elapsed_s: float, without_key: Sequence[str], made: Sequence[str] = ()
) -> PlannedUndo:
    """Plan the way back of a chain whose undo led back in the rehearsal.

    Args:
        plan: of the chain.
        elapsed_s: seconds that the undo took without rows.
        without_key: tables that stay, whose rows change and that have no primary key.
        made: tables and columns that the chain makes.
    """
    down_s = recreation_estimate(0, 0, plan.rows).downtime_s + elapsed_s
    limits = []
    if without_key:
        names = and_list(without_key[:_SHOWN])
        limits.append(f"Nobody may write to {names} until then: without a primary key, rows cannot be matched.")
    if made:
        limits.append(
            f"Nobody may write to {and_list(made[:_SHOWN])} until then: the scripts make it, the undo drops it."
        )
    return PlannedUndo(down_s=down_s, limits=tuple(limits))


def plan_recreation(
    request: UndoRequest, facts: Facts, undone: Run, live: Catalogue, backup: Backup, export: Export | None
) -> UndoRollbackPlan:
    """Make the plan that people vote on; the app goes back to what served before, where that fits.

    Raises:
        PermanentError: every reference of `choose_app`.
    """
    plan = narrow(undone.plan, ChainPlan)
    to_app = choose_app_before(undone, facts, plan.from_schema)
    rows = tuple(_count(row, export) for row in plan.rows)
    return UndoRollbackPlan(
        environment=plan.environment,
        asked_for=request.asked_for,
        from_schema=facts.database.schema,
        to_schema=plan.from_schema,
        from_app=str(running_app(facts)),
        to_app=str(to_app),
        scripts=plan.scripts,
        remaining=tuple(sorted(plan.applied_before)),
        drops=plan.drops,
        rows=rows,
        workloads=tuple(planned_workload(deployment, to_app) for deployment in facts.cluster.deployments),
        services=tuple(planned_service(service) for service in facts.cluster.services),
        schema_fingerprint=live.fingerprint,
        expected_fingerprint=plan.schema_fingerprint,
        saves_to=facts.environment.backups.bucket,
        estimate=recreation_estimate(facts.database.size_bytes, backup.stored.size_bytes, rows),
        warnings=(
            *beside_chain(facts.obstacles),
            *(() if _has_trace(undone) else _changed(plan)),
            *environment_warnings(facts, "at the fence"),
        ),
        undoes=undone.id,
        source=PlannedRecreation(
            backup=str(backup.name),
            key=backup.stored.key,
            version_id=backup.stored.version_id,
            sha256=backup.stored.sha256,
            created_at=backup.name.created_at,
            export=export.prefix if export else "",
        ),
        left=facts.cluster.leftovers,
        place=facts.place,
    )


def _count(row: PlannedRows, export: Export | None) -> PlannedRows:
    """Count what was really saved, not what was planned."""
    saved = {table.table: table.rows for table in export.tables} if export else {}
    return replace(row, rows=saved.get(row.table, row.rows))


def written_since(tables: Sequence[RowsSince]) -> tuple[str, ...]:
    """Say what others have written since to tables whose rows come back."""
    return tuple(map(_written_since, tables))


def _written_since(item: RowsSince) -> str:
    stay = f"{item.table} has been written to since: new and changed rows ({item.written:,}) stay as they are"
    deleted = f"; of those changed or deleted ({item.touched:,}), the deleted ones come back"
    return f"{stay}{deleted if item.touched else ''}."


def _has_trace(undone: Run) -> bool:
    return any(step.key == CHAIN and step.data.get(TRACE) for step in undone.steps)


def _changed(plan: ChainPlan) -> tuple[str, ...]:
    tables = [row.table for row in plan.rows if row.reason == "changed"]
    if not tables:
        return ()
    return (
        f"Of {and_list(tables)}, rows that the scripts deleted come back; rows that they changed stay as they are now.",
    )


def completed_tables(plan: ChainPlan) -> frozenset[str]:
    """List the tables that stayed and of which the scripts deleted or changed rows."""
    return frozenset(row.table for row in plan.rows if row.reason == "changed")
