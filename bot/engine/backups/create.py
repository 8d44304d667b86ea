"""Taking a bundle: one way for emergency backups, for `/backups ENV take`, and for whatever else needs one."""

import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from bot.domain.backups import Backup, BackupName, Manifest
from bot.domain.catalogue import DatabaseFacts
from bot.domain.runs import Progress
from bot.engine.context import EnvironmentServices, Services
from bot.errors import PermanentError, TemporaryError
from bot.ports import Dump, Report


def in_use(directory: Path, report: Report) -> Report:
    """Keep a directory that is only read from looking like nobody's, for as long as there is progress to report."""

    def reported(progress: Progress) -> None:
        with suppress(OSError):
            os.utime(directory)
        report(progress)

    return reported


SCRATCH_SHARE = 1.0
"""Free scratch space wanted, as a share of the database's size on disk; a dump is always smaller."""


def take_bundle(env: EnvironmentServices, services: Services, label: str, app_version: str, report: Report) -> Backup:
    """Dump, bundle, upload; the manifest beside it last. Repeated, it begins anew under a new name.

    Args:
        env: whose database and bucket.
        services: where there is scratch space.
        label: of the bundle's name; its time is the dump's snapshot.
        app_version: serving now; "" if unknown.
        report: called with bytes, of the dump first, then of the upload.

    Raises:
        PermanentError: ``scratch-full``, and what the dump and the store raise.
        TemporaryError: ``schema-moved``, and what the dump and the store raise.
    """
    before = env.database.inspect()
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
    if before.applied != after.applied:
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
        schema_version=facts.schema,
        server_version=facts.server_version,
        tool_version=dump.tool_version,
        files=(),
        tables=tuple(dump.tables),
    )
