"""Plans what a restore and its undo have in common: another database takes the live one's place."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

from bot.domain.backups import TableContent
from bot.domain.catalogue import TableSize
from bot.domain.planned import PlannedLoss, PlannedRestore
from bot.domain.plans import RestorePlan, UndoSwapPlan
from bot.domain.versions import AppVersion
from bot.planning.app_version import running_app
from bot.planning.estimate import swap_estimate
from bot.planning.facts import Exchange, Facts
from bot.planning.rollback import planned_service, planned_workload
from bot.planning.warnings import environment_warnings, slot_warnings

S = TypeVar("S", RestorePlan, UndoSwapPlan)
NOTHING_KNOWN = (
    "The bundle has no manifest, so nobody can say beforehand which rows go. The replaced database is kept whole."
)


def find_losses(now: Iterable[TableSize], then: Iterable[TableContent]) -> tuple[PlannedLoss, ...]:
    """Find the tables that will have another number of rows: those that go first, then those that lose most.

    Numbers are net: of 100 rows written since and 40 deleted, 60 show, and all 100 go. Extensions' tables are left out:
    `now` has none of them.
    """
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
    losses = find_losses(exchange.sizes, exchange.tables) if exchange.tables is not None else ()
    return wanted(
        environment=facts.environment.name,
        asked_for="",
        from_schema=facts.database.schema,
        to_schema=to_schema,
        from_app=str(running_app(facts)),
        to_app=str(to_app),
        workloads=tuple(planned_workload(deployment, to_app) for deployment in facts.cluster.deployments),
        services=tuple(planned_service(service) for service in facts.cluster.services),
        schema_fingerprint=exchange.live.fingerprint,
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
            compared=exchange.tables is not None,
            incoming=exchange.incoming,
            outgoing=exchange.outgoing,
            keep_s=exchange.keep_s,
        ),
        left=facts.cluster.leftovers,
    )


def _warnings(facts: Facts, exchange: Exchange) -> Iterator[str]:
    if exchange.tables is None:
        yield NOTHING_KNOWN
    yield from slot_warnings(facts)
    yield from environment_warnings(facts, "before the app is stopped")
