"""Runs the smoke tests that must pass before traffic returns."""

from collections.abc import Iterator

from bot.domain.environments import HttpCheck
from bot.engine.runs.execution import Execution
from bot.engine.runs.steps.step import POLL_S, Action, Outcome
from bot.errors import PermanentError
from bot.planning import checklist
from bot.planning.refusals import and_list

MAX_NAMED = 2
"""Problems named in the message; the others are of the same kind."""


class SmokeTests(Action):
    """Check every new pod and the database; a freshly started app has some time to warm up."""

    key = checklist.SMOKE

    def act(self, execution: Execution) -> Outcome:
        """Repeat until every check passes or `smoke_s` is over.

        Raises:
            PermanentError: ``smoke-failed`` with each check that does not pass.
        """
        clock = execution.services.clock
        deadline = clock.monotonic() + execution.env.environment.timing.smoke_s
        while problems := list(_problems(execution)):
            if clock.monotonic() >= deadline:
                raise PermanentError(
                    "smoke-failed",
                    _shorten(problems),
                    "Traffic is held and the database is rolled back. Fix the app, then press Retry.",
                )
            execution.check()
            clock.sleep(POLL_S)
        return Outcome(_passed(execution))


def _passed(execution: Execution) -> str:
    """Describe what has passed, and which checks had no pod."""
    smoke, replicas = execution.env.environment.smoke, _replicas(execution)
    asked = [check for check in smoke.http if replicas.get(check.deployment, 0)]
    unasked = [f"{check.path} of {check.deployment}" for check in smoke.http if check not in asked]
    nobody = f"; nobody was asked {and_list(unasked)}, for there are no pods" if unasked else ""
    return f"{len(asked)} HTTP and {len(smoke.sql)} SQL checks passed{nobody}"


def _replicas(execution: Execution) -> dict[str, int]:
    return {work.deployment: work.replicas for work in execution.run.plan.workloads}


def _shorten(problems: list[str]) -> str:
    more = len(problems) - MAX_NAMED
    return "; ".join(problems[:MAX_NAMED]) + (f"; and {more} more." if more > 0 else ".")


def _problems(execution: Execution) -> Iterator[str]:
    smoke = execution.env.environment.smoke
    replicas = _replicas(execution)
    for check in smoke.http:
        yield from _ask(execution, check, replicas.get(check.deployment, 0))
    for result in execution.env.database.check(smoke.sql):
        if not result.ok:
            yield f"{result.sql}: {result.problem or 'not true'}"


def _ask(execution: Execution, check: HttpCheck, replicas: int) -> Iterator[str]:
    # Every planned pod must answer: one that is missing would get traffic later, unchecked.
    answers = execution.env.cluster.get_http(check)
    if len(answers) < replicas:
        yield f"{check.path} of {check.deployment}: {len(answers)} of {replicas} pods answered"
    for answer in answers:
        if not answer.ok:
            yield f"{check.path} of {answer.pod}: {answer.status or 'no answer'} {answer.excerpt[:80]}".rstrip()
