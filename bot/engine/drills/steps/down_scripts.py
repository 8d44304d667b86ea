"""Down scripts, proven in copies of real data: each alone, up again where that can be, and all as one chain."""

from collections.abc import Mapping, Sequence
from typing import Any

from bot.domain.drills import Trial
from bot.domain.migrations import DownScript
from bot.domain.versions import label
from bot.engine.drills.execution import Exercise
from bot.engine.drills.steps import keys
from bot.engine.drills.steps.step import Stage
from bot.engine.runs.steps.step import Outcome
from bot.errors import PermanentError

_HINT = "Correct the script before somebody needs it. /migrations shows which are proven."


class RunAlone(Stage):
    """Each in what the newer ones have left, as a chain meets it."""

    key = keys.ALONE
    title = "Run every down script alone, and up again"

    def act(self, exercise: Exercise) -> Outcome:
        """Try them from the newest to the oldest that can be reached without a gap.

        Raises:
            PermanentError: ``down-script-failed`` names the script and why; ``no-down-script``.
        """
        chain, ups = _reachable(exercise), exercise.workplace.scripts.load_ups()
        orders = [(script, ups.get(script.version)) for script in chain]
        run_id, report = f"{exercise.drill.id}-{self.key}", exercise.reporter(self.key)
        trials = exercise.workplace.site(exercise.drill.environment).trials
        own = exercise.drill.bundle_of == exercise.drill.environment
        tried = trials.alone(_loaded(exercise), run_id, orders, report, privileges=own)
        data = {keys.SCRIPTS: [_entry(script, trial) for script, trial in zip(chain, tried, strict=False)]}
        failed = next((trial for trial in tried if trial.problem), None)
        if failed is not None:
            exercise.remember(self.key, data)
            raise PermanentError("down-script-failed", f"Alone, {label(failed.version)}: {failed.problem}", _HINT)
        return Outcome(_told(tried), data)


def _loaded(exercise: Exercise) -> str:
    return exercise.sides.name("side", exercise.drill.id)


def _reachable(exercise: Exercise) -> tuple[DownScript, ...]:
    """The longest chain that the scripts there are allow."""
    scripts = exercise.workplace.scripts.load()
    applied = exercise.sides.inspect(_loaded(exercise)).applied
    chain = []
    for version in sorted((migration.version for migration in applied), reverse=True):
        if version not in scripts:
            break
        chain.append(scripts[version])
    if not chain:
        newest = label(max((migration.version for migration in applied), default=0))
        raise PermanentError(
            "no-down-script", f"The bundle's newest migration is {newest}, and it has no down script.", "Write it."
        )
    return tuple(chain)


def _entry(script: DownScript, trial: Trial) -> Mapping[str, Any]:
    return {
        "version": script.version,
        "sha256": script.sha256,
        "passed": not trial.problem,
        "reversible": trial.reversible,
        "note": trial.note[:300],
    }


def _told(tried: Sequence[Trial]) -> str:
    ups = [trial for trial in tried if trial.reversible]
    odd = [f"{label(trial.version)} {trial.note}" for trial in tried if trial.note]
    notes = f". But {'; '.join(odd)}" if odd else ""
    return f"{_span(tried)}: checks true, {len(ups)} led up again to the same schema{notes}"


def _span(tried: Sequence[Trial] | Sequence[DownScript]) -> str:
    newest, oldest = label(tried[0].version), label(tried[-1].version)
    return newest if newest == oldest else f"{newest} to {oldest}"


class RunChain(Stage):
    """What `/rollback ENV` does with the oldest of them, on a copy nobody has touched."""

    key = keys.CHAIN
    title = "Run all of them as one chain"

    def act(self, exercise: Exercise) -> Outcome:
        """Run them in one transaction.

        Raises:
            PermanentError: ``down-script-failed``.
        """
        chain = _reachable(exercise)
        trials = exercise.workplace.site(exercise.drill.environment).trials
        trials.chain(_loaded(exercise), f"{exercise.drill.id}-{self.key}", chain)
        data = {keys.SCRIPTS: [{"version": script.version, "sha256": script.sha256} for script in chain]}
        return Outcome(f"{_span(chain)} in one transaction, checks true", data)
