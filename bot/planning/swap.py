"""What a restore and an undo have in common: another database takes the live one's place."""

from collections.abc import Iterator

from bot.domain.plans import Estimate, Plan, PlanKind, PlannedRestore
from bot.domain.versions import AppVersion
from bot.planning.appchoice import running_app
from bot.planning.facts import Exchange, Facts
from bot.planning.losses import losses_of
from bot.planning.rollback import planned_service, planned_workload
from bot.planning.warnings import environment_warnings, slot_warnings

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
