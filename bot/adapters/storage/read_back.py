"""Checks that the bot's own reader accepts from the bucket what was just stored there."""

from bot.adapters.storage.documents import write_manifest
from bot.adapters.storage.download import ObjectDownload
from bot.adapters.storage.reading import read_beginning
from bot.domain.backups import Backup
from bot.domain.bundle_limits import BundleLimits
from bot.errors import PermanentError

_AHEAD_BYTES = 256 * 1024
"""More than gzip holds back before the manifest's last byte is out."""


def check_bundle(backup: Backup, download: ObjectDownload, limits: BundleLimits) -> None:
    """Read the bundle's size, and its beginning up to the manifest, which names every member, size and digest.

    The rest is not downloaded again: the store itself has checked each part's MD5, and the size is that of what was
    sent. One HEAD and one ranged GET; it comes before the sidecar, so a bundle that fails is never listed.

    Raises:
        PermanentError: ``backup-not-accepted``.
        TemporaryError: ``storage-unavailable``.
    """
    if backup.manifest is None:
        raise _not_accepted(backup, "It has no manifest.")
    written_bytes = len(write_manifest(backup.manifest))
    try:
        content = download.beginning(written_bytes + written_bytes // 1000 + _AHEAD_BYTES)
        read_beginning(content, backup.manifest, limits)
    except PermanentError as error:
        raise _not_accepted(backup, error.message) from error


def check_sidecar(backup: Backup, found: Backup | None) -> None:
    """Compare the backup as it is found in the bucket with the one that was stored.

    Raises:
        PermanentError: ``backup-not-accepted``.
    """
    if found is None:
        raise _not_accepted(backup, "It is not found in the bucket.")
    if found.manifest != backup.manifest:
        raise _not_accepted(backup, "The manifest beside it is not the one that was written.")
    if found.stored.sha256 != backup.stored.sha256:
        raise _not_accepted(backup, "The manifest beside it is about another object.")
    if not found.is_signed:
        raise _not_accepted(backup, "The signature of the manifest beside it does not verify.")


def _not_accepted(backup: Backup, why: str) -> PermanentError:
    return PermanentError(
        "backup-not-accepted",
        f"{backup.stored.key} was stored, but the bot cannot read it back: {why}",
        "Do not count on this backup. Check the bucket's store, then take the backup again.",
    )
