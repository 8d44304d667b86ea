"""Names the steps of a run: keys, which are on disk, and titles. The rows of `kinds` put them in order."""

NOTIFY = "notify"
RECHECK = "recheck"
BACKUP = "backup"
STOP_TRAFFIC = "stop-traffic"
EXCLUSIVE_ACCESS = "fence"
EXPORT = "export"
CHAIN = "chain"
FETCH = "fetch"
LOAD = "load"
VERIFY_SIDE = "verify-side"
SWAP = "swap"
VERIFY = "verify"
VERIFY_SWAPPED = "verify-swapped"
RECREATE = "regrow"
VERIFY_RECREATED = "verify-regrown"
REPLACE = "replace"
"""Only runs of a retired kind have it."""
START_APP = "start-app"
SMOKE = "smoke"
RESTORE_TRAFFIC = "restore-traffic"
DOCUMENT = "document"
FOLLOW_UP = "follow-up"

_VERIFIED = "Verify database connectivity and schema"
TITLES = {
    NOTIFY: "Notify team of rollback decision",
    RECHECK: "Re-check the plan",
    BACKUP: "Create emergency backup",
    STOP_TRAFFIC: "Stop incoming traffic",
    EXCLUSIVE_ACCESS: "Fence the database",
    EXPORT: "Export the data that will be dropped",
    CHAIN: "Run the rollback chain",
    FETCH: "Fetch and verify the bundle",
    LOAD: "Load it into a side database",
    VERIFY_SIDE: "Verify data integrity of the side database",
    SWAP: "Swap the databases",
    VERIFY: _VERIFIED,
    VERIFY_SWAPPED: _VERIFIED,
    RECREATE: "Create and load again what the chain dropped",
    VERIFY_RECREATED: _VERIFIED,
    START_APP: "Start the compatible app version, not yet serving",
    SMOKE: "Run smoke tests",
    RESTORE_TRAFFIC: "Restore traffic",
    DOCUMENT: "Document what happened",
    FOLLOW_UP: "Plan fix and re-deployment",
}
"""The procedure's own words for the steps."""
