"""Proving a backup: its names and checksums, that it can be read to its end, that it restores to what it says."""

import tempfile
from dataclasses import replace
from pathlib import Path

from bot.domain.backups import Backup, Verification
from bot.domain.jobs import LEVELS, Job, JobKind, JobState
from bot.domain.runs import run_id_of
from bot.engine.approvals.authorization import check_member
from bot.engine.backups.compare import compare
from bot.engine.backups.jobs import Work, begin
from bot.engine.backups.queries import find_backup
from bot.engine.backups.verdict import FaultError, judging, note
from bot.engine.context import Services
from bot.engine.requests import VerifyBackup
from bot.errors import PermanentError
from bot.planning.refusals import check_second_database
from bot.ports import Audience, FetchedBundle, Sides

_NAMES, _READABLE, _RESTORED = LEVELS


def verify(services: Services, audience: Audience, request: VerifyBackup) -> str:
    """Prove a backup, keep what was found, and give a sentence for whoever asked.

    Raises:
        BotError: why it could not be tried; nothing is noted then.
    """
    env, level = services.env(request.environment), request.level
    check_member(services, audience.user_id, env.environment)
    _check_level(level)
    backup = find_backup(env, request.name)
    if level == _RESTORED:
        check_second_database(request.environment, env.database.inspect())
    work = begin(services, env, audience, JobKind.VERIFY, str(backup.name), level)
    ended = work.perform(lambda: _verified(work, backup))
    if ended.problem:
        return f"{backup.name} did NOT pass level {ended.level}: {ended.problem}"
    return f"{backup.name} passed level {ended.level}. {ended.note}".strip()


def _check_level(level: int) -> None:
    if level not in LEVELS:
        raise PermanentError("not-a-level", f"There is no level {level}.", "Levels are 1, 2 and 3; 2 is the default.")


def _verified(work: Work, backup: Backup) -> Job:
    try:
        schema = _prove(work, backup)
    except FaultError as fault:
        note(work.env, backup, Verification(fault.level, work.services.clock.now(), fault.problem))
        return replace(work.job, state=JobState.DONE, level=fault.level, problem=fault.problem)
    remark = note(work.env, backup, Verification(work.job.level, work.services.clock.now(), schema_version=schema))
    return replace(work.job, state=JobState.DONE, note=remark)


def _prove(work: Work, backup: Backup) -> int:
    """Prove it; gives the schema version that a restore found, else 0."""
    if work.job.level == _NAMES:
        with judging(_NAMES):
            work.env.store.verify_names(backup, work.reporter())
        return 0
    work.services.scratch_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=work.services.scratch_dir, prefix=_prefix(work)) as scratch:
        directory = Path(scratch) / "bundle"
        directory.mkdir()
        with judging(_NAMES):
            bundle = work.env.store.fetch(backup, directory, work.reporter())
        with judging(_READABLE):
            work.services.reader.read_through(bundle)
        if work.job.level == _RESTORED:
            with judging(_RESTORED):
                return _restore(work, work.env.sides, backup, bundle)
    return 0


def _prefix(work: Work) -> str:
    """The directory says whose it is: for as long as the request is not finished, nobody tidies it away."""
    return f"backstop-verify-{run_id_of(work.job.id)}-"


def _restore(work: Work, sides: Sides, backup: Backup, bundle: FetchedBundle) -> int:
    """Restore it aside; gives the schema version found there. One made elsewhere says nothing to compare it with."""
    run_id, report = run_id_of(work.job.id), work.reporter()
    try:
        name = sides.load(run_id, bundle, report)
        if backup.manifest is not None:
            compare(backup, sides.contents(name, report))
        return sides.inspect(name).schema
    finally:
        sides.drop(sides.name("side", run_id))
