"""Tests down scripts in copies of real data: each alone, up again where possible, and all as one chain."""

from collections.abc import Mapping, Sequence
from typing import Any

from bot.domain.drills import ScriptTest
from bot.domain.migrations import DownScript, longest_chain
from bot.domain.versions import label
from bot.engine.drills.execution import DrillExecution, DrillStep
from bot.engine.drills.steps import keys
from bot.engine.runs.steps.step import Outcome
from bot.errors import PermanentError

_HINT = "Correct the script before somebody needs it. /migrations shows which are proven."


class RunAlone(DrillStep):
    """Each in what the newer ones have left, as a chain meets it."""

    key = keys.ALONE
    title = "Run every down script alone, and up again"

    def act(self, execution: DrillExecution) -> Outcome:
        """Try them from the newest to the oldest that can be reached without a gap.

        Raises:
            PermanentError: ``down-script-failed`` names the script and why; ``no-down-script``.
        """
        chain, ups = _reachable(execution), execution.services.scripts.load_ups()
        orders = [(script, ups.get(script.version)) for script in chain]
        run_id, report = f"{execution.drill.id}-{self.key}", execution.reporter(self.key)
        own = execution.drill.bundle_of == execution.drill.environment
        tried = execution.env.script_tests.alone(_loaded(execution), run_id, orders, report, privileges=own)
        data = {keys.SCRIPTS: [_entry(script, script_test) for script, script_test in zip(chain, tried, strict=False)]}
        failed = next((script_test for script_test in tried if script_test.problem), None)
        if failed is not None:
            execution.remember(self.key, data)
            raise PermanentError("down-script-failed", f"Alone, {label(failed.version)}: {failed.problem}", _HINT)
        return Outcome(_summarise(tried), data)


def _loaded(execution: DrillExecution) -> str:
    return execution.sides.name("side", execution.drill.id)


def _reachable(execution: DrillExecution) -> tuple[DownScript, ...]:
    """The longest chain that the scripts there are allow."""
    facts = execution.sides.inspect(_loaded(execution))
    facts.require_read()
    applied = facts.applied
    scripts = execution.services.scripts.load()
    chain = longest_chain(scripts, applied)
    newest_script = scripts.get(max((migration.version for migration in applied), default=0))
    if not chain and newest_script is not None and newest_script.fault is not None:
        raise newest_script.fault
    if not chain:
        newest = label(max((migration.version for migration in applied), default=0))
        raise PermanentError(
            "no-down-script", f"The bundle's newest migration is {newest}, and it has no down script.", "Write it."
        )
    return chain


def _entry(script: DownScript, script_test: ScriptTest) -> Mapping[str, Any]:
    return {
        "version": script.version,
        "sha256": script.sha256,
        "passed": not script_test.problem,
        "reversible": script_test.reversible,
        "note": script_test.note[:300],
    }


def _summarise(tried: Sequence[ScriptTest]) -> str:
    ups = [script_test for script_test in tried if script_test.reversible]
    notes = [f"{label(script_test.version)} {script_test.note}" for script_test in tried if script_test.note]
    but = f". But {'; '.join(notes)}" if notes else ""
    return f"{_span(tried)}: checks true, {len(ups)} led up again to the same schema{but}"


def _span(tried: Sequence[ScriptTest] | Sequence[DownScript]) -> str:
    newest, oldest = label(tried[0].version), label(tried[-1].version)
    return newest if newest == oldest else f"{newest} to {oldest}"


class RunChain(DrillStep):
    """Does what `/rollback ENV` does with the oldest of them, on an untouched copy."""

    key = keys.CHAIN
    title = "Run all of them as one chain"

    def act(self, execution: DrillExecution) -> Outcome:
        """Run them in one transaction.

        Raises:
            PermanentError: ``down-script-failed``.
        """
        chain = _reachable(execution)
        execution.env.script_tests.chain(_loaded(execution), f"{execution.drill.id}-{self.key}", chain)
        data = {keys.SCRIPTS: [{"version": script.version, "sha256": script.sha256} for script in chain]}
        return Outcome(f"{_span(chain)} in one transaction, checks true", data)
