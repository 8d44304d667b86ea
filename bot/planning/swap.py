"""What a restore and an undo have in common: another database takes the live one's place."""

from collections.abc import Iterable, Iterator

from bot.domain.backups import TableContent
from bot.domain.catalogue import TableSize
from bot.domain.plans import Estimate, Plan, PlanKind, PlannedLoss, PlannedRestore
from bot.domain.versions import AppVersion
from bot.planning.app_version import running_app
from bot.planning.facts import Exchange, Facts
from bot.planning.rollback import planned_service, planned_workload
from bot.planning.warnings import environment_warnings, slot_warnings


def losses_of(now: Iterable[TableSize], then: Iterable[TableContent]) -> tuple[PlannedLoss, ...]:
    """Tables that will have another number of rows, those that lose most first; tables that go before those.

    Net numbers: of 100 rows written since and 40 deleted, 60 are left to see, and all 100 go. Extensions' are left out:
    `now` has none, and their rows may be more than those that are the database's own.
    """
    come = {content.table: content.rows for content in then if not content.of_extension}
    here = {size.table: size.rows for size in now}
    found = [
        PlannedLoss(table, here.get(table, 0), come.get(table, 0), gone=table not in come)
        for table in {*here, *come}
        if table not in come or here.get(table, 0) != come[table]
    ]
    return tuple(sorted(found, key=lambda loss: (not loss.gone, loss.rows_then - loss.rows_now, loss.table)))


NOTHING_KNOWN = (
    "The bundle has no manifest, so nobody can say beforehand which rows go. The replaced database is kept whole."
)


def plan_swap(kind: PlanKind, facts: Facts, exchange: Exchange, to_schema: int, to_app: AppVersion) -> Plan:
    """Make the plan of a swap, without what only a restore or only an undo can say."""
    losses = losses_of(exchange.sizes, exchange.tables) if exchange.tables is not None else ()
    return Plan(
        kind=kind,
        environment=facts.environment.name,
        asked_for="",
        from_schema=facts.database.schema,
        to_schema=to_schema,
        from_app=str(running_app(facts)),
        to_app=str(to_app),
        scripts=(),
        remaining=(),
        drops=(),
        rows=(),
        locks=(),
        workloads=tuple(planned_workload(deployment, to_app) for deployment in facts.cluster.deployments),
        services=tuple(planned_service(service) for service in facts.cluster.services),
        schema_fingerprint=exchange.live.fingerprint,
        expected_fingerprint="",
        saves_to=facts.environment.backups.bucket,
        wished_app="",
        estimate=Estimate(0.0, 0.0),
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
