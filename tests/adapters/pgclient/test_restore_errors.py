"""Errors of pg_restore are read without what a function has raised."""

from bot.adapters.pgclient.redaction import FUNCTION_SPOKE, summarise_errors
from bot.adapters.pgclient.restore_errors import read_restore_errors

RAISED = """pg_restore: error: COPY failed for table "a_patients": ERROR:  patient Nguyen Van An has no clinic
CONTEXT:  PL/pgSQL function public.guard() line 3 at RAISE
COPY a_patients, line 1: "Nguyen Van An"
pg_restore: error: could not execute query: ERROR:  permission denied for table b
Command was: GRANT SELECT ON TABLE b TO c;
"""


def test_what_a_function_raised_is_not_repeated() -> None:
    assert (
        summarise_errors(RAISED)
        == f'COPY failed for table "a_patients": ERROR:  {FUNCTION_SPOKE}; the server\'s log has its words'
    )
    assert [str(restore_error) for restore_error in read_restore_errors(RAISED)] == [
        f'COPY failed for table "a_patients": ERROR:  {FUNCTION_SPOKE}; the server\'s log has its words.',
        "GRANT SELECT ON TABLE b TO c: permission denied for table b.",
    ]
