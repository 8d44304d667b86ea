"""Questions: status, migrations, freezing."""

from bot.domain.catalogue import DatabaseFacts
from bot.domain.workloads import ClusterFacts
from bot.engine.approvals.authorization import check_member
from bot.engine.backups.retention import kept_everywhere
from bot.engine.context import Workplace
from bot.errors import PermanentError
from bot.ports import Audience, AuditEntry, MigrationRow, Overview


def answer_status(workplace: Workplace, audience: Audience, key: str, environment: str) -> None:
    """Show runs now and lately, what is frozen, what can be undone, and every follow-up nobody has closed."""
    if environment:
        workplace.site(environment)
    names = [environment] if environment else sorted(workplace.sites)
    frozen = {name: why for name in names if (why := workplace.journal.frozen(name)) is not None}
    runs = workplace.journal.runs(environment or None)
    follow_ups = workplace.journal.open_follow_ups(environment or None)
    workplace.announcer.status(audience, key, runs, frozen, kept_everywhere(workplace, names), follow_ups)


def answer_migrations(workplace: Workplace, audience: Audience, key: str, environment: str) -> None:
    """Show schema and app version, the matrix, and every migration with its down script.

    A closed database answers nothing, and nothing is said of what it would: that people look just then is the point.
    """
    site = workplace.site(environment)
    database, cluster = site.database.inspect(), site.cluster.inspect()
    active = None if database.accepts_connections else workplace.journal.active_run(environment)
    deployment = cluster.deployment(site.environment.workloads.version_deployment)
    overview = Overview(
        environment=environment,
        schema=database.schema if database.accepts_connections else None,
        app_version=str(deployment.version or deployment.image),
        serving=is_serving(cluster),
        matrix=[str(row) for row in workplace.matrix.rows],
        rows=_rows(workplace, database),
        frozen=workplace.journal.frozen(environment),
        at=workplace.clock.now(),
        closed_by=active.id if active is not None and active.started_at is not None else "",
    )
    workplace.announcer.overview(audience, key, overview)


def _rows(workplace: Workplace, database: DatabaseFacts) -> list[MigrationRow]:
    scripts, proofs = workplace.scripts.load(), workplace.drills.script_proofs()
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


def freeze(workplace: Workplace, user_id: str, environment: str, reason: str) -> str:
    """Let nobody start a run there; any full member may.

    Raises:
        PermanentError: ``reason-missing``, ``not-a-member``.
    """
    site = workplace.site(environment)
    check_member(workplace, user_id, site.environment)
    if not reason:
        raise PermanentError("reason-missing", "A freeze needs a reason.", f"/rollback freeze {environment} REASON")
    entry = AuditEntry(user_id, "frozen", {"environment": environment, "reason": reason})
    workplace.journal.freeze(environment, user_id, reason, entry)
    return f"{environment} is frozen: nobody starts a run there until /rollback unfreeze {environment}."


def unfreeze(workplace: Workplace, user_id: str, key: str, environment: str) -> str:
    """Allow runs again. `key` is the request's: asked again by the same one, whose handler died, it says the same.

    Raises:
        PermanentError: ``not-frozen``, ``not-a-member``.
    """
    site = workplace.site(environment)
    check_member(workplace, user_id, site.environment)
    details = {"environment": environment, "request": key}
    if not workplace.journal.unfreeze(environment, AuditEntry(user_id, "unfrozen", details)):
        thawed = (event for event in workplace.journal.events("") if event.event == "unfrozen")
        if not any(event.details.get("request") == key for event in thawed):
            raise PermanentError("not-frozen", f"{environment} is not frozen.")
    return f"{environment} is open for runs again."
