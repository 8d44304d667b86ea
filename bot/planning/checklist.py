"""The steps of a run. Their titles are the procedure's own words."""

from bot.domain.runs import Step

NOTIFY = "notify"
RECHECK = "recheck"
BACKUP = "backup"
STOP_TRAFFIC = "stop-traffic"
FENCE = "fence"
EXPORT = "export"
CHAIN = "chain"
VERIFY = "verify"
START_APP = "start-app"
SMOKE = "smoke"
RESTORE_TRAFFIC = "restore-traffic"
DOCUMENT = "document"
FOLLOW_UP = "follow-up"

POINT_OF_NO_RETURN = CHAIN
"""Once this step has committed, nothing is undone by itself."""

_CHAIN = (
    (NOTIFY, "Notify team of rollback decision"),
    (RECHECK, "Re-check the plan"),
    (BACKUP, "Create emergency backup"),
    (STOP_TRAFFIC, "Stop incoming traffic"),
    (FENCE, "Fence the database"),
    (EXPORT, "Export the data that will be dropped"),
    (CHAIN, "Run the rollback chain"),
    (VERIFY, "Verify database connectivity and schema"),
    (START_APP, "Start the compatible app version, not yet serving"),
    (SMOKE, "Run smoke tests"),
    (RESTORE_TRAFFIC, "Restore traffic"),
    (DOCUMENT, "Document what happened"),
    (FOLLOW_UP, "Plan fix and re-deployment"),
)


def chain_checklist() -> tuple[Step, ...]:
    """The checklist of a migration rollback."""
    return tuple(Step(key, position, title) for position, (key, title) in enumerate(_CHAIN))
