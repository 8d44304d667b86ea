"""Questions: status, migrations, freezing."""

from bot.domain.catalogue import DatabaseFacts
from bot.domain.workloads import ClusterFacts
from bot.engine.approvals.authorization import check_member
from bot.engine.backups.retention import kept_everywhere
from bot.engine.context import Services
from bot.errors import PermanentError
from bot.ports import Audience, AuditEntry, MigrationRow, Overview


def answer_status(services: Services, audience: Audience, key: str, environment: str) -> None:
    """Show runs now and lately, what is frozen, what can be undone, and every follow-up nobody has closed."""
    if environment:
        services.env(environment)
    names = [environment] if environment else sorted(services.envs)
    frozen = {name: why for name in names if (why := services.journal.freezes.frozen(name)) is not None}
    runs = services.journal.runs.newest(environment or None)
    follow_ups = services.journal.runs.open_follow_ups(environment or None)
    services.announcer.status(audience, key, runs, frozen, kept_everywhere(services, names), follow_ups)


def answer_migrations(services: Services, audience: Audience, key: str, environment: str) -> None:
    """Show schema and app version, the matrix, and every migration with its down script.

    A closed database answers nothing, and nothing is said of what it would: that people look just then is the point.
    """
    env = services.env(environment)
    database, cluster = env.database.inspect(), env.cluster.inspect()
    active = None if database.accepts_connections else services.journal.runs.active(environment)
    deployment = cluster.deployment(env.environment.workloads.version_deployment)
    overview = Overview(
        environment=environment,
        schema=database.schema if database.accepts_connections else None,
        app_version=str(deployment.version or deployment.image),
        serving=is_serving(cluster),
        matrix=[str(row) for row in services.matrix.rows],
        rows=_rows(services, database),
        frozen=services.journal.freezes.frozen(environment),
        at=services.clock.now(),
        closed_by=active.id if active is not None and active.started_at is not None else "",
    )
    services.announcer.overview(audience, key, overview)


def _rows(services: Services, database: DatabaseFacts) -> list[MigrationRow]:
    scripts, proofs = services.scripts.load(), services.drills.script_proofs()
    names, known = {migration.version: migration.name for migration in database.applied}, database.accepts_connections
    rows = []
    for version in sorted({*names, *scripts}, reverse=True):
        script = scripts.get(version)
        name = names.get(version) or scripts[version].name
        proof = proofs.get(script.sha256) if script else None
        rows.append(MigrationRow(version, name, version in names if known else None, script, proof))
    return rows


def is_serving(cluster: ClusterFacts) -> bool:
    """Whether traffic reaches ready pods of every Deployment."""
    held = any(service.held_by for service in cluster.services)
    return not held and all(deployment.ready_replicas > 0 for deployment in cluster.deployments)


def freeze(services: Services, user_id: str, environment: str, reason: str) -> str:
    """Let nobody start a run there; any full member may.

    Raises:
        PermanentError: ``reason-missing``, ``not-a-member``.
    """
    env = services.env(environment)
    check_member(services, user_id, env.environment)
    if not reason:
        raise PermanentError("reason-missing", "A freeze needs a reason.", f"/rollback freeze {environment} REASON")
    entry = AuditEntry(user_id, "frozen", {"environment": environment, "reason": reason})
    services.journal.freezes.freeze(environment, user_id, reason, entry)
    return f"{environment} is frozen: nobody starts a run there until /rollback unfreeze {environment}."


def unfreeze(services: Services, user_id: str, key: str, environment: str) -> str:
    """Allow runs again. `key` is the request's: asked again by the same one, whose handler died, it says the same.

    Raises:
        PermanentError: ``not-frozen``, ``not-a-member``.
    """
    env = services.env(environment)
    check_member(services, user_id, env.environment)
    details = {"environment": environment, "request": key}
    if not services.journal.freezes.unfreeze(environment, AuditEntry(user_id, "unfrozen", details)):
        thawed = (event for event in services.journal.audit.events("") if event.event == "unfrozen")
        if not any(event.details.get("request") == key for event in thawed):
            raise PermanentError("not-frozen", f"{environment} is not frozen.")
    return f"{environment} is open for runs again."
