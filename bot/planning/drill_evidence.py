"""Finds the last proof of what a plan does, and refuses or warns where it is too old.

A chain is proven script by script, by a drill that has run those very bytes. A restore is proven when the very bundle
was restored and compared. The newest bundle is usually too young for that: then a drill that has restored another
backup of the same environment counts.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta

from bot.domain.backups import Backup
from bot.domain.drills import Drill, DrillKind
from bot.domain.environments import DrillDemand
from bot.domain.migrations import DownScript
from bot.domain.planned import Estimate, Forecast, PlannedProof, Proof, ProvenScript
from bot.domain.plans import ChainPlan
from bot.errors import PermanentError
from bot.planning.facts import Drilled, Facts
from bot.planning.forecast import forecast, restore_downtimes, restore_samples, run_downtimes, run_samples
from bot.planning.refusals import and_list

_RESTORED = 3
"""The level at which a verification has restored the bundle and compared it."""
_DAY_S = 86_400
_HOUR_S = 3600
_MINUTE_S = 60
_NAMED = 4


def chain_proof(facts: Facts, chain: Sequence[DownScript], estimate: Estimate) -> PlannedProof | None:
    """Collect the proofs of a chain; None where nobody looked."""
    drilled = facts.drilled
    if drilled is None:
        return None
    own = facts.environment.name
    return PlannedProof(
        at=drilled.at,
        scripts=tuple(_proven(script, drilled) for script in chain),
        total=forecast(estimate.total_s, run_samples(drilled.runs, ChainPlan), own),
        downtime=forecast(estimate.downtime_s, run_downtimes(drilled.runs, ChainPlan), own),
    )


def restore_proof(facts: Facts, backup: Backup, restored: Drill | None, estimate: Estimate) -> PlannedProof | None:
    """Collect the proofs of a bundle and of restores; `restored` is the newest drill that passed with that bundle."""
    drilled, own = facts.drilled, facts.environment.name
    if drilled is None:
        return None
    return PlannedProof(
        at=drilled.at,
        bundle=_bundle_proof(backup, restored),
        backups=_newest(drilled, lambda drill: _restores(drill, own)),
        practice=_newest(drilled, lambda drill: drill.kind is DrillKind.RESTORE),
        total=restore_forecast(drilled, estimate.total_s, own),
        downtime=forecast(estimate.downtime_s, restore_downtimes(drilled.restores, drilled.runs), own),
    )


def restore_forecast(drilled: Drilled, estimate_s: float, environment: str) -> Forecast | None:
    """Predict from the history how long a whole restore with that estimate takes."""
    return forecast(estimate_s, restore_samples(drilled.restores, drilled.runs), environment)


def _proven(script: DownScript, drilled: Drilled) -> ProvenScript:
    found = drilled.scripts.get(script.sha256)
    if found is None:
        return ProvenScript(script.version, script.name, None)
    return ProvenScript(script.version, script.name, Proof(found.at, found.drill_id), found.reversible)


def _bundle_proof(backup: Backup, restored: Drill | None) -> Proof | None:
    found = [] if restored is None or restored.ended_at is None else [_proof_by(restored)]
    verified = backup.verified
    if verified is not None and verified.level == _RESTORED and not verified.problem:
        found.append(Proof(verified.at))
    return max(found, key=lambda proof: proof.at, default=None)


def _newest(drilled: Drilled, fits: Callable[[Drill], bool]) -> Proof | None:
    found = [_proof_by(drill) for drill in drilled.passes if drill.ended_at is not None and fits(drill)]
    return max(found, key=lambda proof: proof.at, default=None)


def _proof_by(drill: Drill) -> Proof:
    return Proof(drill.ended_at or drill.due_at, drill.id, drill.environment)


def _restores(drill: Drill, environment: str) -> bool:
    return drill.kind in {DrillKind.RESTORE, DrillKind.BUNDLE} and drill.bundle_of == environment


def check_chain_drilled(facts: Facts, chain: Sequence[DownScript]) -> None:
    """Refuse a chain whose scripts no drill has proven recently, where policy says so.

    Raises:
        PermanentError: ``drill-too-old``.
    """
    _refuse(facts, _about_chain(facts, chain))


def check_restore_drilled(facts: Facts, backup: Backup, restored: Drill | None) -> None:
    """Refuse a restore of what neither a verification nor a drill has proven recently, where policy says so.

    Raises:
        PermanentError: ``drill-too-old``.
    """
    _refuse(facts, _about_restore(facts, backup, restored))


def chain_warnings(facts: Facts, chain: Sequence[DownScript]) -> tuple[str, ...]:
    """Warn of scripts that no drill has proven recently, where policy only warns."""
    return tuple(f"{problem} {way}" for problem, way in _about_chain(facts, chain))


def restore_warnings(facts: Facts, backup: Backup, restored: Drill | None) -> tuple[str, ...]:
    """Warn of a bundle that nothing has proven recently, where policy only warns."""
    return tuple(f"{problem} {way}" for problem, way in _about_restore(facts, backup, restored))


def _refuse(facts: Facts, problems: Iterator[tuple[str, str]]) -> None:
    demand, key = facts.environment.drill_demand, f"environments.{facts.environment.name}.require_drill"
    if demand is not None and demand.blocks:
        for problem, way in problems:
            hint = f'{way} People who maintain the configuration can set {key} = "warn".'
            raise PermanentError("drill-too-old", problem, hint)


def _about_chain(facts: Facts, chain: Sequence[DownScript]) -> Iterator[tuple[str, str]]:
    """Yield a problem with the chain's proofs and the way out; nothing where all is well or nothing is demanded."""
    demand, drilled = facts.environment.drill_demand, facts.drilled
    if demand is None or drilled is None or drilled.judged_at is None:
        return
    proven = [_proven(script, drilled) for script in chain]
    stale = [script for script in proven if _is_stale(script.proof, drilled, demand)]
    if stale:
        named = [f"{script.name} {_since(script.proof, drilled)}" for script in stale[:_NAMED]]
        named += [f"{len(stale) - _NAMED} more"] if len(stale) > _NAMED else []
        yield (
            f"Not proven by a drill within the last {_long(demand.within_s)}: {and_list(named)}.",
            f"A drill proves them: /drill {drilled.grounds.get(DrillKind.MIGRATION, 'ENV')} now migration.",
        )


def _about_restore(facts: Facts, backup: Backup, restored: Drill | None) -> Iterator[tuple[str, str]]:
    demand, drilled, name = facts.environment.drill_demand, facts.drilled, facts.environment.name
    if demand is None or drilled is None or drilled.judged_at is None:
        return
    bundle = _bundle_proof(backup, restored)
    others = _newest(drilled, lambda drill: _restores(drill, name))
    if _is_stale(bundle, drilled, demand) and _is_stale(others, drilled, demand):
        problem = (
            f"Within the last {_long(demand.within_s)} neither this bundle nor any other backup of {name} was proven "
            f"to restore: {backup.name} {_since(bundle, drilled)}, others {_since(others, drilled)}."
        )
        verify = f"/backups {name} verify {backup.name} {_RESTORED}"
        yield problem, f"{verify} proves this one; a drill of kind bundle proves the newest of {name} on schedule."


def _is_stale(proof: Proof | None, drilled: Drilled, demand: DrillDemand) -> bool:
    if proof is None or drilled.judged_at is None:
        return True
    # decision 24: judged at the moment of the request. What was recent enough to be voted on is not refused for the
    # minutes that the vote took.
    return drilled.judged_at - proof.at > timedelta(seconds=demand.within_s)


def _since(proof: Proof | None, drilled: Drilled) -> str:
    if proof is None:
        return "never"
    by = f" by drill {proof.drill}" if proof.drill else ""
    return f"last {_long((drilled.at - proof.at).total_seconds())} ago{by}"


def _long(seconds: float) -> str:
    """Return ``30 days``, ``36 hours`` or ``90 minutes``."""
    for unit_s, noun in ((_DAY_S, "days"), (_HOUR_S, "hours")):
        if seconds >= 2 * unit_s:
            return f"{int(seconds // unit_s)} {noun}"
    return f"{max(0, int(seconds // _MINUTE_S))} minutes"
