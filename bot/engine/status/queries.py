"""Answers `/rollback status` and `/migrations`."""

from bot.domain.catalogue import DatabaseFacts
from bot.domain.versions import label
from bot.domain.workloads import ClusterFacts
from bot.engine.backups.retention import kept_everywhere
from bot.engine.context import Services
from bot.engine.requests import ShowMigrations, ShowStatus
from bot.ports import Audience, MigrationRow, Overview


def answer_status(services: Services, audience: Audience, request: ShowStatus) -> None:
    """Show current and recent runs, freezes, what can be undone, and open follow-ups."""
    environment = request.environment
    if environment:
        services.env(environment)
    names = [environment] if environment else sorted(services.envs)
    frozen = {name: why for name in names if (why := services.journal.freezes.frozen(name)) is not None}
    runs = services.journal.runs.newest(environment or None)
    follow_ups = services.journal.runs.open_follow_ups(environment or None)
    services.answers.status(audience, runs, frozen, kept_everywhere(services, names), follow_ups)


def answer_migrations(services: Services, audience: Audience, request: ShowMigrations) -> None:
    """Show schema and app version, the matrix, and every migration with its down script.

    A closed database cannot be queried, so the answer is "unknown" instead of an error: people ask exactly then.

    Raises:
        BotError: it is gone, or its tracking table cannot be read.
    """
    environment = request.environment
    env = services.env(environment)
    database, cluster = env.database.inspect(), env.cluster.inspect()
    if database.accepts_connections:
        database.require_read()
    active = None if database.accepts_connections else services.journal.runs.active(environment)
    deployment = cluster.deployment(env.environment.workloads.version_deployment)
    overview = Overview(
        environment=environment,
        schema=database.schema if database.accepts_connections else None,
        app_version=str(deployment.version or deployment.image),
        serving=is_serving(cluster),
        matrix=[str(row) for row in services.matrix.rows],
        rows=_rows(services, database),
        faults=[error.message for error in services.scripts.faults()],
        frozen=services.journal.freezes.frozen(environment),
        at=services.clock.now(),
        closed_by=active.id if active is not None and active.started_at is not None else "",
    )
    services.answers.overview(audience, overview)


def _rows(services: Services, database: DatabaseFacts) -> list[MigrationRow]:
    scripts, proofs = services.scripts.load(), services.drills.script_proofs()
    names, known = {migration.version: migration.name for migration in database.applied}, database.accepts_connections
    rows = []
    for version in sorted({*names, *scripts}, reverse=True):
        script = scripts.get(version)
        name = names.get(version) or (script.name if script else label(version))
        proof = proofs.get(script.sha256) if script else None
        rows.append(MigrationRow(version, name, version in names if known else None, script, proof))
    return rows


def is_serving(cluster: ClusterFacts) -> bool:
    """Return whether traffic reaches ready pods of every Deployment."""
    held = any(service.held_by for service in cluster.services)
    return not held and all(deployment.ready_replicas > 0 for deployment in cluster.deployments)
