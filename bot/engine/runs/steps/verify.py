"""Verifies a database that has been changed before the app may use it."""

from collections.abc import Sequence

from bot.domain.versions import label
from bot.engine.runs.execution import Execution
from bot.errors import PermanentError


def accept(execution: Execution, hint: str, found: Sequence[str] = ()) -> str:
    """Compare the schema with the plan's and run the environment's SQL checks; return a line on what is true.

    Args:
        execution: the run; its database is open.
        hint: what to do when something is not as planned.
        found: problems that were found already.

    Raises:
        PermanentError: ``verification-failed`` names what is not as planned.
    """
    database, planned = execution.env.database, execution.run.plan.to_schema
    schema, checks = database.inspect().schema, execution.env.environment.smoke.sql
    problems = [f"not true: {done.sql} {done.problem}".strip() for done in database.check(checks) if not done.ok]
    if schema != planned:
        problems.append(f"schema is {label(schema)}, planned was {label(planned)}")
    problems += found
    if problems:
        raise PermanentError("verification-failed", "; ".join(problems)[:250] + ".", hint)
    return f"schema {label(schema)}, {len(checks)} checks true"
