"""Creates backups: emergency backups, those of drills, and those people request by `/backups ENV take`."""

import logging
import os
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from bot.domain.backups import Backup, BackupName, Manifest, Origin
from bot.domain.catalogue import DatabaseFacts
from bot.domain.jobs import Job, JobKind, is_label, is_reserved
from bot.domain.runs import Progress
from bot.engine.approvals.authorization import check_member
from bot.engine.backups.jobs import JobExecution, JobStep, check_no_run, run_job
from bot.engine.context import EnvironmentServices, Services
from bot.engine.requests import TakeBackup
from bot.engine.runs.step_execution import Outcome
from bot.errors import BotError, PermanentError, TemporaryError
from bot.planning.obstacles import check_dump
from bot.ports import Audience, Dump, Report

SCRATCH_SHARE = 1.0
"""Free scratch space needed, as a share of the database's size on disk; a dump is always smaller."""
SCHEMA_UNKNOWN = (
    "Its schema is unknown, because no tracking table could be read: it is never what latest means, and is restored by "
    "its name once level 3 of a verification has found a schema in it."
)
_log = logging.getLogger(__name__)


def in_use(directory: Path, report: Report) -> Report:
    """Touch a directory that is only read while there is progress: the cleanup deletes those that look like orphans."""

    def reported(progress: Progress) -> None:
        with suppress(OSError):
            os.utime(directory)
        report(progress)

    return reported


def take_bundle(env: EnvironmentServices, services: Services, label: str, app_version: str, report: Report) -> Backup:
    """Dump, bundle, upload; the manifest beside it last. Repeated, it begins again under a new name.

    Args:
        env: whose database and bucket.
        services: where there is scratch space.
        label: of the bundle's name; its time is the dump's snapshot.
        app_version: serving now; "" if unknown.
        report: called with bytes, of the dump first, then of the upload.

    Raises:
        PermanentError: ``scratch-full``, every reference of `check_dump`, and what the dump and the store raise.
        TemporaryError: ``schema-moved``, and what the dump and the store raise.
    """
    before = env.database.inspect()
    check_dump(env.environment.name, before.role, env.database.obstacles())
    check_scratch(services.scratch_dir, before.size_bytes)
    with tempfile.TemporaryDirectory(dir=services.scratch_dir, prefix="backstop-dump-") as scratch:
        directory = Path(scratch) / "dump"
        dump = env.database.dump(directory, report)
        facts = env.database.inspect()
        _check_unmoved(before, facts)
        manifest = _manifest(env.environment.name, label, app_version, facts, dump)
        return env.store.put_bundle(directory, manifest, in_use(Path(scratch), report))


def check_scratch(directory: Path, size_bytes: int) -> None:
    """Make the scratch directory and refuse when it has less room than that.

    Raises:
        PermanentError: ``scratch-full``.
    """
    directory.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(directory).free
    if free < size_bytes * SCRATCH_SHARE:
        raise PermanentError(
            "scratch-full",
            f"The dump may need {size_bytes / 1e6:.0f} MB and the scratch directory has {free / 1e6:.0f} MB free.",
            "Free space there, or point scratch_dir at a larger disk.",
        )


def _check_unmoved(before: DatabaseFacts, after: DatabaseFacts) -> None:
    """The manifest's schema version is not from the dump's snapshot: it holds only if it was the same on both sides."""
    if (before.applied, before.schema) != (after.applied, after.schema):
        raise TemporaryError(
            "schema-moved",
            "A migration was applied while the database was being dumped, so nothing says which schema the dump has.",
            "Nothing was stored. Try again once the migration is through.",
        )


def _manifest(environment: str, label: str, app_version: str, facts: DatabaseFacts, dump: Dump) -> Manifest:
    name = BackupName(environment, label, dump.taken_at)
    return Manifest(
        format=1,
        name=str(name),
        environment=environment,
        label=label,
        created_at=dump.taken_at,
        app_version=app_version,
        schema_version=max(facts.schema, 0),
        server_version=facts.server_version,
        tool_version=dump.tool_version,
        files=(),
        tables=tuple(dump.tables),
        database=dump.database,
        origin=Origin(facts.name, facts.identity.server, facts.identity.oid),
    )


class TakeStep(JobStep):
    """Takes a backup for a person."""

    kind = JobKind.TAKE

    def __init__(self, label: str) -> None:
        self._label = label

    def act(self, execution: JobExecution) -> Outcome:
        """Dump, bundle, upload.

        Raises:
            BotError: see `take_bundle`.
        """
        env, report = execution.env, execution.reporter(self.key)
        backup = take_bundle(env, execution.services, self._label, serving(env), report)
        return Outcome(str(backup.name), {"name": str(backup.name)})

    def conclude(self, execution: JobExecution, data: Mapping[str, Any]) -> Job:
        """Name the backup."""
        return replace(execution.job, subject=data["name"], backup=execution.env.store.find(data["name"]))


def take(services: Services, audience: Audience, request: TakeBackup) -> str:
    """Take a backup; returns a sentence for the person who requested it.

    Raises:
        BotError: why there is none; where it had begun, the incident channel shows it too.
    """
    environment, label = request.environment, request.label
    env = services.env(environment)
    check_member(services, audience.user_id, env.environment)
    _check_label(label)
    check_no_run(
        services,
        environment,
        ", and takes a backup of its own before it does",
        "Take yours when it is over: /rollback status.",
    )
    ended = run_job(services, env, audience, TakeStep(label), label)
    manifest = ended.backup.manifest if ended.backup else None
    unknown = "" if manifest is None or manifest.schema_version else f" {SCHEMA_UNKNOWN}"
    return f"Backup {ended.subject} is taken. /backups {environment} show {ended.subject} says what is in it.{unknown}"


def serving(env: EnvironmentServices) -> str:
    """The app version that serves now, "" if unknown; a backup is worth having even if the cluster does not answer."""
    try:
        deployment = env.cluster.inspect().deployment(env.environment.workloads.version_deployment)
    except BotError as error:
        _log.warning("the app's version is left out of a backup of %s: %s", env.environment.name, error.reference)
        return ""
    return str(deployment.version or "")


def _check_label(label: str) -> None:
    if not is_label(label):
        raise PermanentError(
            "not-a-label",
            f"{label[:80]} cannot be a label.",
            "Use letters, digits, dots and dashes, 60 at the most.",
        )
    if is_reserved(label):
        raise PermanentError(
            "label-reserved",
            f"Only runs may take backups labelled {label[:80]}.",
            "Choose another label: a run finds its own backup by such a one.",
        )
