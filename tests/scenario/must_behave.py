"""Lists every "must behave" line by its scenario, in groups that test workers share among them."""

from bot.sandbox.player import clear_stage, play
from bot.sandbox.scenarios.registry import SCENARIOS
from bot.sandbox.workplace import Sandbox

ROLLBACKS = {
    "rollback prod 027: schema 026, v1.2.3 serves, rows exported, bundle present": "rollback-prod-027",
    "rollback prod 024: the chain in one transaction in spite of 026's trap, a hanging view shown": "rollback-prod-024",
    "rollback prod 027 of an empty, absurd or mistyped text; prod 27; production 027": "mistyped",
    "rollback prod 017, prod 099, --app v1.3.0: refused with the way out": "impossible",
    "a rollback below what any known app can use": "no-known-app",
    "a second rollback while one runs": "second-rollback",
    "a script made invalid": "invalid-script",
    "a script that renames: no row goes, and an undo brings the names back": "renamed",
    "a loop over rows that would drop tables nobody approved": "tenants",
    "a trigger that would change rows nobody approved; a check that would be false": "triggers",
    "a table locked by someone, at planning": "locked-table-at-planning",
    "a table locked by someone, in the run": "locked-table-in-run",
    "a pod that never stops": "pod-never-stops",
    "a smoke test that fails": "smoke-test-fails",
    "facts that change void the votes": "world-moves",
    "votes of a deactivated lead, a guest, a stranger do not count; one rejection ends it": "wrong-voters",
    "a channel that another organisation is in: nothing is started there": "shared-channel",
    "a restart in the middle of a run goes on where it was": "bot-killed",
    "two replicas of the bot: one plan, one run, no doubled message": "two-replicas",
    "two leads vote at the same moment": "votes-at-once",
    "Slack is down: the run goes on and the card catches up": "slack-down",
    "the object store fails now and then": "bucket-hiccups",
    "the API server fails now and then": "api-server-hiccups",
    "the database server crashes in the middle of a run": "database-restarted",
}
"""Chains, what is refused, votes, and dead dependencies."""

RESTORES = {
    "rollback prod latest: loss shown, loaded beside the live one, swapped; the old one kept": "restore-prod",
    "rollback undo RUN: the rows written before the restore are back": "undo-restore",
    "rollback undo RUN of migrations: what was dropped is back, what was written since stays": "undo-chain",
    "rollback prod latest after DROP SCHEMA public CASCADE": "schema-dropped",
    "rollback prod latest after DROP DATABASE: made again with owner, settings and grants": "database-dropped",
    "rollback prod latest where somebody has closed the database": "database-closed",
    "rollback salvage RUN: the rows written before the restore are offered as SQL": "salvage",
}
"""Restores and undoing."""

RESTORE_TROUBLES = {
    "restore: kill -9 while it fetches, loads, verifies": "restore-killed-loading",
    "restore: kill -9 before and after the swap commits, while the app starts": "restore-killed-swapping",
    "restore: the bucket breaks off at 50 % and comes back": "restore-bucket-breaks",
    "restore: the bucket is lost at 50 %": "restore-bucket-lost",
    "restore: the scratch disk is full": "restore-scratch-full",
    "restore: the database server restarts during the load": "restore-server-restarted",
    "restore: clients that reconnect at once, a monitoring tool, a logical replication slot": "restore-crowd",
    "restore: a prepared transaction": "restore-prepared-transaction",
    "restore: a superuser's session that may not be ended": "restore-superuser-session",
}
"""What may come in a restore's way."""

SURFACES = {
    "rollback alone: the modal searched, refused at its fields, submitted; the Home tab follows": "modal-and-home",
    "a rollback that no drill has proven, where policy blocks it; with a drill it is planned, and reported": "unproven",
    "backups taken, listed, shown, verified; a tampered one refused; a take that is killed": "backups",
    "a drill of each kind passes without touching production, and a wrong down script makes one red": "drill",
    "a drill whose bot is killed twice goes on where it was": "drill-killed",
    "hostile bundles verified, restored, drilled with: each refused by name, nothing run": "hostile-bundle",
}
"""Backups, drills, forms and pages."""


ALONE = {
    "a DSN, namespace, bucket or policy that changes between two votes voids them": "place-moves",
    "the audit log changed, cut and emptied by a superuser: each found and located": "audit-log",
    "requests, runs, votes, messages and log lines forged in the state database: nothing starts": "forged-consent",
}
"""What changes the state database or the configuration under the bot: each in a sandbox of its own."""


def check(sandbox: Sandbox, name: str) -> None:
    """Play a scenario against the world itself."""
    try:
        checks = play(sandbox, name)
    finally:
        clear_stage(sandbox, name)
    assert checks.failures == []
    assert checks.passed > 0


def left_out() -> set[str]:
    """Scenarios that are in no group, or names in a group that are no scenario's."""
    groups = (ROLLBACKS, RESTORES, RESTORE_TROUBLES, SURFACES, ALONE)
    return {name for group in groups for name in group.values()} ^ set(SCENARIOS)
