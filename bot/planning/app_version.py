"""Chooses the app version that serves afterwards: it must suit the schema of then."""

from bot.domain.runs import Run
from bot.domain.versions import AppVersion, label
from bot.domain.workloads import ClusterFacts, Deployment
from bot.errors import PermanentError
from bot.planning.facts import Facts
from bot.planning.refusals import and_list


def running_app(facts: Facts) -> AppVersion:
    """Read the app version that serves now, off the version Deployment's image.

    Raises:
        PermanentError: ``app-version-unreadable``.
    """
    deployment = facts.cluster.deployment(facts.environment.workloads.version_deployment)
    if deployment.version is None:
        raise PermanentError(
            "app-version-unreadable",
            f"The image of {deployment.name} carries no version: {deployment.image}.",
            "Deploy it by a tag like v1.3.0, so that the compatibility matrix can be asked.",
        )
    return deployment.version


def choose_app(requested: AppVersion | None, facts: Facts, to_schema: int) -> AppVersion:
    """Choose who serves at `to_schema`: the requested version, else the running one, else the newest available.

    The running one is kept where it can use the schema; one is available that every Deployment has in its history.

    Raises:
        PermanentError: ``app-incompatible``, ``app-not-in-history``, ``no-compatible-app``.
    """
    running = running_app(facts)
    available = available_apps(facts.cluster)
    if requested is not None:
        return _check_requested(requested, facts, to_schema, available)
    # The fewest changes at once: a version that runs and suits is not replaced by a newer one.
    if facts.matrix.suits(running, to_schema):
        return running
    chosen = facts.matrix.newest_for(to_schema, available)
    if chosen is None:
        raise _no_app(facts, to_schema, available)
    return chosen


def choose_app_before(undone: Run, facts: Facts, to_schema: int) -> AppVersion:
    """Choose what served before that run, where it can use the schema and is in the history; else as `choose_app`."""
    before = AppVersion.parse(undone.plan.from_app)
    fits = before is not None and facts.matrix.suits(before, to_schema) and before in available_apps(facts.cluster)
    return choose_app(before if fits else None, facts, to_schema)


def available_apps(cluster: ClusterFacts) -> frozenset[AppVersion]:
    """Versions that every Deployment has in its history, or runs."""
    sets = [_versions(deployment) for deployment in cluster.deployments]
    return frozenset.intersection(*sets) if sets else frozenset()


def _versions(deployment: Deployment) -> frozenset[AppVersion]:
    seen = [deployment.version, *(revision.version for revision in deployment.history)]
    return frozenset(version for version in seen if version is not None)


def _check_requested(app: AppVersion, facts: Facts, to_schema: int, available: frozenset[AppVersion]) -> AppVersion:
    if not facts.matrix.suits(app, to_schema):
        row = facts.matrix.find_row(app)
        raise PermanentError(
            "app-incompatible",
            f"{app} cannot use schema {label(to_schema)}: "
            + (f"{row}." if row else "the compatibility matrix does not know it."),
            _accepted(facts, to_schema, available),
        )
    if app not in available:
        raise PermanentError(
            "app-not-in-history",
            f"{app} is not in the rollout history of {and_list(d.name for d in facts.cluster.deployments)}.",
            _accepted(facts, to_schema, available),
        )
    return app


def _no_app(facts: Facts, to_schema: int, available: frozenset[AppVersion]) -> PermanentError:
    rows = facts.matrix.rows_for(to_schema)
    rule = and_list(str(row) for row in rows) if rows else f"no row of the matrix covers schema {label(to_schema)}"
    return PermanentError(
        "no-compatible-app",
        f"No known app version can use schema {label(to_schema)}: {rule}; the rollout history has {_names(available)}.",
        "Roll back less far, or deploy a version that can use that schema once, so that it is in the history.",
    )


def _accepted(facts: Facts, to_schema: int, available: frozenset[AppVersion]) -> str:
    good = sorted((version for version in available if facts.matrix.suits(version, to_schema)), reverse=True)
    if not good:
        return f"No version in the rollout history can use schema {label(to_schema)}; it has {_names(available)}."
    return f"Would be accepted: {and_list(f'--app {version}' for version in good)}, or leave --app out for {good[0]}."


def _names(versions: frozenset[AppVersion]) -> str:
    return and_list(str(version) for version in sorted(versions, reverse=True)) or "none"
