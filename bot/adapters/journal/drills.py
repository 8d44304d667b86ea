"""Stores drills, their schedules and alerts, and what they have proven."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter

from bot.adapters.journal import mapping
from bot.adapters.journal.connections import Table, connection
from bot.adapters.journal.leases import add_steps, check_owner, lease_lost, list_steps, release_lease, take_lease
from bot.adapters.named_queries import load
from bot.domain.drills import OUTDATED_AFTER, Alert, Drill, DrillKind, DrillState, Listed, Measurement, ScriptProof
from bot.domain.runs import Lease, Step, WorkKind

_MEASURED = TypeAdapter(Measurement)


class PostgresDrillRepository(Table):
    """A `bot.ports.drills.DrillRepository` in the schema ``backstop`` of the state database.

    Every method may raise TemporaryError ``journal-unreachable``.
    """

    _queries = load("sql.journal", "drills.sql")

    def enlist(self, name: str, fingerprint: str, now: datetime) -> Listed | None:
        """See `bot.ports.drills.DrillRepository.enlist`."""
        row = self._one("enlist", name=name, fingerprint=fingerprint, now=now, patience=OUTDATED_AFTER)
        return Listed(mapping.utc(row["known_since"]), mapping.utc(row["planned_to"])) if row else None

    def listed(self, since: datetime) -> Collection[str]:
        """See `bot.ports.drills.DrillRepository.listed`."""
        return {row["name"] for row in self._all("listed", since=since)}

    def advance(self, name: str, fingerprint: str, planned_to: datetime) -> None:
        """See `bot.ports.drills.DrillRepository.advance`."""
        self._do("advance", name=name, fingerprint=fingerprint, planned_to=planned_to)

    def beat(self, now: datetime) -> None:
        """See `bot.ports.drills.DrillRepository.beat`."""
        self._do("beat", now=now)

    def last_beat(self) -> datetime | None:
        """See `bot.ports.drills.DrillRepository.last_beat`."""
        row = self._one("last_beat")
        return mapping.utc(row["seen_at"]) if row else None

    def plan(self, drill: Drill) -> bool:
        """See `bot.ports.drills.DrillRepository.plan`."""
        return self._one("plan_drill", **_planned_row(drill)) is not None

    def drill(self, drill_id: str) -> Drill | None:
        """See `bot.ports.drills.DrillRepository.drill`."""
        row = self._one("drill", drill_id=drill_id)
        return mapping.read_drill(row) if row else None

    def drills(self, environment: str | None = None, limit: int = 10) -> Sequence[Drill]:
        """See `bot.ports.drills.DrillRepository.drills`."""
        return [mapping.read_drill(row) for row in self._all("drills", environment=environment, limit=limit)]

    def open_drills(self) -> Sequence[Drill]:
        """See `bot.ports.drills.DrillRepository.open_drills`."""
        return [mapping.read_drill(row) for row in self._all("open_drills")]

    def note_announced(self, drill_id: str) -> None:
        """See `bot.ports.drills.DrillRepository.note_announced`."""
        self._do("note_announced", drill_id=drill_id, now=self._clock.now())

    def postpone(self, drill_id: str, start_at: datetime, user_id: str) -> bool:
        """See `bot.ports.drills.DrillRepository.postpone`."""
        return self._one("postpone_drill", drill_id=drill_id, start_at=start_at, user_id=user_id) is not None

    def close(self, drill_id: str, state: DrillState, problem: str, user_id: str = "") -> bool:
        """See `bot.ports.drills.DrillRepository.close`."""
        values = {"drill_id": drill_id, "state": state.value, "problem": problem, "user_id": user_id}
        return self._one("close_drill", now=self._clock.now(), **values) is not None

    def miss(self, problems: Mapping[str, str]) -> None:
        """See `bot.ports.drills.DrillRepository.miss`."""
        if problems:
            self._do("miss_drills", ids=list(problems), problems=list(problems.values()), now=self._clock.now())

    def untold(self) -> Sequence[Drill]:
        """See `bot.ports.drills.DrillRepository.untold`."""
        found = [mapping.read_drill(row) for row in self._all("untold_drills")]
        return sorted(found, key=lambda drill: (drill.due_at, drill.id))

    def note_reported(self, drill_ids: Sequence[str]) -> None:
        """See `bot.ports.drills.DrillRepository.note_reported`."""
        self._do("note_reported", ids=list(drill_ids), now=self._clock.now())

    def take(self, drill_id: str, steps: Sequence[Step], owner: str, lease_s: float) -> Drill | None:
        """See `bot.ports.drills.DrillRepository.take`."""
        values = {"drill_id": drill_id, "now": self._clock.now()}
        with connection(self._pool) as conn:
            if conn.execute(self._queries["lock_startable_drill"], values).fetchone() is None:
                return None
            if take_lease(conn, WorkKind.DRILL, drill_id, owner, lease_s) is None:
                return None
            conn.execute(self._queries["start_drill"], values)
            if not list_steps(conn, WorkKind.DRILL, drill_id):
                add_steps(conn, WorkKind.DRILL, drill_id, steps)
            row = conn.execute(self._queries["drill"], values).fetchone()
        return mapping.read_drill(row) if row else None

    def finish(
        self,
        lease: Lease,
        state: DrillState,
        problem: str = "",
        measured: Measurement | None = None,
        proofs: Sequence[ScriptProof] = (),
    ) -> None:
        """See `bot.ports.drills.DrillRepository.finish`."""
        values = {
            "drill_id": lease.id,
            "state": state.value,
            "problem": problem,
            "measured": _MEASURED.dump_json(measured).decode() if measured else None,
            "now": self._clock.now(),
        }
        with connection(self._pool) as conn:
            if conn.execute(self._queries["finish_drill"], values).fetchone() is None:
                raise lease_lost(lease)
            check_owner(conn, lease)
            release_lease(conn, WorkKind.DRILL, lease.id)
            conn.cursor().executemany(self._queries["add_script_proof"], [_proof_row(proof) for proof in proofs])

    def history(
        self, environment: str | None = None, limit: int = 1000, kind: DrillKind | None = None
    ) -> Sequence[Drill]:
        """See `bot.ports.drills.DrillRepository.history`."""
        values = {"environment": environment, "limit": limit, "kind": kind.value if kind else None}
        return [mapping.read_drill(row) for row in self._all("drill_history", **values)]

    def newest_passes(self) -> Sequence[Drill]:
        """See `bot.ports.drills.DrillRepository.newest_passes`."""
        return [mapping.read_drill(row) for row in self._all("newest_passes")]

    def restored(self, bundle: str) -> Drill | None:
        """See `bot.ports.drills.DrillRepository.restored`."""
        row = self._one("restored_by", bundle=bundle)
        return mapping.read_drill(row) if row else None

    def last_passed(self, schedule: str) -> datetime | None:
        """See `bot.ports.drills.DrillRepository.last_passed`."""
        row = self._one("last_passed", schedule=schedule)
        return mapping.utc(row["ended_at"]) if row and row["ended_at"] else None

    def last_proof(self, environment: str) -> datetime | None:
        """See `bot.ports.drills.DrillRepository.last_proof`."""
        row = self._one("last_proof", environment=environment)
        return mapping.utc(row["ended_at"]) if row and row["ended_at"] else None

    def alerts(self) -> Sequence[Alert]:
        """See `bot.ports.drills.DrillRepository.alerts`."""
        return [Alert(**(row | {"since": mapping.utc(row["since"])})) for row in self._all("alerts")]

    def raise_alert(self, alert: Alert) -> None:
        """See `bot.ports.drills.DrillRepository.raise_alert`."""
        self._do("raise_alert", **asdict(alert))

    def clear_alert(self, subject: str) -> None:
        """See `bot.ports.drills.DrillRepository.clear_alert`."""
        self._do("clear_alert", subject=subject)

    def script_proofs(self) -> Mapping[str, ScriptProof]:
        """See `bot.ports.drills.DrillRepository.script_proofs`."""
        return {
            row["sha256"]: ScriptProof(**(row | {"at": mapping.utc(row["at"])})) for row in self._all("script_proofs")
        }


def _planned_row(drill: Drill) -> dict[str, Any]:
    return {
        "id": drill.id,
        "schedule": drill.schedule,
        "environment": drill.environment,
        "kind": drill.kind.value,
        "bundle_of": drill.bundle_of,
        "due_at": drill.due_at,
        "start_at": drill.start_at,
        "user_id": drill.user_id,
    }


def _proof_row(proof: ScriptProof) -> dict[str, Any]:
    return {
        "sha256": proof.sha256,
        "drill_id": proof.drill_id,
        "version": proof.version,
        "at": proof.at,
        "reversible": proof.reversible,
    }
