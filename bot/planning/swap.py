"""Plans what swaps share, and the undo of a swap: the kept database takes its place again."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TypeVar

from bot.domain.backups import TableContent
from bot.domain.catalogue import TableSize
from bot.domain.planned import PlannedLoss, PlannedRestore
from bot.domain.plans import RestorePlan, SchemaPlan, SwapPlan, UndoSwapPlan
from bot.domain.runs import Run
from bot.domain.versions import AppVersion, label
from bot.errors import PermanentError
from bot.planning.app_version import choose_app_before, running_app
from bot.planning.facts import Exchange, Facts, UndoRequest
from bot.planning.forecast import swap_estimate
from bot.planning.kinds import is_past_return
from bot.planning.obstacles import swap_warnings
from bot.planning.refusals import check_environment
from bot.planning.rollback import planned_service, planned_workload
from bot.planning.warnings import environment_warnings, slot_warnings

S = TypeVar("S", RestorePlan, UndoSwapPlan)
NO_MANIFEST = "The bundle has no manifest, so nothing says which rows should be in it."
NOTHING_KNOWN = (
    "Nothing says which rows the bundle has, so it is unknown which go. The replaced database is kept whole."
)


def find_lost_rows(now: Iterable[TableSize], then: Iterable[TableContent]) -> tuple[PlannedLoss, ...]:
    """Find the tables that will have another number of rows: those that go first, then those that lose most.

    Numbers are net: of 100 rows written since and 40 deleted, 60 show, and all 100 go. Extensions' tables are left out:
    `now` has none of them.
    """
    # An extension's tables hold its own rows, which no backup has to bring back.
    come = {content.table: content.rows for content in then if not content.of_extension}
    here = {size.table: size.rows for size in now}
    found = [
        PlannedLoss(table, here.get(table, 0), come.get(table, 0), gone=table not in come)
        for table in {*here, *come}
        if table not in come or here.get(table, 0) != come[table]
    ]
    return tuple(sorted(found, key=lambda loss: (not loss.gone, loss.rows_then - loss.rows_now, loss.table)))


def plan_swap(wanted: type[S], facts: Facts, exchange: Exchange, to_schema: int, to_app: AppVersion) -> S:
    """Make the plan of a swap, without what only a restore or only its undo knows."""
    compared = exchange.tables is not None and not exchange.unseen
    losses = find_lost_rows(exchange.sizes, exchange.tables or ()) if compared else ()
    return wanted(
        environment=facts.environment.name,
        asked_for="",
        from_schema=facts.database.schema,
        to_schema=to_schema,
        from_app=str(running_app(facts)),
        to_app=str(to_app),
        workloads=tuple(planned_workload(deployment, to_app) for deployment in facts.cluster.deployments),
        services=tuple(planned_service(service) for service in facts.cluster.services),
        schema_fingerprint=exchange.live.fingerprint if exchange.live else "",
        saves_to=facts.environment.backups.bucket,
        estimate=swap_estimate(),
        warnings=tuple(_warnings(facts, exchange)),
        restore=PlannedRestore(
            backup="",
            key="",
            version_id="",
            sha256="",
            created_at=exchange.created_at,
            verified="",
            losses=losses,
            compared=compared,
            incoming=exchange.incoming,
            outgoing=exchange.outgoing,
            keep_s=exchange.keep_s,
            found_closed=not facts.database.accepts_connections,
        ),
        left=facts.cluster.leftovers,
        place=facts.place,
    )


def _warnings(facts: Facts, exchange: Exchange) -> Iterator[str]:
    yield from _about_unseen(facts, exchange)
    if exchange.tables is None:
        yield NOTHING_KNOWN if exchange.outgoing else NO_MANIFEST
    yield from swap_warnings(facts.obstacles, exchange.outgoing)
    yield from slot_warnings(facts)
    yield from environment_warnings(facts, "before the app is stopped")


def _about_unseen(facts: Facts, exchange: Exchange) -> Iterator[str]:
    if not exchange.outgoing:
        yield (
            f"The server has no database {facts.database.name}. It is made again; nothing is there to be kept, so this "
            "run cannot be undone."
        )
        return
    for line in exchange.unseen:
        yield f"Could not be looked at: {line}"
    if not facts.database.accepts_connections:
        yield (
            f"Somebody has closed {facts.database.name}. Afterwards the new one is open; if the run stops before, the "
            "old one stays closed."
        )


def check_undoable(run: Run) -> str:
    """Return the name of the database that a run has put aside.

    Raises:
        PermanentError: ``undo-not-available`` where an undo was of a chain; ``nothing-to-undo`` where nothing was
            swapped; ``nothing-kept`` where there was nothing to put aside.
    """
    committed = is_past_return(run)
    if committed and isinstance(run.plan, SwapPlan):
        if not run.plan.restore.outgoing:
            raise PermanentError(
                "nothing-kept",
                f"Run {run.id} put no database aside: there was none.",
                f"Restore another backup instead: /backups {run.environment} lists them.",
            )
        return run.plan.restore.outgoing
    if committed and isinstance(run.plan, SchemaPlan):
        raise PermanentError(
            "undo-not-available",
            f"Run {run.id} has itself taken run {run.plan.undoes} back.",
            f"Roll the migrations back again: /rollback {run.environment} {label(min(run.plan.versions, default=0))}.",
        )
    raise PermanentError(
        "nothing-to-undo",
        f"Run {run.id} is {run.state} and has changed no database.",
        "/rollback status shows what can be undone.",
    )


def check_kept(run: Run, kept: str, *, there: bool) -> None:
    """Refuse when that database is gone.

    Raises:
        PermanentError: ``undo-expired``.
    """
    if not there:
        raise PermanentError(
            "undo-expired",
            f"The database that run {run.id} put aside ({kept}) is gone: dropped after its time, or swapped back.",
            f"Restore a backup instead: /backups {run.environment} lists them.",
        )


def plan_undo(request: UndoRequest, facts: Facts, undone: Run, to_schema: int, exchange: Exchange) -> UndoSwapPlan:
    """Make the plan that people vote on; the app goes back to what served before, where that fits.

    Raises:
        PermanentError: every reference of `check_environment` and `choose_app`.
    """
    check_environment(facts, UndoSwapPlan.kind)
    to_app = choose_app_before(undone, facts, to_schema)
    plan = plan_swap(UndoSwapPlan, facts, exchange, to_schema, to_app)
    return replace(plan, asked_for=request.asked_for, undoes=undone.id)
