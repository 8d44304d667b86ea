"""Backups to show."""

from datetime import timedelta

from bot.domain.backups import (
    Backup,
    BackupName,
    BundleFile,
    Manifest,
    StoredObject,
    TableContent,
)
from bot.domain.signing import SignatureState
from tests.views.samples import ASKED

NAME = BackupName("prod", "nightly", ASKED - timedelta(hours=2))
TABLES = tuple(TableContent(f"public.t{number:02}", number) for number in range(25))
FILES = (BundleFile("dump/toc.dat", 4096, "ab" * 32), BundleFile("dump/4711.dat.gz", 1_000_000, "cd" * 32))
MANIFEST = Manifest(1, str(NAME), "prod", "nightly", NAME.created_at, "v1.3.0", 27, 180006, "18.6", FILES, TABLES)
BACKUP = Backup(
    NAME, StoredObject(f"{NAME}.tar.gz", 1_004_096, sha256="ef" * 32), MANIFEST, signature=SignatureState.VALID
)
