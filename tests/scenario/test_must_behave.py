"""Every "must behave" line of the main job, played in the sandbox and checked against the world itself."""

import pytest

from bot.sandbox.scenarios.registry import SCENARIOS
from bot.sandbox.theatre import clear_stage, play
from bot.sandbox.workplace import Sandbox

MUST_BEHAVE = {
    "rollback prod 027: schema 026, v1.2.3 serves, rows exported, bundle present": "rollback-prod-027",
    "rollback prod 024: the chain in one transaction in spite of 026's trap, a hanging view shown": "rollback-prod-024",
    "rollback prod 027 of an empty, absurd or mistyped text; prod 27; production 027": "mistyped",
    "rollback prod 017, prod 099, --app v1.3.0: refused with the way out": "impossible",
    "a rollback below what any known app can use": "no-known-app",
    "a rollback that no drill has proven, where policy blocks it; with a drill it is planned, and reported": "unproven",
    "a second rollback while one runs": "second-rollback",
    "a script made invalid": "invalid-script",
    "a table locked by someone, at planning": "locked-table-at-planning",
    "a table locked by someone, in the run": "locked-table-in-run",
    "a pod that never stops": "pod-never-stops",
    "a smoke test that fails": "smoke-test-fails",
    "facts that change void the votes": "world-moves",
    "votes of a deactivated lead, a guest, a stranger do not count; one rejection ends it": "wrong-voters",
    "a restart in the middle of a run goes on where it was": "bot-killed",
    "two replicas of the bot: one plan, one run, no doubled message": "two-replicas",
    "backups taken, listed, shown, verified; a tampered one refused; a take that is killed": "backups",
    "two leads vote at the same moment": "votes-at-once",
    "Slack is down: the run goes on and the card catches up": "slack-down",
    "the object store fails now and then": "bucket-hiccups",
    "the API server fails now and then": "api-server-hiccups",
    "the database server crashes in the middle of a run": "database-restarted",
    "rollback prod latest: loss shown, loaded beside the live one, swapped; the old one kept": "restore-prod",
    "rollback undo RUN: the rows written before the restore are back": "undo-restore",
    "a restore in place, where no second database is allowed: all or nothing, and undone": "restore-in-place",
    "rollback undo RUN of migrations: what was dropped is back, what was written since stays": "undo-chain",
    "rollback alone: the modal searched, refused at its fields, submitted; the Home tab follows": "modal-and-home",
    "a drill of each kind passes without touching production, and a wrong down script makes one red": "drill",
    "a drill whose bot is killed twice goes on where it was": "drill-killed",
    "rollback salvage RUN: the rows written before the restore are offered as SQL": "salvage",
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


@pytest.mark.scenario
@pytest.mark.parametrize("name", MUST_BEHAVE.values(), ids=MUST_BEHAVE.keys())
def test_must_behave(sandbox: Sandbox, name: str) -> None:
    try:
        checks = play(sandbox, name)
    finally:
        clear_stage(sandbox, name)
    assert checks.failures == []
    assert checks.passed > 0


def test_every_scenario_is_among_them() -> None:
    assert set(MUST_BEHAVE.values()) == set(SCENARIOS)
