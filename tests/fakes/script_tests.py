"""Fakes the tests of down scripts."""

from collections.abc import Sequence

from bot.domain.drills import ScriptTest
from bot.domain.migrations import DownScript, UpScript
from bot.domain.runs import Progress
from bot.errors import BotError
from bot.ports import Report
from tests.fakes.clock import FakeClock
from tests.fakes.sides import FakeSides


class FakeScriptTests:
    """A `bot.ports.ScriptTests`; `problems` are reported of scripts, `chain_error` of the chain.

    A copy stays when the process dies in the middle, as a real one does.
    """

    def __init__(self, sides: FakeSides, clock: FakeClock) -> None:
        self._sides = sides
        self._clock = clock
        self.problems: dict[int, str] = {}
        self.irreversible: dict[int, str] = {}
        self.chain_error: BotError | None = None
        self.compared_privileges: bool | None = None
        self.chains: list[tuple[int, ...]] = []

    def alone(
        self,
        source: str,
        run_id: str,
        scripts: Sequence[tuple[DownScript, UpScript | None]],
        report: Report,
        *,
        privileges: bool = True,
    ) -> Sequence[ScriptTest]:
        self.compared_privileges = privileges
        name = self._copy(source, run_id)
        tests: list[ScriptTest] = []
        for script, up in scripts:
            self._clock.sleep(1.5)
            report(Progress(len(tests), len(scripts), "scripts"))
            tests.append(self._script_test(script.version, up))
            if tests[-1].problem:
                break
        self._sides.drop(name)
        return tests

    def chain(self, source: str, run_id: str, chain: Sequence[DownScript]) -> None:
        name = self._copy(source, run_id)
        if self.chain_error is not None:
            self._sides.drop(name)
            raise self.chain_error
        self.chains.append(tuple(script.version for script in chain))
        self._sides.drop(name)

    def _copy(self, source: str, run_id: str) -> str:
        name = self._sides.name("side", run_id)
        self._sides.databases[name] = self._sides.databases[source]
        self._sides.tracking[name] = dict(self._sides.tracking[source])
        return name

    def _script_test(self, version: int, up: UpScript | None) -> ScriptTest:
        note = self.irreversible.get(version, "")
        return ScriptTest(version, self.problems.get(version, ""), None if up is None else not note, note)
