"""Verifies backups: 1 names and checksums, 2 readable to the end, 3 restores to what its manifest says."""

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from bot.domain.backups import Backup, Verification
from bot.domain.jobs import LEVELS, Job, JobKind
from bot.domain.runs import run_id_of
from bot.engine.approvals.authorization import check_member
from bot.engine.backups.compare import compare
from bot.engine.backups.jobs import JobExecution, JobStep, run_job
from bot.engine.backups.queries import find_backup
from bot.engine.backups.verdict import FaultError, note, verdict_on
from bot.engine.context import Services
from bot.engine.requests import VerifyBackup
from bot.engine.runs.step_execution import Outcome
from bot.errors import PermanentError
from bot.planning.refusals import check_loader, check_second_database
from bot.ports import Audience, FetchedBundle, Report

_NAMES, _READABLE, _RESTORED = LEVELS


class VerifyStep(JobStep):
    """Verifies a backup up to a level."""

    kind = JobKind.VERIFY

    def __init__(self, backup: Backup, level: int) -> None:
        self._backup = backup
        self._level = level

    def act(self, execution: JobExecution) -> Outcome:
        """Verify it, and store the result: that a bundle is damaged is a result, no failure.

        Raises:
            BotError: it could not be tried; nothing is stored then.
        """
        backup, now = self._backup, execution.services.clock.now
        try:
            schema = self._prove(execution)
        except FaultError as fault:
            note(execution.env, backup, Verification(fault.level, now(), fault.problem))
            return Outcome("not passed", self._result(fault.level, fault.problem))
        remark = note(execution.env, backup, Verification(self._level, now(), schema_version=schema))
        said = " ".join(part for part in (_compared(backup, self._level), remark) if part)
        return Outcome("passed", self._result(self._level, note=said))

    def _result(self, level: int, problem: str = "", note: str = "") -> Mapping[str, Any]:
        # With the backup's name: a successor looks for ``latest`` again, and may find another one.
        return {"subject": str(self._backup.name), "level": level, "problem": problem, "note": note}

    def conclude(self, execution: JobExecution, data: Mapping[str, Any]) -> Job:
        """Return the result with the job."""
        return replace(execution.job, **data)

    def _prove(self, execution: JobExecution) -> int:
        """Verify it; returns the schema version that a restore found, else 0."""
        services, env, report = execution.services, execution.env, execution.reporter(self.key)
        if self._level == _NAMES:
            with verdict_on(_NAMES):
                env.store.verify_names(self._backup, report)
            return 0
        services.scratch_dir.mkdir(parents=True, exist_ok=True)
        run_id = run_id_of(execution.job.id)
        # The prefix names its user: while the request is unfinished, the cleanup leaves the directory alone.
        with tempfile.TemporaryDirectory(dir=services.scratch_dir, prefix=f"backstop-verify-{run_id}-") as scratch:
            directory = Path(scratch) / "bundle"
            directory.mkdir()
            with verdict_on(_NAMES):
                bundle = env.store.fetch(self._backup, directory, report)
            with verdict_on(_READABLE):
                services.reader.read_through(bundle)
            if self._level == _RESTORED:
                with verdict_on(_RESTORED):
                    return _restore(execution, self._backup, bundle, report)
        return 0


def _restore(execution: JobExecution, backup: Backup, bundle: FetchedBundle, report: Report) -> int:
    """Restore it into a side database; returns its schema version. One made elsewhere has nothing to compare with."""
    sides, run_id = execution.env.sides, run_id_of(execution.job.id)
    try:
        name = sides.load(run_id, bundle, report)
        if backup.manifest is not None:
            compare(backup, sides.contents(name, report))
        return max(sides.inspect(name).schema, 0)
    finally:
        # A successor loads into a database of the same name: it is not to be dropped, nor to speak against the bundle.
        execution.check_again()
        sides.drop(sides.name("side", run_id))


def _compared(backup: Backup, level: int) -> str:
    """Say what a restored bundle was compared with: to have loaded it proves no row."""
    if level != _RESTORED:
        return ""
    if backup.manifest is None:
        return "It was restored and its schema read. It has no manifest, so its rows were compared with nothing."
    tables = backup.manifest.tables
    rows = sum(table.rows for table in tables)
    return f"Its manifest's {len(tables):,} tables with {rows:,} rows were compared: all as they should be."


def verify(services: Services, audience: Audience, request: VerifyBackup) -> str:
    """Verify a backup; returns a sentence for the person who requested it.

    Raises:
        BotError: why it could not be tried.
    """
    env, level = services.env(request.environment), request.level
    check_member(services, audience.user_id, env.environment)
    _check_level(level)
    backup = find_backup(env, request.name)
    if level == _RESTORED:
        facts = env.database.inspect()
        check_second_database(request.environment, facts)
        check_loader(request.environment, facts.loader)
    ended = run_job(services, env, audience, VerifyStep(backup, level), str(backup.name), level)
    if ended.problem:
        return f"{ended.subject} did NOT pass level {ended.level}: {ended.problem}"
    return f"{ended.subject} passed level {ended.level}. {ended.note}".strip()


def _check_level(level: int) -> None:
    if level not in LEVELS:
        raise PermanentError("not-a-level", f"There is no level {level}.", "Levels are 1, 2 and 3; 2 is the default.")
