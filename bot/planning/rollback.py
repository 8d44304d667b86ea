"""Plans a migration rollback: decides the target, then, with the rehearsal's evidence, the plan."""

from bot.domain.migrations import DownScript, build_chain
from bot.domain.planned import PlannedScript, PlannedService, PlannedWorkload
from bot.domain.plans import ChainPlan
from bot.domain.versions import AppVersion
from bot.domain.workloads import HOLD_LABEL, Deployment, Service
from bot.errors import PermanentError
from bot.planning import impact
from bot.planning.app_version import choose_app, running_app
from bot.planning.drill_evidence import chain_proof, chain_warnings, check_chain_drilled
from bot.planning.facts import Evidence, Facts, RollbackRequest, Target
from bot.planning.forecast import chain_estimate
from bot.planning.obstacles import beside_chain
from bot.planning.refusals import check_environment, check_migration
from bot.planning.warnings import collect_warnings


def choose_target(request: RollbackRequest, facts: Facts) -> Target:
    """Decide the target, refusing everything that needs no rehearsal to refuse.

    Raises:
        PermanentError: every reference of `refusals` and `app_version`.
    """
    check_environment(facts, ChainPlan.kind)
    check_migration(request, facts)
    applied = tuple(migration.version for migration in facts.database.applied)
    chain = build_chain(facts.scripts, applied, request.migration)
    check_chain_drilled(facts, chain)
    left = frozenset(version for version in applied if version < request.migration)
    to_schema = max(left, default=0)
    return Target(
        chain=chain,
        from_schema=facts.database.schema,
        to_schema=to_schema,
        expected=left,
        from_app=running_app(facts),
        to_app=choose_app(request.app, facts, to_schema),
    )


def plan_rollback(request: RollbackRequest, facts: Facts, target: Target, evidence: Evidence) -> ChainPlan:
    """Make the plan that people vote on."""
    rehearsal = evidence.rehearsal
    rows = impact.lost_rows(evidence, target.chain)
    estimate = chain_estimate(facts.database.size_bytes, rows, rehearsal)
    # Where the shadow differed from the live database, nothing can be predicted of the result as a whole.
    comparable = evidence.live.fingerprint == rehearsal.before.fingerprint
    return ChainPlan(
        environment=request.environment,
        asked_for=request.asked_for,
        from_schema=target.from_schema,
        to_schema=target.to_schema,
        from_app=str(target.from_app),
        to_app=str(target.to_app),
        scripts=tuple(_script(script) for script in target.chain),
        remaining=tuple(sorted(target.expected)),
        drops=impact.dropped_objects(evidence, target.chain),
        rows=rows,
        locks=impact.lasting_locks(rehearsal),
        workloads=tuple(planned_workload(deployment, target.to_app) for deployment in facts.cluster.deployments),
        services=tuple(planned_service(service) for service in facts.cluster.services),
        schema_fingerprint=evidence.live.fingerprint,
        expected_fingerprint=rehearsal.after.fingerprint if comparable else "",
        saves_to=facts.environment.backups.bucket,
        requested_app=str(request.app or ""),
        changes=impact.changed_objects(rehearsal),
        renames=impact.renamed_objects(evidence),
        estimate=estimate,
        warnings=(
            *beside_chain(facts.obstacles, impact.count_locks(rehearsal)),
            *collect_warnings(facts, target, evidence, rows),
            *chain_warnings(facts, target.chain),
        ),
        proven=chain_proof(facts, target.chain, estimate),
        left=facts.cluster.leftovers,
        place=facts.place,
    )


def _script(script: DownScript) -> PlannedScript:
    return PlannedScript(script.version, script.name, script.sha256, script.impact, len(script.statements))


def planned_workload(deployment: Deployment, app: AppVersion) -> PlannedWorkload:
    """Plan which revision a Deployment goes back to so that it runs that version.

    Raises:
        PermanentError: ``app-not-in-history``.
    """
    # decision 28: one that a closed run left at 0 gets as many replicas as it had before that run.
    replicas = deployment.before.replicas if deployment.stopped_by and deployment.before else deployment.replicas
    if deployment.version == app:
        number = deployment.history[0].number if deployment.history else 0
        return PlannedWorkload(deployment.name, deployment.uid, deployment.image, deployment.image, replicas, number)
    revision = deployment.find_revision(app)
    if revision is None:  # the version that runs stays chosen even where another Deployment never had it
        raise PermanentError(
            "app-not-in-history",
            f"{app} is not in the rollout history of {deployment.name}.",
            f"Deploy {app} there once, or choose another version with --app.",
        )
    return PlannedWorkload(deployment.name, deployment.uid, deployment.image, revision.image, replicas, revision.number)


def planned_service(service: Service) -> PlannedService:
    """Plan the selector that a Service has when traffic returns, even where a run holds it now."""
    selector = sorted((key, value) for key, value in service.selector.items() if key != HOLD_LABEL)
    return PlannedService(service.name, service.uid, tuple(selector))
