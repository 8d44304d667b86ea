"""Declares where drills are stored, when they are due, and who draws and tests for them."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from bot.domain.drill_reports import Chart
from bot.domain.drills import (
    Alert,
    Drill,
    DrillKind,
    DrillState,
    Listed,
    Measurement,
    Schedule,
    ScriptProof,
    ScriptTest,
)
from bot.domain.migrations import DownScript, UpScript
from bot.domain.runs import Lease, Step
from bot.ports.bundles import Report


class Plotter(Protocol):
    """Draws charts."""

    def draw(self, chart: Chart) -> bytes:
        """Draw it as a PNG; the same chart yields the same bytes.

        Raises:
            PermanentError: ``picture-failed``.
        """


class DrillRepository(Protocol):
    """Drills, their checklists, and what was learnt, kept for ever. Every method is one transaction."""

    def enlist(self, name: str, fingerprint: str, now: datetime) -> Listed | None:
        """Note that a schedule is in force as it is, and give what is known of it.

        A new one, or one that was out of the configuration while others were in force, begins `now`. Another
        fingerprint goes on where the one before was last seen. None while a newer one is in force on another
        replica: this process has an old configuration.
        """

    def listed(self, since: datetime) -> Collection[str]:
        """Names of the schedules that some replica has had in force since then."""

    def advance(self, name: str, fingerprint: str, planned_to: datetime) -> None:
        """Note that every due time up to then has its drill."""

    def beat(self, now: datetime) -> None:
        """Note that everything due by now has been dealt with."""

    def last_beat(self) -> datetime | None:
        """Return when that was last so, on any replica."""

    def plan(self, drill: Drill) -> bool:
        """Create a planned drill; False when its schedule and due time, or its id, have one already."""

    def drill(self, drill_id: str) -> Drill | None:
        """Read one."""

    def drills(self, environment: str | None = None, limit: int = 10) -> Sequence[Drill]:
        """Newest due first, whatever their state."""

    def open_drills(self) -> Sequence[Drill]:
        """Planned and running ones, earliest start first."""

    def note_announced(self, drill_id: str) -> None:
        """Note that it has been announced; the first time counts."""

    def postpone(self, drill_id: str, start_at: datetime, user_id: str) -> bool:
        """Put the start of a planned one off until then; False when it is not planned any more, or starts later."""

    def close(self, drill_id: str, state: DrillState, problem: str, user_id: str = "") -> bool:
        """PLANNED → SKIPPED or MISSED; False when it is not planned any more."""

    def miss(self, problems: Mapping[str, str]) -> None:
        """PLANNED → MISSED for all of them at one moment, each with its problem; those not planned any more stay."""

    def untold(self) -> Sequence[Drill]:
        """List those that have ended and whose end has not been reported yet, earliest due first; 1,000 at most.

        Of those that were missed at one moment, all or none.
        """

    def note_reported(self, drill_ids: Sequence[str]) -> None:
        """Note that their end has been reported."""

    def take(self, drill_id: str, steps: Sequence[Step], owner: str, lease_s: float) -> Drill | None:
        """Become the owner: PLANNED or RUNNING → RUNNING. `steps` are its checklist where it has none yet.

        None when it has ended, when its start is still ahead (it has just been postponed), or when another process's
        lease still runs.
        """

    def finish(
        self,
        lease: Lease,
        state: DrillState,
        problem: str = "",
        measured: Measurement | None = None,
        proofs: Sequence[ScriptProof] = (),
    ) -> None:
        """RUNNING → PASSED or FAILED, with what was learnt; the proofs of a failed one are kept as well.

        Raises:
            PermanentError: ``fenced-off``.
        """

    def history(
        self, environment: str | None = None, limit: int = 1000, kind: DrillKind | None = None
    ) -> Sequence[Drill]:
        """Those that were tried (passed or failed), newest first, with their measurements.

        `environment`: those that ran there or used a bundle of it.
        """

    def newest_passes(self) -> Sequence[Drill]:
        """The newest that passed of each kind and each environment whose bundle was used, newest first."""

    def restored(self, bundle: str) -> Drill | None:
        """The newest restore or bundle drill that passed with the bundle of that name."""

    def last_passed(self, schedule: str) -> datetime | None:
        """Return when a drill of that schedule last passed."""

    def last_proof(self, environment: str) -> datetime | None:
        """Return when a drill in that environment, or of its bundles, last passed."""

    def alerts(self) -> Sequence[Alert]:
        """Alerts that have been raised and not cleared."""

    def raise_alert(self, alert: Alert) -> None:
        """Keep an alert in the place of its subject's last one."""

    def clear_alert(self, subject: str) -> None:
        """Keep it no longer."""

    def script_proofs(self) -> Mapping[str, ScriptProof]:
        """The newest proof of each script, by sha256."""


class Calendar(Protocol):
    """Computes due times of schedules. Time zones and cron are its business."""

    def due_between(self, schedule: Schedule, after: datetime, until: datetime) -> Sequence[datetime]:
        """Due times with ``after < due ≤ until``, UTC, ascending, blackout days left out; 1,000 at most."""

    def next_due(self, schedule: Schedule, after: datetime) -> datetime | None:
        """The first due time after that; None when there is none within five years."""

    def jitter_s(self, schedule: Schedule, due_at: datetime) -> float:
        """By how many seconds that one starts later: 0…`jitter_s`, the same on every replica."""

    def wall(self, schedule: Schedule, at: datetime) -> datetime:
        """The same moment in the schedule's time zone."""


class ScriptTests(Protocol):
    """Runs down scripts and commits them, in copies of what `Sides.load` has loaded, which stays as it is."""

    def alone(
        self,
        source: str,
        run_id: str,
        scripts: Sequence[tuple[DownScript, UpScript | None]],
        report: Report,
        *,
        privileges: bool = True,
    ) -> Sequence[ScriptTest]:
        """Run each by itself, the newest first, each in what the one before has left.

        First down, its checks, up again, compared, and all of that rolled back; then down, its checks, COMMIT. Ends
        with the first that has a problem.

        Args:
            source: the database that is copied, a ``side`` one.
            run_id: names the copy, a ``side`` one too. A leftover of an earlier try is dropped first; in the end it
                is dropped as well.
            scripts: newest first, with the up script where there is one.
            report: called with how many are through.
            privileges: whether they are compared, too. Where the bundle is another environment's, they are not: new
                objects get theirs by default privileges of a role that owns nothing here.

        Raises:
            PermanentError: ``not-ours``, ``side-missing``, ``database-refused``, ``tracking-table-unreadable``.
            TemporaryError: ``database-unreachable``.
        """

    def chain(self, source: str, run_id: str, chain: Sequence[DownScript]) -> None:
        """Run them all in ONE transaction, newest first, and commit; then the checks of all.

        Args:
            source: as of `alone`.
            run_id: as of `alone`.
            chain: newest first.

        Raises:
            PermanentError: ``down-script-failed`` names script, line and the server's message, or the check; and those
                of `alone`.
            TemporaryError: ``database-unreachable``.
        """
