"""Verifies backups: 1 names and checksums, 2 readable to the end, 3 restored and compared."""

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from bot.domain.backups import Backup, Verification
from bot.domain.jobs import LEVELS, Job, JobKind
from bot.domain.runs import run_id_of
from bot.domain.signing import explain_signature
from bot.engine.approvals.authorization import check_member
from bot.engine.backups.compare import compare
from bot.engine.backups.compare_live import check_shape, prove_likeness
from bot.engine.backups.jobs import JobExecution, JobStep, run_job
from bot.engine.backups.queries import find_backup
from bot.engine.backups.verdict import FaultError, note, verdict_on
from bot.engine.context import Services
from bot.engine.requests import VerifyBackup
from bot.engine.runs.step_execution import Outcome
from bot.errors import PermanentError
from bot.planning.refusals import check_loader, check_second_database
from bot.ports import Audience, FetchedBundle

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
            proven = self._prove(execution)
        except FaultError as fault:
            note(execution.env, backup, Verification(fault.level, now(), fault.problem))
            return Outcome("not passed", self._result(fault.level, fault.problem))
        remark = note(execution.env, backup, replace(proven, at=now()))
        said = " ".join(part for part in (_compared(backup, proven), _made(backup), remark) if part)
        return Outcome("passed", self._result(self._level, note=said))

    def _result(self, level: int, problem: str = "", note: str = "") -> Mapping[str, Any]:
        # With the backup's name: a successor looks for ``latest`` again, and may find another one.
        return {"subject": str(self._backup.name), "level": level, "problem": problem, "note": note}

    def conclude(self, execution: JobExecution, data: Mapping[str, Any]) -> Job:
        """Return the result with the job."""
        return replace(execution.job, **data)

    def _prove(self, execution: JobExecution) -> Verification:
        """Verify it; returns what is noted, but for its time."""
        passed = Verification(self._level, execution.job.begun_at)
        services, env, report = execution.services, execution.env, execution.reporter(self.key)
        if self._level == _NAMES:
            with verdict_on(_NAMES):
                env.store.verify_names(self._backup, report)
            return passed
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
                    return _restore(execution, self._backup, bundle, passed)
        return passed


def _restore(execution: JobExecution, backup: Backup, bundle: FetchedBundle, passed: Verification) -> Verification:
    """Restore it into a side database, and compare; returns what was found there."""
    sides, run_id, report = execution.env.sides, run_id_of(execution.job.id), execution.reporter(JobKind.VERIFY.value)
    try:
        check_shape(execution.services.reader, bundle)
        name = sides.load(run_id, bundle, report)
        tables = tuple(sides.contents(name, report))
        if backup.manifest is not None:
            compare(backup, tables)
        compared = prove_likeness(execution.env, name, backup, tables)
        # Of a bundle without a manifest, what was found is kept: a restore compares with it.
        kept = () if backup.manifest else tables
        schema = max(sides.inspect(name).schema, 0)
        return replace(passed, schema_version=schema, tables=kept, compared=compared)
    finally:
        # A successor loads into a database of the same name: it is not to be dropped, nor to speak against the bundle.
        execution.check_again()
        sides.drop(sides.name("side", run_id))


def _compared(backup: Backup, proven: Verification) -> str:
    """Say what a restored bundle was compared with: to have loaded it proves no row."""
    if proven.level != _RESTORED:
        return ""
    if backup.manifest is None:
        return f"Restored; {proven.compared}."
    tables = backup.manifest.tables
    rows = sum(table.rows for table in tables)
    said = f"Its manifest's {len(tables):,} tables with {rows:,} rows were compared: all as they should be."
    return f"{said} It was also {proven.compared}." if proven.compared else said


def _made(backup: Backup) -> str:
    """Say that somebody else may have made it: that it can be restored does not show where it comes from."""
    if backup.is_signed:
        return ""
    why = explain_signature(backup.signature) if backup.manifest else "has no signed manifest"
    return f"Not made by Backstop: it {why}."


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
