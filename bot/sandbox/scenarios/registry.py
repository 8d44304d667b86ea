"""Lists every scenario by name."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bot.sandbox.scenarios import (
    audit_log,
    backups,
    beyond_plan,
    drill,
    drill_evidence,
    drill_kills,
    drill_requests,
    forged_rows,
    forms,
    hostile_bundle,
    lost_database,
    outages,
    place,
    refusals,
    renamed,
    restore,
    restore_kills,
    restore_outages,
    restore_sessions,
    rollback,
    row_recovery,
    troubles,
    undo_rollback,
)
from bot.sandbox.story import Story


@dataclass(frozen=True)
class Scenario:
    """A story with a name.

    Attributes:
        play: tells it; checks that fail are counted, an exception ends it.
        without: rows of the compatibility matrix to leave out, by app.
        drills: returns the schedules its bot is to have, when it is about to start; None for the usual ones.
        demands_drills: whether production refuses what no drill has proven recently.
    """

    play: Callable[[Story], None]
    without: frozenset[str] = frozenset()
    demands_drills: bool = False
    drills: Callable[[], Sequence[Mapping[str, str | int | list[str]]]] | None = None

    @property
    def is_special(self) -> bool:
        """Tell whether it needs a bot of its own."""
        return bool(self.without or self.demands_drills or self.drills)

    @property
    def summary(self) -> str:
        """Its docstring's first line."""
        return (self.play.__doc__ or "").strip().splitlines()[0]


SCENARIOS: Mapping[str, Scenario] = {
    "rollback-prod-027": Scenario(rollback.rollback_prod_027),
    "rollback-prod-024": Scenario(rollback.rollback_prod_024),
    "mistyped": Scenario(refusals.mistyped),
    "impossible": Scenario(refusals.impossible),
    "no-known-app": Scenario(refusals.no_known_app, without=frozenset({"v1.1.x"})),
    "unproven": Scenario(drill_evidence.unproven, demands_drills=True),
    "second-rollback": Scenario(refusals.second_rollback),
    "invalid-script": Scenario(refusals.invalid_script),
    "tenants": Scenario(beyond_plan.tenants),
    "renamed": Scenario(renamed.renamed),
    "triggers": Scenario(beyond_plan.triggers),
    "wrong-voters": Scenario(refusals.wrong_voters),
    "shared-channel": Scenario(refusals.shared_channel),
    "locked-table-at-planning": Scenario(troubles.locked_table_at_planning),
    "locked-table-in-run": Scenario(troubles.locked_table_in_run),
    "pod-never-stops": Scenario(troubles.pod_never_stops),
    "smoke-test-fails": Scenario(troubles.smoke_test_fails),
    "world-moves": Scenario(troubles.world_moves),
    "place-moves": Scenario(place.place_moves),
    "bot-killed": Scenario(troubles.bot_killed),
    "two-replicas": Scenario(troubles.two_replicas),
    "backups": Scenario(backups.backups),
    "restore-prod": Scenario(restore.restore_prod),
    "undo-restore": Scenario(restore.undo_restore),
    "undo-chain": Scenario(undo_rollback.undo_chain),
    "schema-dropped": Scenario(lost_database.schema_dropped),
    "database-dropped": Scenario(lost_database.database_dropped),
    "database-closed": Scenario(lost_database.database_closed),
    "salvage": Scenario(row_recovery.salvage),
    "modal-and-home": Scenario(forms.modal_and_home),
    "drill": Scenario(drill.drill, drills=drill_requests.soon),
    "drill-killed": Scenario(drill_kills.drill_killed),
    "votes-at-once": Scenario(outages.votes_at_once),
    "slack-down": Scenario(outages.slack_down),
    "bucket-hiccups": Scenario(outages.bucket_hiccups),
    "api-server-hiccups": Scenario(outages.api_server_hiccups),
    "database-restarted": Scenario(outages.database_restarted),
    "restore-killed-loading": Scenario(restore_kills.killed_while_loading),
    "restore-killed-swapping": Scenario(restore_kills.killed_while_swapping),
    "restore-bucket-breaks": Scenario(restore_outages.bucket_breaks),
    "restore-bucket-lost": Scenario(restore_outages.bucket_lost),
    "restore-scratch-full": Scenario(restore_outages.scratch_full),
    "restore-server-restarted": Scenario(restore_outages.server_restarted),
    "restore-crowd": Scenario(restore_sessions.crowd),
    "restore-prepared-transaction": Scenario(restore_sessions.prepared_transaction),
    "restore-superuser-session": Scenario(restore_sessions.superuser_session),
    "audit-log": Scenario(audit_log.audit_log),
    "hostile-bundle": Scenario(hostile_bundle.hostile_bundle),
    "forged-consent": Scenario(forged_rows.forged_rows),
}
