"""Settings that are lawful and deserve a second look."""

from collections.abc import Iterable, Iterator

from bot.domain.drills import DrillKind, Schedule
from bot.domain.environments import Environment

_RESTORING = frozenset({DrillKind.RESTORE, DrillKind.BUNDLE})


def find_warnings(environments: Iterable[Environment]) -> Iterator[str]:
    """Name them, one sentence each, with the key's path."""
    for environment in environments:
        if environment.production:
            yield from _of_production(environment)
        yield from _of_anyone(environment)


def find_unmet_demands(environments: Iterable[Environment], drills: Iterable[Schedule]) -> Iterator[str]:
    """Name environments whose rollbacks are refused without a drill, and no drill comes round that could do."""
    scheduled = [(drill.kind, drill.source) for drill in drills]
    for environment in environments:
        demand = environment.drill_demand
        if demand is None or not demand.blocks:
            continue
        path = f"environments.{environment.name}.require_drill"
        if not any(kind == DrillKind.MIGRATION for kind, _ in scheduled):
            yield f"{path}: chains are refused without a recent drill, and no migration drill comes round."
        if not any(kind in _RESTORING and source == environment.name for kind, source in scheduled):
            yield (
                f"{path}: restores are refused without a recent proof, and no drill comes round that restores a backup "
                f"of {environment.name}; only /backups {environment.name} verify NAME 3 can prove one."
            )


def _of_production(environment: Environment) -> Iterator[str]:
    path, policy = f"environments.{environment.name}", environment.approval
    if policy.allow_requester:
        yield f"{path}.approval.allow_requester: the requester's own vote counts in production."
    if policy.quorum == 1:
        yield f"{path}.approval.quorum: one person's consent is enough in production."
    if not environment.smoke.http and not environment.smoke.sql:
        yield f"{path}.smoke: nothing is tested before traffic returns in production."


def _of_anyone(environment: Environment) -> Iterator[str]:
    policy = environment.approval
    only_people = all(approver.startswith("user:") for approver in policy.approvers)
    if only_people and not policy.allow_requester and policy.quorum == len(set(policy.approvers)):
        yield (
            f"environments.{environment.name}.approval.quorum: every approver must consent, "
            "so a request by one of them can never pass."
        )
